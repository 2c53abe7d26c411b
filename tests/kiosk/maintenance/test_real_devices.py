"""The whole machine with emulated reader and printer on their real wires, from the home page to the home page."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import trio

from devices.simulation import ControlClient
from kiosk import running
from kiosk.machine import Machine
from tests.kiosk.maintenance.desk import PIN, PRINTER, READER, Screen, config_in, said
from tests.waiting import HANG_S

ROOT = Path(__file__).resolve().parents[3]
PEOPLE = ROOT / "hub" / "people" / "people.toml"
NUMBERS = {p["id"]: p["card"]["number"] for p in tomllib.loads(PEOPLE.read_text(encoding="utf-8"))["person"]}
Start = Callable[..., tuple[dict[str, Any], ControlClient]]


async def page(screen: Screen, kind: str) -> Any:
    with trio.fail_after(HANG_S):
        while screen.page is None or screen.page.kind != kind:
            await trio.sleep(0.01)
    return screen.page


async def tap(screen: Screen, kind: str, action: str, **values: Any) -> None:
    await page(screen, kind)
    screen.touch(action, **values)


class Presenter(Screen):
    async def run(self, *, task_status: Any) -> None:
        task_status.started()
        await trio.sleep_forever()


def slips(folder: Path) -> list[Path]:
    return list(folder.glob("*.png"))


async def test_technician_tests_reader_and_printer_and_takes_the_card(start_sim: Start, tmp_path: Path) -> None:
    reader, hands = start_sim(READER, "--people", str(PEOPLE))
    printer, _ = start_sim(PRINTER, "--tcp-port", "0", "--slips", str(tmp_path))
    devices = {
        READER: {"driver": "sam_v", "port": reader["port"]},
        PRINTER: {"driver": "escpos", "transport": "tcp", "host": "127.0.0.1", "tcp_port": printer["tcp_port"]},
    }
    screen = Presenter()
    machine = Machine(msgspec.structs.replace(config_in(tmp_path), devices=devices), screen)
    machine.staff.enrol(NUMBERS["technician"], "technician", "tech-1", PIN)

    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        await page(screen, "home")
        hands.do("place", card="technician")
        await tap(screen, "maintenance_offer", "maintenance")
        await tap(screen, "maintenance_pin", "next", pin=PIN)
        await tap(screen, "maintenance", f"device:{PRINTER}")
        await tap(screen, "maintenance_device", "test_print")
        assert "打印机确认已打印" in said(await page(screen, "maintenance_printed"))
        await tap(screen, "maintenance_printed", "back")
        await tap(screen, "maintenance_device", "back")

        await tap(screen, "maintenance", f"device:{READER}")
        await tap(screen, "maintenance_device", "self_test")
        await tap(screen, "maintenance_tested", "back")
        await tap(screen, "maintenance_device", "test_read")
        await page(screen, "maintenance_read")
        hands.do("lift")
        await trio.sleep(1)
        hands.do("place", card="test")
        result = said(await page(screen, "maintenance_own_card"))
        assert NUMBERS["test"] in result
        assert " ms" in result
        hands.do("lift")
        await trio.sleep(1)
        hands.do("place", card="technician")
        await tap(screen, "maintenance_read_result", "back")
        await page(screen, "maintenance_device")
        hands.do("lift")
        await page(screen, "home")
        assert machine.audit_log.verify() is None
        events = [row.event.removeprefix("maintenance_") for row in machine.audit_log.rows()]
        nursery.cancel_scope.cancel()
    assert events == ["login", "test", "test", "test", "logout"]
    assert len(slips(tmp_path)) == 1
