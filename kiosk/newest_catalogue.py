"""The machine's catalogue: as the city has signed it, none older than this machine has had, and as it is today.

It comes from the folders of ``[catalogue] path`` and ``overlay``, from the hub (``GET /v1/catalogue``, kept in the
store), or with the program. Whoever is being served goes on with what they began with.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog
import trio

from kiosk.catalogue.loader import MANIFEST, TOTAL_BYTES, CatalogueError, shipped
from kiosk.catalogue.model import Catalogue
from kiosk.catalogue.signing import Signed, is_older, judged, read_signed, require_not_older
from kiosk.clock import Clock
from kiosk.config import Config
from kiosk.hub_link.known_keys import present_keys
from kiosk.messages.encoding import InvalidMessage, decode, sha256_hex
from kiosk.threads import in_thread
from offline_cache.errors import StoreError
from offline_cache.values import Values

log = structlog.get_logger()
LOOK_S = 10.0
ASK_S = 300.0
_NAMESPACE, _VERSION, _FETCHED = "catalogue", "version", "fetched"
_FROM_HUB = Path("catalogue of the hub")


class _Served(msgspec.Struct, frozen=True):
    """``GET /v1/catalogue``: texts by relative path, and what the hub has signed of them."""

    manifest: dict[str, Any]
    files: dict[str, str]


class CatalogueInForce:
    """Which catalogue this machine serves by. ``fetch(tag)``: the hub's, unless it has that tag; None: no other one."""

    def __init__(self, config: Config, values: Values, clock: Clock) -> None:
        self._config, self._values, self._clock = config, values, clock
        self._day = clock.today()
        self._source = self._at_start()
        self.now: Catalogue = self._source.catalogue
        self._next: Signed | None = None
        self._next_day = self._day
        self._tag, self._asked_s, self._trouble = "", -ASK_S, ""
        self.fetch: Callable[[str], Awaitable[bytes | None]] | None = None
        self.is_quiet: Callable[[], bool] = lambda: True
        self.on_switch: Callable[[], None] = lambda: None
        self.on_alarm: Callable[[str, str], None] = lambda *_: None

    async def run(self) -> None:
        """Looks for another day and another version for as long as the machine runs."""
        while True:
            await self.look()
            await trio.sleep(LOOK_S)

    async def look(self) -> None:
        """Gets ready what is to be in force from now on; it takes its place while nobody is served."""
        try:
            fresh = await self._from_hub() or self._next or self._source
            day = self._clock.today()
            if fresh is not (self._next or self._source) or day != self._next_day:
                today = await in_thread(fresh.on, day)
                self._next, self._next_day = fresh._replace(catalogue=today), day
        except (CatalogueError, StoreError) as error:
            self._say(str(error))
        if self.is_quiet():
            self.take()

    def take(self) -> None:
        """What is ready is in force."""
        if self._next is None:
            return
        self._source, self._next, self._day = self._next, None, self._next_day
        self.now = self._source.catalogue
        log.info("catalogue_in_force", version=self.now.version, day=str(self._day))
        self.on_switch()

    def _say(self, trouble: str) -> None:
        """Once, and again when it is another one: the catalogue in force stays."""
        if trouble and trouble != self._trouble:
            self.on_alarm("catalogue", trouble)
        self._trouble = trouble

    async def _from_hub(self) -> Signed | None:
        """A newer one of the hub's, kept in the store before it is used. Raises CatalogueError, StoreError."""
        now_s = self._clock.monotonic()
        if self.fetch is None or now_s < self._asked_s + ASK_S:
            return None
        self._asked_s = now_s
        answer = await self.fetch(self._tag)
        try:
            return None if answer is None else await in_thread(self._taken, answer)
        except StoreError:
            # Not kept, so this is not a catalogue that we have.
            self._tag = ""
            raise

    def _taken(self, raw: bytes) -> Signed | None:
        present = (self._next or self._source).catalogue.version
        version, _ = _version_of(raw)
        # Of what was read, not of what its header says, which nobody has signed: whoever gave another one's tag to this
        # would keep that one from us.
        self._tag = f'"{sha256_hex(raw)}"'
        if version == present:
            return None
        signed = self._judged(raw)
        if not _follows(signed, present):
            return None
        self._values.put(_NAMESPACE, _FETCHED, zlib.compress(raw))
        self._values.put(_NAMESPACE, _VERSION, signed.catalogue.version.encode())
        self._say("")
        return signed

    def _judged(self, raw: bytes) -> Signed:
        _, served = _version_of(raw)
        files = {name: text.encode() for name, text in served.files.items()}
        files[MANIFEST] = msgspec.json.encode(served.manifest)
        return judged(_FROM_HUB, files, self._trusted(), day=self._day)

    def _trusted(self) -> dict[str, tuple[str, ...]]:
        hub = self._config.hub
        known = present_keys(self._values, hub.suite, seal_key=hub.seal_key, verify_key=hub.verify_key)
        return {hub.suite: known.trusted}

    def _at_start(self) -> Signed:
        """The folder's, or the hub's where that is to follow it. Raises CatalogueError, StoreError."""
        newest = (self._values.get(_NAMESPACE, _VERSION) or b"").decode()
        own, fetched = self._of_folder(), self._kept()
        if fetched and _follows(fetched, own.catalogue.version):
            return fetched
        if self._config.catalogue.path or self._config.catalogue.overlay:
            require_not_older(own.folder, own, newest)
            if own.catalogue.version != newest:
                self._values.put(_NAMESPACE, _VERSION, own.catalogue.version.encode())
        return own

    def _of_folder(self) -> Signed:
        path, overlay = self._config.catalogue.path, self._config.catalogue.overlay
        folder = Path(path) if path else shipped()
        return read_signed(folder, self._trusted(), day=self._day, overlay=Path(overlay) if overlay else None)

    def _kept(self) -> Signed | None:
        """What the hub gave before; None where it is no longer to be believed."""
        kept = self._values.get(_NAMESPACE, _FETCHED)
        if kept is None:
            return None
        try:
            return self._judged(zlib.decompressobj().decompress(kept, TOTAL_BYTES))
        except (CatalogueError, zlib.error) as error:
            log.warning("kept_catalogue_unusable", error=str(error))
            return None


def _version_of(raw: bytes) -> tuple[str, _Served]:
    """What an answer says that it is: nothing is proved by it. Raises CatalogueError."""
    try:
        served = decode(raw, _Served)
    except InvalidMessage as error:
        raise CatalogueError(f"{_FROM_HUB}: {error}; ask who runs the hub") from None
    return str(served.manifest.get("version")), served


def _follows(signed: Signed, present: str) -> bool:
    """Whether it takes the place of the version that is there: a newer one does, or one signed for going back."""
    return is_older(present, signed.catalogue.version) or signed.instead_of == present
