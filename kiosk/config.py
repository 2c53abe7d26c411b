"""The typed configuration, ``kiosk.toml`` (CONTRACTS §1). A wrong key refuses the start and is named with its fix."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from devices.drivers import Configured, SettingsError, configured
from kiosk import shapes
from kiosk.clock import DAY_BEGAN, demo_day_began
from kiosk.hub_link.address import address_fault, is_loopback
from kiosk.messages.bounds import KIOSK_ID, Named
from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.seal import require_seal_key, require_sign_key
from kiosk.messages.typed import plain
from kiosk.toml_file import TomlTrouble, read_toml

DEFAULT_PATH = Path("/etc/tongban/kiosk.toml")


class ConfigError(Exception):
    """The configuration cannot be used; one line that names the key and the fix."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section: an unknown key is an error."""


class MachineConfig(Section, frozen=True, kw_only=True):
    """Which machine this is and where it keeps its runtime files."""

    id: str
    """Name of this machine in its city. Its last four digits stand in every receipt number: no two may share them."""
    hall: Named
    """Name of the hall, shown in the header and on slips."""
    division: str
    """Six-digit administrative division (GB/T 2260) that begins every receipt number."""
    status_socket: str
    """Path of the Unix socket that publishes status lines (CONTRACTS §3)."""
    log_folder: str
    """Folder for log files; nothing personal is ever written there."""
    hardening: Literal["named", "required"] = "named"
    """Where freed memory stays readable or others may look in: `named` by doctor, or `required` not to be, to start."""


class ScreenConfig(Section, frozen=True, kw_only=True):
    """The touch panel."""

    width_px: Annotated[int, Meta(ge=100, le=20_000)] = 1080
    """The panel's width as it stands, in pixels; the upright page is fitted to it."""
    height_px: Annotated[int, Meta(ge=100, le=20_000)] = 1920
    """The panel's height in pixels."""
    diagonal_in: Annotated[float, Meta(gt=0, le=200)] = 27.0
    """The panel's diagonal, from which type and keys get their millimetres; too small a panel refuses the start."""
    bottom_height_mm: Annotated[int, Meta(ge=0, le=3000)] = 700
    """Height of the panel's lower edge above the floor."""
    fullscreen: bool = False
    """Cover the whole screen, without a window frame; its own pixels then count instead of the two above."""
    idle_timeout_s: Annotated[float, Meta(ge=0, le=3600)] = 120.0
    """A page without a touch for this long ends the visit; its last 20 s (or half) are a warning page."""


class StoreConfig(Section, frozen=True, kw_only=True):
    """The one file that must survive."""

    path: str
    """Path of the SQLite file; its folder must exist and be on a local disk."""
    ballast_mb: Annotated[int, Meta(ge=0, le=1_000_000)] = 64
    """Size of the file that is given up when the disk is full, so that acknowledging can go on."""
    free_floor_mb: Annotated[int, Meta(ge=0, le=1_000_000)] = 128
    """Filing stops below this much free space."""


class CatalogueConfig(Section, frozen=True, kw_only=True):
    """Which services, and the city's deviations."""

    path: str = ""
    """Folder of the catalogue; empty = the one that comes with the program."""
    overlay: str = ""
    """Folder of a city's overlay, signed too: only what is otherwise there than in `path`; empty = none."""


class VisionConfig(Section, frozen=True, kw_only=True):
    """Thresholds of the face comparison (Euclidean distance of dlib embeddings)."""

    pass_distance: Annotated[float, Meta(gt=0, le=1)] = 0.50
    """At or below: the same person."""
    fail_distance: Annotated[float, Meta(gt=0, le=1)] = 0.60
    """Above: not the same person; between the two a guide is asked."""


class HubConfig(Section, frozen=True, kw_only=True):
    """The way to the city."""

    url: str
    """Base address of the hub; ``http://`` is allowed to loopback only."""
    carrier: Literal["https", "file", "both"] = "https"
    """How envelopes travel: `https`, `file`, or `both` (by file what https does not deliver; twice is harmless)."""
    folder: str = ""
    """Exchange folder of the file carrier with `out/` and `in/` (docs/file-carrier.md)."""
    suite: Literal["std", "gm"] = "std"
    """Cryptography: `std` (X25519, AES-256-GCM, Ed25519) or `gm` (SM2, SM3, SM4-GCM). Change it with an empty queue."""
    seal_key: str
    """The hub's public key to seal to (X25519 or SM2), base64url without padding."""
    verify_key: str
    """The hub's public key to check receipts, answers and catalogues with (Ed25519 or SM2)."""
    ca_file: str = ""
    """CA bundle for TLS; empty = the system's."""
    request_timeout_s: Annotated[float, Meta(gt=0, le=300)] = 15.0
    """Time limit of one request."""
    backoff_base_s: Annotated[float, Meta(gt=0, le=3600)] = 2.0
    """First wait before an envelope is tried again; full jitter."""
    backoff_cap_s: Annotated[float, Meta(gt=0, le=86_400)] = 300.0
    """Longest such wait."""


class DemoConfig(Section, frozen=True, kw_only=True):
    """Training and demonstration; refused with a real hub."""

    today: date | None = None
    """Fixes the wall date of the whole machine: of the moment at which it starts, or of ``TONGBAN_DEMO_DAY_BEGAN``."""


class Config(Section, frozen=True, kw_only=True):
    """The whole file. ``devices`` holds each device's own driver settings by device name."""

    machine: MachineConfig
    screen: ScreenConfig = ScreenConfig()
    store: StoreConfig
    catalogue: CatalogueConfig = CatalogueConfig()
    vision: VisionConfig = VisionConfig()
    hub: HubConfig
    demo: DemoConfig = DemoConfig()
    devices: dict[str, dict[str, Any]] = {}

    def device_settings(self) -> dict[str, Configured]:
        """Each configured device by name. Raises ConfigError."""
        try:
            return configured(self.devices)
        except SettingsError as error:
            raise ConfigError(str(error)) from error


