"""docs/adding-a-device.md, followed word by word: its device is built outside the tree and used on its real wire."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from devices.contract import Deadline, TryAgain
from devices.drivers import configured
from devices.simulation import ControlClient
from devices.vocabulary import DeviceState
from kiosk import doctor, running, text
from kiosk.machine import Machine
from kiosk.pages import Board, BoardRow, Page
from tests.kiosk.conftest import toml
from tests.kiosk.maintenance.desk import PIN, READER, config_in, said
from tests.kiosk.maintenance.test_real_devices import NUMBERS, PEOPLE, Presenter, page, tap
from tests.waiting import comes_true, eventually

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "adding-a-device.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^\*\*([\w./-]+)\*\*\n\n```\w*\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL))
NAME = "lamp_above_the_door"


@dataclass
class Package:
    """The folder in which the page's files lie, and how a command finds them."""

    folder: Path
    link: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": os.pathsep.join((str(self.folder), str(ROOT)))}

    @property
    def table(self) -> dict[str, Any]:
        """What the page writes into kiosk.toml, with the port of this test."""
        table = tomllib.loads(BLOCKS["kiosk.toml"])["devices"][NAME]
        return table | {"port": str(self.link)}

    def kiosk(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "kiosk", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    folder = tmp_path / "elsewhere"
    for name, written in BLOCKS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    text._translations.cache_clear()
    yield Package(folder, tmp_path / "lamp")
    text._translations.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "status_lamp"]:
        del sys.modules[name]


