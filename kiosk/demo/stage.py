"""Everything around the machine in a demo: hub, network switch, simulated devices, configuration, enrolment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from devices.drivers import GROUP
from devices.simulation import ControlClient
from kiosk.clock import DAY_BEGAN, demo_day_began
from kiosk.demo.children import Child, ChildError, end_all
from kiosk.demo.phone import Phone
from kiosk.messages import foreign
from kiosk.text import text

DEMO_DATE = "2027-01-12"
"""The wall date of the demo; what is due for whom is arranged around it."""

HUB_READY_S = 90.0
READY_S = 30.0
ENROL_S = 240.0
"""A command takes a few seconds; beside much else on two processors it took more than a minute."""

MACHINE_FIRST_S, REST_S, SCREEN_S = 1.0, 3.0, 0.4
"""How the five seconds of an ending are shared."""

SIMS = {
    "id_card_reader": "devices.id_card_reader.sim",
    "receipt_printer": "devices.receipt_printer.sim",
    "camera": "devices.camera.sim",
}

BENCH = {
    "page_printer": ("ipp", "uri", "uri"),
    "document_camera": ("opencv", "source", "url"),
    "lock_board": ("lock_board", "port", "port"),
    "licence_printer": ("licence_printer", "port", "port"),
    "vehicle_licence_printer": ("licence_printer", "port", "port"),
    "plate_printer": ("licence_printer", "port", "port"),
    "endorsement_writer": ("endorsement_writer", "port", "port"),
    "fingerprint_reader": ("fingerprint_reader", "port", "port"),
    "travel_document_reader": ("mrz", "port", "port"),
    "permit_maker": ("permit_maker", "port", "port"),
}
"""Devices that one process simulates: by kind the driver, its key, and what in the ready line is its value."""

MORE_KEYS: dict[str, dict[str, Any]] = {"travel_document_reader": {"framing": "est", "feeder": True}}
"""What else a device of the bench is configured with."""

SECOND_WIRES = {"permit_maker": ("dispenser_port", "card_dispenser")}
"""A device of the bench that speaks to two simulated ones: the key of the other wire, and what lies behind it."""


Report = Callable[[str], None]


_OWN = b'[machine]\nid = "demo-0001"\n'
"""How the configuration of a stage begins: that of any other machine is not replaced."""


@dataclass
class Stage:
    """A running demo without the machine itself. All paths lie in ``folder``; ``end`` stops every child."""

    folder: Path
    children: list[Child] = field(default_factory=list)
    controls: dict[str, ControlClient | Phone] = field(default_factory=dict)
    ready: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def slips(self) -> Path:
        """Where the printer's slips appear as pictures."""
        return self.folder / "slips"

    @property
    def config(self) -> Path:
        """The machine's configuration file."""
        return self.folder / "kiosk.toml"

    @property
    def status_socket(self) -> Path:
        """Where the machine publishes its status lines."""
        return self.folder / "status.sock"

    @property
    def people(self) -> Path:
        """The file of synthetic people that the hub serves and the emulators show."""
        return Path(self.ready["hub"]["people"])

    @property
    def environment(self) -> dict[str, str]:
        """What a command of this machine needs to find its configuration."""
        return {"TONGBAN_CONFIG": str(self.config)}

    def start_child(self, name: str, argv: list[str], env: dict[str, str] | None = None) -> Child:
        """Start and remember a process; it is ended with the stage. Main thread only (see ``Child``)."""
        child = Child(name, argv, self.folder, env)
        self.children.append(child)
        return child

    def start_machine(self) -> Child:
        """Start ``kiosk run``."""
        return self.start_child("kiosk", [command("kiosk"), "run"], self.environment)

    def end(self) -> None:
        """Stop every child within five seconds: the machine, then what is around it, its screen last."""
        for control in self.controls.values():
            control.close()
        machine = [child for child in self.children if child.name == "kiosk"]
        screen = [child for child in self.children if child.name == "screen"]
        for child in machine:
            child.ask_to_end()
        for child in machine:
            child.ended_within(MACHINE_FIRST_S)
        end_all([child for child in self.children if child not in screen], REST_S)
        end_all(screen, SCREEN_S)


def command(name: str) -> str:
    """The path of a command of this project, beside the Python that runs us."""
    return str(Path(sys.executable).with_name(name))


@contextmanager
def staged(folder: Path, report: Report) -> Iterator[Stage]:
    """A stage that is up, configured and enrolled; ended on the way out. Raises ChildError."""
    stage = Stage(folder)
    stage.slips.mkdir(parents=True, exist_ok=True)
    # The secrets of this stage are sealed with a key that lies in its folder: a demo leaves nothing in the system.
    key = _in_surroundings("SYSTEMD_CREDENTIAL_SECRET", str(folder / "host.secret"))
    with key, _in_surroundings(DAY_BEGAN, demo_day_began().isoformat()):
        yield from _set_up(stage, report)


@contextmanager
def _in_surroundings(name: str, value: str) -> Iterator[None]:
    """What every process of this stage finds there, unless whoever starts the stage has said it."""
    before = os.environ.get(name)
    os.environ[name] = before or value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


def _set_up(stage: Stage, report: Report) -> Iterator[Stage]:
    try:
        report("hub")
        _start_hub(stage)
        report("devices")
        _start_around(stage)
        report("enrol")
        try:
            foreign.write(stage.config, [kiosk_toml(stage).encode()], own=_OWN)
        except foreign.Refused as error:
            raise ChildError(str(error)) from error
        _enrol(stage)
        yield stage
    finally:
        stage.end()