def find_path(option: str | None) -> Path:
    """``--config``, then ``TONGBAN_CONFIG``, then ``/etc/tongban/kiosk.toml``."""
    return Path(option or os.environ.get("TONGBAN_CONFIG") or DEFAULT_PATH)


def load(path: Path) -> Config:
    """The checked configuration. Raises ConfigError with one line that names the key and the fix."""
    table = _table(path)
    try:
        config = shapes.convert(table, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_named(str(error))}") from error
    for problem in (*_problems(config),):
        raise ConfigError(f"{path}: {problem}")
    config.device_settings()
    return config


class Enrolling(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine that is not yet enrolled must know. ``keys``: of the hub, as far as they are configured."""

    kiosk_id: str
    store: str
    suite: str = "std"
    ca_file: str = ""
    today: date | None = None
    keys: tuple[str, ...] = ()


def for_enrolment(path: Path, kiosk_id: str | None, store: str | None) -> Enrolling:
    """The little that enrolment needs, from what there is of the file and from the command. Raises ConfigError."""
    table = _table(path) if path.exists() else {}
    machine, store_table, hub, demo = (_section(table, name) for name in ("machine", "store", "hub", "demo"))
    kiosk_id = kiosk_id or machine.get("id") or ""
    store = store or store_table.get("path") or ""
    if not kiosk_id or not store:
        missing = "[machine] id (or --id NAME)" if not kiosk_id else "[store] path (or --store PATH)"
        raise ConfigError(f"{path}: {missing}: missing; add it, the rest of the file can come later")
    if fault := _id_fault(str(kiosk_id)):
        raise ConfigError(f"{path}: {fault}")
    told = {"suite": hub.get("suite", "std"), "ca_file": hub.get("ca_file", "")}
    today = demo.get("today")
    keys = tuple(hub[name] for name in ("seal_key", "verify_key") if hub.get(name))
    try:
        return shapes.convert({"kiosk_id": kiosk_id, "store": store, "today": today, "keys": keys, **told}, Enrolling)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}; correct it (docs/configuration.md lists every key)") from error


def _section(table: dict[str, Any], name: str) -> dict[str, Any]:
    found = table.get(name)
    return found if isinstance(found, dict) else {}


def _table(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path, private=True)
    except TomlTrouble as error:
        missing = "; name one with --config or TONGBAN_CONFIG" if not path.exists() else ""
        raise ConfigError(f"{error}{missing}") from error


def _named(message: str) -> str:
    """Msgspec's message with the key as people write it: ``[hub] url`` instead of ``$.hub.url``."""
    what, _, where = message.partition(" - at `$")
    key = where.rstrip("`").lstrip(".")
    field = re.search(r"field `(\w+)`", what)
    if field:
        key, what = f"{key}.{field[1]}".lstrip("."), what.split("`")[0].replace("field", "key").strip()
    section, _, name = key.partition(".")
    place = f"[{section}] {name}".strip()
    fix = "remove it or correct its name" if "unknown" in what else "add it" if "missing" in what else "correct it"
    return f"{place}: {what[0].lower()}{what[1:]}; {fix} (docs/configuration.md lists every key)"


def _problems(config: Config) -> list[str]:
    found = []
    if not re.fullmatch("[0-9]{6}", config.machine.division):
        found.append(
            f"[machine] division: not six digits{_meant(config.machine.division)}; use the GB/T 2260 code of the hall"
        )
    if fault := _id_fault(config.machine.id):
        found.append(fault)
    if fault := address_fault(config.hub.url):
        found.append(f"[hub] url: {fault}")
    if config.demo.today is not None:
        found += _demo_faults(config)
    for name, require in (("seal_key", require_seal_key), ("verify_key", require_sign_key)):
        if not _is_key(getattr(config.hub, name), config.hub.suite, require):
            found.append(
                f"[hub] {name}: not a key of suite {config.hub.suite}; copy it from kiosk enrol or from the hub"
            )
    if config.hub.carrier != "https" and not config.hub.folder:
        found.append("[hub] folder: missing; the file carrier needs a folder")
    if config.screen.idle_timeout_s < 2:
        found.append("[screen] idle_timeout_s: too short; at least 2 seconds, 60 or more for a hall")
    if config.vision.pass_distance > config.vision.fail_distance:
        found.append("[vision] pass_distance: above fail_distance; lower it")
    return found


def _demo_faults(config: Config) -> Iterator[str]:
    if not is_loopback(config.hub.url):
        yield "[demo] today: refused with a real hub; remove it or use a hub on loopback"
    try:
        demo_day_began()
    except ValueError as error:
        yield f"{DAY_BEGAN} in the environment: {error}"


def _is_key(text: str, suite: str, require: Callable[[str, str], None]) -> bool:
    try:
        require(text, suite)
    except InvalidMessage:
        return False
    return True


def _id_fault(kiosk_id: str) -> str:
    if not re.fullmatch(KIOSK_ID, kiosk_id):
        what = f"[machine] id: not only letters A-Z, digits 0-9, dots and hyphens{_meant(kiosk_id)}"
        return f"{what}; write it as the hub has it"
    if not re.search("[0-9]", kiosk_id):
        return "[machine] id: has no digit; its last four digits stand in every receipt number"
    return ""


def _meant(value: str) -> str:
    """What was typed with signs of another script or width, as it should be written."""
    meant = plain(value)
    return f' (write "{meant}")' if meant != value and meant.isascii() and meant else ""