@pytest.fixture
def lamp(package: Package, tmp_path: Path) -> Iterator[ControlClient]:
    """The page's emulator, started by the page's command."""
    control = tmp_path / "lamp.control"
    command = [sys.executable, "-m", "kiosk", "sim", "status_lamp", "--link", str(package.link)]
    with subprocess.Popen(
        [*command, "--control", str(control)], env=package.environment, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert (ready["ready"], ready["device"], ready["port"]) == (True, "status_lamp", str(package.link))
        hands = ControlClient(control)
        yield hands
        hands.close()
        process.terminate()
        assert process.wait(30) == 0


def row(shown: Page) -> BoardRow:
    """The lamp's row of the board."""
    rows = [r for block in shown.blocks if isinstance(block, Board) for r in block.rows if r.icon == "lamp"]
    assert len(rows) == 1, said(shown)
    return rows[0]


def test_page_names_every_file_of_its_device() -> None:
    assert set(BLOCKS) == {
        "status_lamp/__init__.py",
        "status_lamp/codec.py",
        "status_lamp/status.py",
        "status_lamp/driver.py",
        "status_lamp/locale/en.po",
        "status_lamp/locale/zh.po",
        "status_lamp/sim/__init__.py",
        "status_lamp/sim/emulator.py",
        "status_lamp-1.dist-info/entry_points.txt",
        "status_lamp-1.dist-info/METADATA",
        "kiosk.toml",
    }


def test_codec_of_the_page_takes_whole_frames_only(package: Package) -> None:
    from status_lamp.codec import decode, encode  # type: ignore[import-not-found]

    frame = encode(b"G41")
    assert decode(b"noise" + frame + b"more") == b"G41"
    assert decode(frame[:-1]) is None
    assert decode(frame[:2] + b"x" + frame[3:]) is None
    assert decode(b"") is None


def test_driver_of_the_page_speaks_to_its_emulator(package: Package, lamp: ControlClient) -> None:
    device = configured({NAME: package.table})[NAME]
    assert (device.kind, device.declaration.icon) == ("status_lamp", "lamp")
    told: list[Any] = []
    driver = device.driver(device.settings, told.append)
    driver.setup()
    assert [status.device for status in told] == [DeviceState.ONLINE]
    assert driver.rainbow(Deadline(30)).ok
    assert lamp.do("state")["shown"] == "RGB"
    lamp.do("silent")
    with pytest.raises(TryAgain) as fault:
        driver.idle()
    assert fault.value.error == "silent"
    lamp.do("silent", on=False)
    lamp.do("heat", degrees_c=95)
    assert driver.self_test(Deadline(30)).error == "too_hot"
    assert device.declaration.level(told[-1]) == "error"
    assert not device.declaration.is_usable(told[-1])
    lamp.do("unplug")
    with pytest.raises(TryAgain) as gone:
        driver.idle()
    assert gone.value.error == "unplugged"
    driver.teardown()


def test_kiosk_devices_and_doctor_list_it_and_its_trouble(
    package: Package, lamp: ControlClient, tmp_path: Path
) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text(toml(tmp_path, **{f"devices.{NAME}": package.table}), encoding="utf-8")
    config.chmod(0o600)
    rows = json.loads(package.kiosk("--config", str(config), "devices", "--json").stdout)
    told = {key: rows[0][key] for key in ("name", "kind", "driver", "device", "error", "level")}
    assert told == {
        "name": NAME,
        "kind": "status_lamp",
        "driver": "roof_lamp",
        "device": "online",
        "error": "",
        "level": "ok",
    }
    lamp.do("heat", degrees_c=95)
    asked = package.kiosk("--config", str(config), "doctor", "--json")
    (found,) = json.loads(asked.stdout)["devices"]
    assert (asked.returncode, found["device"], found["error"], found["level"]) == (3, "online", "too_hot", "error")
    assert NAME in package.kiosk("--config", str(config), "devices").stdout


def test_kiosk_sim_names_it_among_the_others(package: Package) -> None:
    refused = package.kiosk("sim", "toaster")
    assert refused.returncode == 2
    for kind in ("camera", "document_camera", "id_card_reader", "receipt_printer", "status_lamp"):
        assert kind in refused.stderr
    assert package.kiosk("sim", "status_lamp", "--help").stdout.startswith("usage: kiosk sim status_lamp")


def start_reader(folder: Path) -> tuple[subprocess.Popen[str], str, ControlClient]:
    control = folder / "reader.control"
    command = [sys.executable, "-m", "devices.id_card_reader.sim", "--people", str(PEOPLE), "--control", str(control)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["port"], ControlClient(control)


async def test_technician_sees_and_tests_it_without_a_line_of_the_machine(
    package: Package, lamp: ControlClient, tmp_path: Path
) -> None:
    reader, port, hands = start_reader(tmp_path)
    tables = {READER: {"driver": "sam_v", "port": port}, NAME: package.table}
    screen = Presenter()
    machine = Machine(msgspec.structs.replace(config_in(tmp_path), devices=tables), screen)
    machine.staff.enrol(NUMBERS["technician"], "technician", "tech-1", PIN)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(running.run, machine)
            await page(screen, "home")
            await comes_true(lambda: machine.peripherals.status(NAME).device == "online", "the lamp")
            hands.do("place", card="technician")
            await tap(screen, "maintenance_offer", "maintenance")
            await tap(screen, "maintenance_pin", "next", pin=PIN)
            shown = row(await page(screen, "maintenance"))
            assert (shown.name.zh, shown.name.en) == (f"顶灯（{NAME}）", f"Roof lamp ({NAME})")
            assert (shown.level, shown.state.en) == ("ok", "Working")
            await tap(screen, "maintenance", f"device:{NAME}")
            offered = row(await page(screen, "maintenance_device")).actions
            assert [(a.id, a.label.en, a.icon) for a in offered] == [
                ("self_test", "Self-test", "check-circle"),
                ("rainbow", "All colours", "palette"),
                ("restart", "Restart this device", "arrow-clockwise"),
            ]
            await tap(screen, "maintenance_device", "self_test")
            assert "Self-test passed" in said(await page(screen, "maintenance_tested"))
            await tap(screen, "maintenance_tested", "back")
            await tap(screen, "maintenance_device", "rainbow")
            await tap(screen, "maintenance_tested", "back")
            assert lamp.do("state")["shown"] == "RGB"
            await page(screen, "maintenance_device")
            lamp.do("heat", degrees_c=95)
            await comes_true(lambda: row(screen.page).level == "error" if screen.page else False, "its trouble")
            assert "顶灯过热" in said(screen.page)
            await tap(screen, "maintenance_device", "self_test")
            assert "The lamp is too hot" in said(await page(screen, "maintenance_tested"))
            assert [r["level"] for r in doctor.device_rows(machine) if r["kind"] == "status_lamp"] == ["error"]
            rows = [r.detail for r in machine.audit_log.rows() if r.event == "maintenance_test"]
            assert [(r["device"], r["test"], r["outcome"]) for r in rows] == [
                (NAME, "self_test", "ok"),
                (NAME, "rainbow", "ok"),
                (NAME, "self_test", "too_hot"),
            ]
            nursery.cancel_scope.cancel()
    finally:
        hands.close()
        reader.terminate()
        reader.wait(30)
        reader.stdout.close()


def test_words_that_cannot_be_read_take_no_other_words_away(package: Package) -> None:
    (package.folder / "status_lamp" / "locale" / "en.po").write_text('msgid "broken\n', encoding="utf-8")
    text._translations.cache_clear()
    assert text.text("maintenance.self_test").en == "Self-test"
    assert text.text("device.camera.name").en == "Camera"
    with pytest.raises(KeyError):
        text.text("device.status_lamp.name")


def test_device_s_folder_words_nothing_else_of_the_machine(package: Package) -> None:
    path = package.folder / "status_lamp" / "locale" / "en.po"
    path.write_text(path.read_text("utf-8") + '\nmsgid "home.title"\nmsgstr "Ha"\n', encoding="utf-8")
    text._translations.cache_clear()
    assert text.text("device.status_lamp.name").en == "Roof lamp"
    assert text.text("home.title").en != "Ha"


def test_driver_that_declares_nothing_is_shown_plainly(package: Package, lamp: ControlClient) -> None:
    path = package.folder / "status_lamp" / "driver.py"
    written = path.read_text("utf-8")
    plain = re.sub(r"    declarations: .*?\n    }\n", "", written, flags=re.DOTALL)
    assert plain != written
    path.write_text(plain, encoding="utf-8")
    device = configured({NAME: package.table})[NAME]
    assert (device.declaration.icon, [t.name for t in device.declaration.tests]) == ("power-plug", ["self_test"])
    driver = device.driver(device.settings, lambda _status: None)
    eventually(package.link.exists, "the lamp's port")
    driver.setup()
    driver.teardown()
