"""A device is found by its driver's kind, whatever the configuration calls it; there may be two readers or printers.

Every emulated device is a process of its own on its wire.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from devices.drivers import configured
from devices.simulation import ControlClient
from devices.vocabulary import DeviceState, DeviceStatus, MediaState, SupplyState
from kiosk import config as configuration
from kiosk import doctor, health, running
from kiosk.clock import Clock
from kiosk.config import ConfigError
from kiosk.machine import Machine
from kiosk.next_card import NextCard
from kiosk.pages import Board, Notice, Page, Settings
from kiosk.peripherals import Peripherals
from kiosk.printing import print_job
from kiosk.roster import CAMERA, PRINTER, READER
from kiosk.slips.intents import Slip, begin_slip
from kiosk.slips.layout import printer_test_job
from kiosk.slips.letterhead import letterhead
from kiosk.text import same
from kiosk.visit import Visit
from tests.kiosk.conftest import Finger, accepted
from tests.kiosk.maintenance.desk import PIN, said
from tests.kiosk.maintenance.test_real_devices import NUMBERS
from tests.waiting import comes_true

PEOPLE = Path(__file__).resolve().parents[2] / "hub" / "people" / "people.toml"
LEFT, RIGHT = "left_reader", "right_reader"
READERS = {
    "left": {"driver": "sam_v", "port": "/dev/left"},
    "right": {"driver": "sam_v", "port": "/dev/right"},
}
Start = Callable[..., tuple[dict[str, Any], ControlClient]]


class TwoReaders:
    """A machine with two readers, and the hands of whoever stands before it."""

    def __init__(self, machine: Machine, finger: Finger, hands: dict[str, ControlClient]) -> None:
        self.machine, self.finger, self.hands = machine, finger, hands

    async def page(self, kind: str) -> Page:
        return await comes_true(
            lambda: self.finger.page if self.finger.page and self.finger.page.kind == kind else None,
            lambda: f"no page {kind}; pages: {self.finger.history}",
        )

    async def leave(self) -> None:
        self.finger.touch("exit")
        await self.page("home")

    def state(self, name: str) -> str:
        return self.machine.peripherals.status(name).device.value

    def notices(self) -> list[str]:
        return [b.icon for b in self.finger.page.blocks if isinstance(b, Notice)] if self.finger.page else []


@pytest.fixture
def hall(start_sim: Start, config_file: Callable[..., Path], tmp_path: Path) -> Any:
    @asynccontextmanager
    async def opened() -> AsyncIterator[TwoReaders]:
        hands, tables = {}, {}
        for name in (LEFT, RIGHT):
            port = str(tmp_path / name)
            _, hands[name] = start_sim(READER, "--people", str(PEOPLE), "--link", port, name=name)
            tables[f"devices.{name}"] = {"driver": "sam_v", "port": port}
        finger = Finger()
        machine = Machine(configuration.load(config_file(**tables)), finger)
        place = TwoReaders(machine, finger, hands)
        async with trio.open_nursery() as nursery:
            await nursery.start(running.run, machine)
            await place.page("home")
            await comes_true(lambda: {place.state(LEFT), place.state(RIGHT)} == {"online"}, "both readers")
            yield place
            nursery.cancel_scope.cancel()

    return opened


@pytest.mark.parametrize("name", [LEFT, RIGHT])
async def test_either_reader_takes_the_tap(hall: Any, name: str) -> None:
    async with hall() as it:
        it.hands[name].do("place", card="zhao")
        await it.page("todo")
        assert it.machine.next_card.reader == name


async def test_card_left_on_one_reader_opens_nothing_and_the_other_takes_the_next_person(hall: Any) -> None:
    async with hall() as it:
        it.hands[LEFT].do("place", card="zhao")
        await it.page("todo")
        await it.leave()
        await comes_true(lambda: "identification-card" in it.notices(), "the word to take the card")
        it.hands[RIGHT].do("place", card="wang")
        await it.page("todo")
        assert it.machine.next_card.reader == RIGHT


async def test_lost_reader_is_no_trouble_while_the_other_one_works(hall: Any) -> None:
    async with hall() as it:
        it.hands[LEFT].do("unplug")
        await comes_true(lambda: it.state(LEFT) == "noDevice", "the left reader's loss")
        assert "warning" not in it.notices()
        it.hands[RIGHT].do("place", card="zhao")
        await it.page("todo")
        it.hands[RIGHT].do("lift")
        await it.leave()
        it.hands[RIGHT].do("unplug")
        await comes_true(lambda: "warning" in it.notices(), "the word that no reader works")
        assert {it.state(LEFT), it.state(RIGHT)} == {"noDevice"}


async def test_both_readers_are_examined_with_kind_and_level(hall: Any) -> None:
    async with hall() as it:
        it.hands[LEFT].do("unplug")
        await comes_true(lambda: it.state(LEFT) == "noDevice", "the left reader's loss")
        rows = {row["name"]: row for row in (await doctor.examine(it.machine))["devices"]}
    assert {(name, row["kind"], row["driver"]) for name, row in rows.items()} == {
        (LEFT, READER, "sam_v"),
        (RIGHT, READER, "sam_v"),
    }
    assert (rows[LEFT]["level"], rows[RIGHT]["level"]) == ("error", "ok")


async def test_technician_tests_the_other_reader_while_the_own_card_stays_where_it_lies(hall: Any) -> None:
    async with hall() as it:
        it.machine.staff.enrol(NUMBERS["technician"], "technician", "tech-1", PIN)
        it.hands[RIGHT].do("place", card="technician")
        await it.page("maintenance_offer")
        it.finger.touch("maintenance")
        await it.page("maintenance_pin")
        it.finger.touch("next", pin=PIN)
        board = await it.page("maintenance")
        rows = [row for block in board.blocks if isinstance(block, Board) for row in block.rows]
        assert [(row.name.en, row.level) for row in rows] == [
            (f"ID card reader ({LEFT})", "ok"),
            (f"ID card reader ({RIGHT})", "ok"),
        ]
        it.finger.touch(f"device:{LEFT}")
        await it.page("maintenance_device")
        it.finger.touch("test_read")
        asked = said(await it.page("maintenance_read"))
        assert "your own card stays where it is" in asked
        it.hands[LEFT].do("place", card="test")
        assert NUMBERS["test"] in said(await it.page("maintenance_read_result"))
        it.finger.touch("back")
        await it.page("maintenance_device")
        it.finger.touch("self_test")
        assert "Self-test passed" in said(await it.page("maintenance_tested"))
        it.hands[LEFT].do("lift")
        it.finger.touch("back")
        await it.page("maintenance_device")
        it.hands[RIGHT].do("lift")
        await it.page("home")
        tests = [row.detail for row in it.machine.audit_log.rows() if row.event == "maintenance_test"]
    assert [(row["device"], row["test"], row["outcome"]) for row in tests] == [
        (LEFT, "test_read", "ok"),
        (LEFT, "self_test", "ok"),
    ]


# -- what a machine makes of what its devices say ----------------------------------------------------------------


def peripherals(tables: dict[str, dict[str, Any]]) -> Peripherals:
    return Peripherals(configured(tables), Clock())


def says(devices: Peripherals, name: str, device: DeviceState = DeviceState.ONLINE, **more: Any) -> None:
    devices.publish(name, DeviceStatus(device, **more))


def test_first_that_can_be_used_is_chosen_in_the_order_of_the_file() -> None:
    tcp = {"driver": "escpos", "transport": "tcp", "host": "127.0.0.1"}
    devices = peripherals({"b": dict(tcp), "a": dict(tcp)})
    for name in ("a", "b"):
        says(devices, name, supply=SupplyState.FULL)
    assert devices.of_kind(PRINTER) == ("b", "a")
    assert devices.chosen(PRINTER) == "b"
    says(devices, "b", supply=SupplyState.OUT, error="paper_out")
    assert (devices.chosen(PRINTER), health.can_print(devices)) == ("a", True)
    says(devices, "a", DeviceState.USER_ERROR, error="cover_open")
    assert (devices.chosen(PRINTER), health.can_print(devices)) == ("b", False)
    assert devices.status_of(PRINTER).error == "paper_out"
    says(devices, "b", supply=SupplyState.LOW)
    assert (devices.chosen(PRINTER), health.can_print(devices)) == ("b", True)


def test_device_that_answers_is_preferred_to_one_that_is_starting() -> None:
    devices = peripherals(READERS)
    assert (devices.chosen(READER), devices.is_usable(READER)) == ("left", True)
    says(devices, "right")
    assert devices.chosen(READER) == "right"
    says(devices, "left")
    assert devices.chosen(READER) == "left"


def test_kind_that_is_not_configured_is_no_device() -> None:
    devices = peripherals({})
    assert devices.of_kind(READER) == ()
    assert not devices.is_usable(READER)
    assert devices.status_of(READER) == DeviceStatus(DeviceState.NO_DEVICE, error="not_configured")


def test_reader_under_its_kind_s_name_is_not_the_other_kind() -> None:
    devices = peripherals({"receipt_printer": READERS["left"]})
    says(devices, "receipt_printer")
    assert not health.can_print(devices)
    assert devices.is_usable(READER)


def test_card_on_any_reader_is_seen() -> None:
    devices = peripherals(READERS)
    card = NextCard(devices, Clock())
    says(devices, "left", media=MediaState.NOT_PRESENT)
    says(devices, "right", media=MediaState.NOT_PRESENT)
    assert (card.is_there, card.is_left) == (False, False)
    says(devices, "right", media=MediaState.PRESENT)
    assert (card.is_there, card.is_left) == (True, False)
    says(devices, "right", media=MediaState.PRESENT, error="card_left")
    assert (card.is_there, card.is_left) == (True, True)


# -- two printers ------------------------------------------------------------------------------------------------


async def printed_on(machine: Machine, case: str) -> str:
    """Print one page as a slip of this case; the outcome."""
    visit = Visit(machine, Settings())
    head = letterhead(machine, same("t"), same("t"))
    slip = Slip(number=case, service="T01")
    intent = await trio.to_thread.run_sync(begin_slip, machine, case, slip)
    outcome, _ = await print_job(visit, printer_test_job(head, "zh"), case, intent, slip)
    return outcome


async def test_slip_comes_out_of_the_second_printer_when_the_first_has_no_paper(
    start_sim: Start, config_file: Callable[..., Path], tmp_path: Path
) -> None:
    hands, tables = {}, {}
    for name in ("front", "back"):
        folder = tmp_path / f"{name}-slips"
        said, hands[name] = start_sim(PRINTER, "--tcp-port", "0", "--slips", str(folder), name=name)
        tables[f"devices.{name}"] = {
            "driver": "escpos",
            "transport": "tcp",
            "host": "127.0.0.1",
            "tcp_port": said["tcp_port"],
        }
    machine = Machine(configuration.load(config_file(**tables)), Finger())
    accepted(machine)
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        seen = machine.peripherals.status
        await comes_true(lambda: {seen(n).supply.value for n in hands} == {"full"}, "both printers")
        assert await printed_on(machine, "C-1") == "printed"
        hands["front"].do("paper", state="out")
        await comes_true(lambda: seen("front").supply == "out", "that the paper is out")
        assert await printed_on(machine, "C-2") == "printed"
        assert [len(hands[n].do("slips")["slips"]) for n in ("front", "back")] == [1, 1]
        hands["front"].do("paper", state="full")
        await comes_true(lambda: machine.peripherals.chosen(PRINTER) == "front", "that there is paper again")
        assert await printed_on(machine, "C-3") == "printed"
        assert [len(hands[n].do("slips")["slips"]) for n in ("front", "back")] == [2, 1]
        nursery.cancel_scope.cancel()


async def test_doubt_about_one_printer_s_paper_does_not_hold_the_other(
    start_sim: Start, config_file: Callable[..., Path], tmp_path: Path
) -> None:
    said, hands = start_sim(PRINTER, "--tcp-port", "0", "--slips", str(tmp_path))
    table = {"driver": "escpos", "transport": "tcp", "host": "127.0.0.1"}
    tables = {"devices.away": table | {"tcp_port": 9}, "devices.here": table | {"tcp_port": said["tcp_port"]}}
    machine = Machine(configuration.load(config_file(**tables)), Finger())
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        await comes_true(lambda: machine.peripherals.status("here").device == "online", "the printer that is there")
        machine.paper_in_doubt.add("away")
        assert await printed_on(machine, "C-1") == "printed"
        assert machine.paper_in_doubt == {"away"}
        assert len(hands.do("slips")["slips"]) == 1
        nursery.cancel_scope.cancel()


# -- cameras -----------------------------------------------------------------------------------------------------


def cameras(config_file: Callable[..., Path], **tables: dict[str, Any]) -> Machine:
    sections = {f"devices.{name}": {"driver": "opencv", **table} for name, table in tables.items()}
    return Machine(configuration.load(config_file(**sections)), Finger())


@pytest.mark.parametrize(
    ("tables", "face"),
    [
        ({"camera": {"source": "a"}}, "camera"),
        ({"face": {"source": "a"}}, "face"),
        ({"document_camera": {"source": "d"}, "face": {"source": "a"}}, "face"),
        ({"papers": {"source": "d", "kind": "document_camera"}, "camera": {"source": "a"}}, "camera"),
        ({"camera": {"source": "d", "kind": "document_camera"}, "above": {"source": "a"}}, "above"),
        ({"document_camera": {"source": "d"}}, ""),
    ],
)
def test_only_the_face_camera_is_looked_through_for_a_face(
    config_file: Callable[..., Path], tables: dict[str, dict[str, Any]], face: str
) -> None:
    machine = cameras(config_file, **tables)
    try:
        assert machine.camera == face
        source = machine.vision._settings.source if machine.vision else ""
        assert source == ("a" if face else "")
        assert (face in machine.peripherals._supervisors) is False
        assert set(machine.peripherals._supervisors) == set(tables) - {face}
        assert set(machine.peripherals.statuses) == set(tables)
        for name in tables:
            if name != face:
                machine.peripherals.publish(name, DeviceStatus(DeviceState.ONLINE))
        if face:
            machine.peripherals.publish(face, DeviceStatus(DeviceState.OFFLINE, error="camera_lost"))
        assert not machine.peripherals.is_usable(CAMERA)
        assert not machine.vision_ready()
    finally:
        machine.store.close()


def test_second_face_camera_is_refused_and_the_line_says_what_to_write(config_file: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError) as refused:
        cameras(config_file, camera={"source": 0}, other={"source": 1})
    assert "[devices.other] kind" in str(refused.value)
    assert 'kind = "document_camera"' in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_document_camera_has_its_own_status_and_self_test_and_is_let_go_of(
    start_sim: Start, config_file: Callable[..., Path]
) -> None:
    said, hands = start_sim("camera", "--people", str(PEOPLE))
    machine = cameras(config_file, document_camera={"source": said["url"]})
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        seen = machine.peripherals.status
        await comes_true(lambda: seen("document_camera").device == "online", "the document camera")
        done = await machine.peripherals.call("document_camera", "self_test", 30.0)
        assert (done.ok, done.value) == (True, {"width_px": 640, "height_px": 480})
        await comes_true(lambda: hands.do("state")["watchers"] == 0, "that nobody looks through it")
        hands.do("dark")
        done = await machine.peripherals.call("document_camera", "self_test", 30.0)
        assert (done.ok, done.error) == (False, "camera_dark")
        hands.do("unplug")
        await comes_true(lambda: seen("document_camera").device == "noDevice", "its loss")
        nursery.cancel_scope.cancel()