def _start_hub(stage: Stage) -> None:
    money = ["-m", "hub.acquirer", "--folder", str(stage.folder / "acquirer"), "--today", DEMO_DATE]
    stage.ready["acquirer"] = stage.start_child("acquirer", [sys.executable, *money]).wait_ready(READY_S)
    options = ["--today", DEMO_DATE, "--acquirer", stage.ready["acquirer"]["settings"]]
    stage.controls["phone"] = Phone(stage.ready["acquirer"]["url"])
    hub = stage.start_child("hub", [command("hub"), "demo", "--data", str(stage.folder / "hub"), *options])
    stage.ready["hub"] = hub.wait_ready(HUB_READY_S)


def _start_around(stage: Stage) -> None:
    hub = urlsplit(stage.ready["hub"]["url"])
    people = ["--people", str(stage.people)]
    extra = {
        "id_card_reader": [*people, "--link", str(stage.folder / "reader")],
        "receipt_printer": ["--tcp-port", "0", "--slips", str(stage.slips)],
        "camera": people,
    }
    started = {
        "network": _start_sim(stage, "network", "kiosk.demo.network", ["--target", f"{hub.hostname}:{hub.port}"])
    }
    for name, module in SIMS.items():
        started[name] = _start_sim(stage, name, module, extra[name])
    bench = _start_bench(stage)
    with ThreadPoolExecutor() as pool:
        for name, ready in zip(started, pool.map(lambda c: c.wait_ready(READY_S), started.values()), strict=True):
            _take_up(stage, name, ready)
    for name, ready in bench.wait_ready(READY_S)["devices"].items():
        _take_up(stage, name, ready)


def bench_kinds() -> tuple[str, ...]:
    """Those of ``BENCH`` whose drivers are installed: an older installation of this folder does not know the newest."""
    installed = entry_points(group=GROUP).names
    return tuple(kind for kind, (driver, *_) in BENCH.items() if driver in installed)


def bench_sims() -> tuple[str, ...]:
    """What the bench simulates for them, each with a control socket of its name."""
    kinds = bench_kinds()
    return (*kinds, *(behind for kind, (_, behind) in SECOND_WIRES.items() if kind in kinds))


def _take_up(stage: Stage, name: str, ready: dict[str, Any]) -> None:
    stage.ready[name] = ready
    stage.controls[name] = ControlClient(ready["control"])


def _start_bench(stage: Stage) -> Child:
    arguments = ["-m", "devices.simulation_bench", "--folder", str(stage.folder), *bench_sims()]
    return stage.start_child("bench", [sys.executable, *arguments])


def _start_sim(stage: Stage, name: str, module: str, arguments: list[str]) -> Child:
    control = str(stage.folder / f"{name}.control")
    return stage.start_child(name, [sys.executable, "-m", module, "--control", control, *arguments])


def kiosk_toml(stage: Stage) -> str:
    """The machine's configuration for this stage (CONTRACTS §1)."""
    hub, ready = stage.ready["hub"], stage.ready
    for name in ("state", "logs"):
        (stage.folder / name).mkdir(exist_ok=True)
    sections: dict[str, dict[str, Any]] = {
        "machine": {
            "id": "demo-0001",
            "hall": text("demo.hall").zh,
            "division": "990101",
            "status_socket": str(stage.status_socket),
            "log_folder": str(stage.folder / "logs"),
        },
        "store": {"path": str(stage.folder / "state" / "store.sqlite"), "ballast_mb": 8},
        "hub": {"url": ready["network"]["url"], "seal_key": hub["seal_key"], "verify_key": hub["verify_key"]},
        "devices.id_card_reader": {"driver": "sam_v", "port": ready["id_card_reader"]["port"]},
        "devices.receipt_printer": {"driver": "escpos", **_printer_line(ready["receipt_printer"])},
        "devices.camera": {"driver": "opencv", "source": ready["camera"]["url"]},
    }
    for kind in bench_kinds():
        driver, key, said = BENCH[kind]
        wires = {key: ready[kind][said]}
        if second := SECOND_WIRES.get(kind):
            wires[second[0]] = ready[second[1]]["port"]
        sections[f"devices.{kind}"] = {"driver": driver, **wires, **MORE_KEYS.get(kind, {})}
    lines = [f"[{section}]\n{_keys(values)}" for section, values in sections.items()]
    return "\n".join([*lines, f"[demo]\ntoday = {DEMO_DATE}\n"])


def _printer_line(ready: dict[str, Any]) -> dict[str, Any]:
    if "tcp_port" in ready:
        return {"transport": "tcp", "host": ready["host"], "tcp_port": ready["tcp_port"]}
    return {"transport": "serial", "port": ready["port"]}


def _keys(values: dict[str, Any]) -> str:
    # A JSON string or integer is a TOML one too.
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def _enrol(stage: Stage) -> None:
    hub = stage.ready["hub"]
    _kiosk(stage, "enrol", "--hub", stage.ready["network"]["url"], said=hub["enrolment_code"])
    for person in tomllib.loads(stage.people.read_text(encoding="utf-8"))["person"]:
        if role := person.get("staff"):
            secrets = [person["card"]["number"], person["pin"]]
            _kiosk(stage, "staff", "add", "--role", role, "--ref", person["id"], said="\n".join(secrets))


def _kiosk(stage: Stage, *arguments: str, said: str = "") -> None:
    try:
        done = subprocess.run(
            [command("kiosk"), *arguments],
            input=said,
            env={**os.environ, **stage.environment},
            capture_output=True,
            text=True,
            timeout=ENROL_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise ChildError(f"kiosk {arguments[0]} did not end within {ENROL_S:.0f} s") from late
    if done.returncode != 0:
        why = (done.stderr.strip() or done.stdout.strip() or "it said nothing").split("\n")[-1]
        raise ChildError(f"kiosk {arguments[0]} failed: {why}")
