"""The board and the tests of reader, printer and camera."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from devices.contract import Completed
from devices.receipt_printer.job import Outcome, PrintResult
from devices.vocabulary import Completion, DeviceState, SupplyState
from kiosk.pages import Board, BoardRow, Facts, Page, Picture
from tests.kiosk.maintenance.desk import CAMERA, CITIZEN, PRINTER, READER, TECHNICIAN, TEST_CARD, Desk, said


def row(page: Page, icon: str) -> BoardRow:
    return next(r for b in page.blocks if isinstance(b, Board) for r in b.rows if r.icon == icon)


async def open_device(desk: Desk, name: str) -> None:
    await desk.open_board()
    desk.screen.touch(f"device:{name}")
    await desk.page("maintenance_device")


async def test_board_follows_the_devices_and_remembers_the_last_fault(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        page = await desk.open_board()
        assert (row(page, "printer").state.zh, row(page, "printer").level) == ("正常", "ok")
        desk.devices.say(PRINTER, DeviceState.USER_ERROR, "cover_open")
        await desk.pass_time(1)
        page = await desk.page("maintenance")
        assert (row(page, "printer").state.en, row(page, "printer").level) == ("Needs a hand", "warn")
        desk.devices.say(PRINTER, supply=SupplyState.LOW)
        await desk.pass_time(1)
        page = await desk.page("maintenance")
        assert (row(page, "printer").state.zh, row(page, "printer").level) == ("快用完了", "warn")
        assert "打印机盖没有关好（01-12 09:00）" in row(page, "printer").detail.zh


async def test_unknown_fault_code_is_shown_itself(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        desk.devices.say(READER, DeviceState.HARDWARE_ERROR, "unknown_status_77")
        page = await desk.open_board()
        assert "unknown_status_77" in row(page, "identification-card").detail.zh
        assert row(page, "identification-card").level == "error"


async def test_test_card_shows_its_fields_and_the_own_card_goes_back(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await open_device(desk, READER)
        desk.screen.touch("test_read")
        await desk.page("maintenance_read")
        desk.devices.lift()
        await desk.pass_time(5)
        desk.devices.place(TEST_CARD, "测试卡")
        page = await desk.page("maintenance_own_card")
        assert "测试卡" in said(page)
        assert TEST_CARD in said(page)
        assert "0 ms" in said(page)
        desk.devices.lift()
        await desk.pass_time(20)
        desk.devices.place(TECHNICIAN)
        await desk.tap("maintenance_read_result", "back")
        await desk.page("maintenance_device")
        desk.devices.lift()
        assert await desk.end() == "returned"
    assert desk.events() == ["login", "test", "logout"]
    assert desk.audit()[1].detail == {"device": READER, "test": "test_read", "outcome": "ok"}


@pytest.mark.parametrize("number", [CITIZEN, "GBR110180051702", "911826198502020089"])
async def test_any_other_card_shows_no_value(desk: Desk, number: str, mock_clock: MockClock) -> None:
    kind = "foreigner_2017" if number.startswith("GBR") else "resident"
    async with desk.technician():
        await open_device(desk, READER)
        desk.screen.touch("test_read")
        await desk.page("maintenance_read")
        desk.devices.lift()
        await desk.pass_time(1)
        desk.devices.place(number, "赵德福", kind)
        page = await desk.page("maintenance_own_card")
        rows = next(b for b in page.blocks if isinstance(b, Facts)).rows
        assert [r.label.en for r in rows] == ["Result", "Kind of card", "Time"]
        desk.devices.lift()
        await desk.pass_time(1)
        desk.devices.place(TECHNICIAN)
        await desk.page("maintenance_read_result")
    everything = "".join(map(said, desk.screen.seen)) + str([r.detail for r in desk.audit()])
    assert number not in everything
    assert "赵德福" not in everything


async def test_own_card_that_stays_away_ends_it(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await open_device(desk, READER)
        desk.screen.touch("test_read")
        await desk.page("maintenance_read")
        desk.devices.lift()
        await desk.pass_time(1)
        desk.devices.place(TEST_CARD)
        await desk.page("maintenance_own_card")
        await desk.pass_time(29)
        assert desk.ended is None
        await desk.pass_time(2)
        assert await desk.end() == "returned"
    assert desk.audit()[-1].detail == {"reason": "card_lifted"}


async def test_no_card_placed_is_said_and_the_own_one_must_come_back(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await open_device(desk, READER)
        desk.screen.touch("test_read")
        await desk.page("maintenance_read")
        desk.devices.lift()
        await desk.pass_time(1)
        await desk.pass_time(30)
        assert "没有放上证件" in said(await desk.page("maintenance_own_card"))
        desk.devices.place(TECHNICIAN)
        await desk.page("maintenance_read_result")
    assert desk.audit()[1].detail["outcome"] == "no_card"


async def test_reader_test_given_up_after_lifting_wants_the_own_card_back(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await open_device(desk, READER)
        desk.screen.touch("test_read")
        await desk.page("maintenance_read")
        desk.devices.lift()
        await desk.pass_time(1)
        desk.screen.touch("back")
        await desk.page("maintenance_own_card")
        desk.devices.place(TECHNICIAN)
        await desk.page("maintenance_device")
        assert desk.ended is None
    assert desk.audit()[1].detail["outcome"] == "interrupted"


async def test_reader_test_given_up_before_lifting_goes_on_watching(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await open_device(desk, READER)
        desk.screen.touch("test_read")
        await desk.tap("maintenance_read", "back")
        await desk.page("maintenance_device")
        desk.devices.lift()
        assert await desk.end() == "returned"


async def test_reader_lost_during_its_test_does_not_throw_the_technician_out(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await open_device(desk, READER)
        desk.screen.touch("test_read")
        await desk.page("maintenance_read")
        desk.devices.lift()
        await desk.pass_time(1)
        desk.devices.say(READER, DeviceState.NO_DEVICE, "unplugged")
        await desk.page("maintenance_own_card")
        await desk.pass_time(31)
        assert "检查线缆" in said(await desk.page("maintenance_read_result"))
        desk.devices.place(TECHNICIAN)
        await desk.pass_time(1)
        await desk.page("maintenance")


async def test_self_test_of_the_reader_leaves_the_card_where_it_is(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await open_device(desk, READER)
        desk.screen.touch("self_test")
        assert "自检通过" in said(await desk.page("maintenance_tested"))
        desk.screen.touch("back")
        await desk.page("maintenance_device")
        desk.devices.lift()
        assert await desk.end() == "returned"
    assert (READER, "self_test") in desk.devices.calls


async def test_print_test_is_an_intent_that_the_printer_resolves(desk: Desk, mock_clock: MockClock) -> None:
    desk.devices.print_result = Completed(Completion.SUCCESS, PrintResult(Outcome.PRINTED))
    async with desk.technician():
        await open_device(desk, PRINTER)
        desk.screen.touch("test_print")
        assert "打印机确认已打印" in said(await desk.page("maintenance_printed"))
        assert desk.machine.journal.open_intents() == []
        assert desk.machine.journal.outcome(1) == "printed"
    assert desk.audit()[1].detail == {"device": PRINTER, "test": "test_print", "outcome": "ok"}


async def test_print_test_without_paper_says_so(desk: Desk, mock_clock: MockClock) -> None:
    result = PrintResult(Outcome.NOT_PRINTED, ("paper_out",))
    desk.devices.print_result = Completed(Completion.DEVICE_NOT_READY, result, error="paper_out")
    async with desk.technician():
        await open_device(desk, PRINTER)
        desk.screen.touch("test_print")
        assert "没有纸了" in said(await desk.page("maintenance_printed"))
        assert desk.machine.journal.outcome(1) == "not_printed"


async def test_print_test_without_the_printers_word_asks_the_technician(desk: Desk, mock_clock: MockClock) -> None:
    result = PrintResult(Outcome.UNKNOWN, ("no_barrier",))
    desk.devices.print_result = Completed(Completion.TIME_OUT, result, error="no_barrier")
    async with desk.technician():
        await open_device(desk, PRINTER)
        desk.screen.touch("test_print")
        page = await desk.page("maintenance_printed")
        assert page.title.zh == "打印测试页"
        assert [i.ref for i in desk.machine.journal.open_intents()] == ["maintenance"]
        desk.screen.touch("not_printed")
        await desk.page("maintenance_device")
        assert desk.machine.journal.outcome(1) == "missed by staff"
    assert desk.events() == ["login", "test", "doubt_settled", "logout"]


async def test_camera_picture_is_live_and_a_missing_one_is_explained(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    pictures = [b"first", b"second"]

    async def snapshot(*, boxes: bool) -> bytes | None:
        return pictures[0] if boxes and pictures else None

    monkeypatch.setattr(desk.machine, "snapshot", snapshot)
    async with desk.technician():
        await open_device(desk, CAMERA)
        desk.screen.touch("look")
        page = await desk.page("maintenance_camera")
        assert [b.data for b in page.blocks if isinstance(b, Picture)] == [b"first"]
        pictures.pop(0)
        await desk.pass_time(1)
        assert [b.data for b in desk.screen.page.blocks if isinstance(b, Picture)] == [b"second"]
        pictures.clear()
        desk.devices.say(CAMERA, DeviceState.NO_DEVICE, "no_device")
        await desk.pass_time(1)
        assert "找不到摄像头" in said(desk.screen.page)
    assert desk.audit()[1].detail == {"device": CAMERA, "test": "look"}


async def test_device_is_restarted_by_the_technician_and_that_is_written_down(
    desk: Desk, mock_clock: MockClock
) -> None:
    async with desk.technician():
        await open_device(desk, PRINTER)
        desk.screen.touch("restart")
        await desk.until(lambda: (PRINTER, "restart") in desk.devices.calls)
    assert [r.detail for r in desk.audit() if r.event == "maintenance_device_restarted"] == [{"device": PRINTER}]
