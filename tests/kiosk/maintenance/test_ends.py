"""How maintenance ends: nobody touches it, the card is lifted, the reader goes away, the machine stops."""

from __future__ import annotations

import msgspec
import pytest
from trio.testing import MockClock

from devices.vocabulary import DeviceState
from tests.kiosk.maintenance.desk import CITIZEN, READER, TECHNICIAN, Desk


def last_reason(desk: Desk) -> str:
    row = desk.audit()[-1]
    assert row.event == "maintenance_logout"
    return row.detail["reason"]


async def test_five_idle_minutes_end_it_after_a_warning(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.open_board()
        await desk.pass_time(279)
        await desk.page("maintenance")
        await desk.pass_time(2)
        await desk.page("still_there")
        await desk.pass_time(18)
        assert desk.ended is None
        await desk.pass_time(2)
        assert await desk.end() == "timeout"
    assert last_reason(desk) == "idle"


async def test_large_type_does_not_make_idling_longer(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.tap("maintenance_offer", "maintenance")
        await desk.page("maintenance_pin")
        desk.visit.settings = msgspec.structs.replace(desk.visit.settings, elder=True)
        await desk.tap("maintenance_pin", "next", pin="739164")
        await desk.page("maintenance")
        await desk.pass_time(281)
        await desk.page("still_there")
        await desk.pass_time(20)
        assert await desk.end() == "timeout"


async def test_help_page_does_not_make_idling_longer(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.open_board()
        desk.visit.settings = msgspec.structs.replace(desk.visit.settings, elder=True)
        await desk.tap("maintenance", "help")
        await desk.page("help")
        await desk.pass_time(301)
        assert await desk.end() == "timeout"


async def test_touch_begins_the_five_minutes_anew(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.open_board()
        for _ in range(3):
            await desk.pass_time(200)
            desk.screen.on_touch()
        await desk.page("maintenance")
        await desk.pass_time(290)
        await desk.tap("still_there", "continue")
        await desk.page("maintenance")
        await desk.pass_time(200)
        assert desk.ended is None


@pytest.mark.parametrize("room", ["queue", "doubts", "service_state", "facts", f"device:{READER}"])
async def test_lifted_card_ends_it_on_any_page(desk: Desk, room: str, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.open_board()
        desk.screen.touch(room)
        await desk.until(lambda: desk.screen.page and desk.screen.page.kind not in ("maintenance", "maintenance_pin"))
        desk.devices.lift()
        assert await desk.end() == "returned"
    assert last_reason(desk) == "card_lifted"


async def test_card_lifted_before_the_pin_is_explained(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.tap("maintenance_offer", "maintenance")
        await desk.page("maintenance_pin")
        desk.devices.lift()
        await desk.tap("maintenance_card_away", "continue")
        assert await desk.end() == "returned"
    assert desk.events() == []


async def test_reader_lost_and_back_asks_for_the_own_card(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.open_board()
        desk.devices.say(READER, DeviceState.NO_DEVICE, "unplugged")
        await desk.pass_time(120)
        await desk.page("maintenance")
        desk.devices.place(TECHNICIAN)
        await desk.pass_time(1)
        await desk.page("maintenance")
        assert desk.events() == ["login"]


async def test_reader_back_with_another_card_ends_it(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.open_board()
        desk.devices.say(READER, DeviceState.NO_DEVICE, "unplugged")
        await desk.pass_time(10)
        desk.devices.place(CITIZEN)
        await desk.pass_time(1)
        await desk.page("maintenance_own_card")
        await desk.pass_time(29)
        assert desk.ended is None
        await desk.pass_time(2)
        assert await desk.end() == "returned"
    assert last_reason(desk) == "card_lifted"


async def test_reader_that_cannot_notice_lifting_is_named(desk: Desk, mock_clock: MockClock) -> None:
    desk.devices.can_notice = False
    async with desk.technician():
        await desk.open_board()
        await desk.pass_time(1)
        await desk.until(lambda: any(b.__class__.__name__ == "Notice" for b in desk.screen.page.blocks))


async def test_machine_that_is_stopped_writes_the_logout(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.open_board()
    assert last_reason(desk) == "stopped"


async def test_surprise_ends_it_and_is_written_down(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    def broken() -> int:
        raise ZeroDivisionError

    async def stay() -> None:
        async with desk.technician():
            await desk.open_board()
            monkeypatch.setattr(desk.machine.outbox, "depth", broken)
            await desk.pass_time(1)
            await desk.end()

    with pytest.raises(ExceptionGroup):
        await stay()
    assert last_reason(desk) == "fault"
