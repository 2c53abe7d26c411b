"""The way in: card, offer, PIN, the doubling lock-out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from trio.testing import MockClock

from tests.kiosk.maintenance.desk import CITIZEN, OTHER_TECHNICIAN, PIN, TECHNICIAN, Desk, said


async def wrong_tries(desk: Desk, count: int) -> None:
    for _ in range(count):
        failures = desk.events().count("pin_failed")
        await desk.tap("maintenance_pin", "next", pin="000000")
        await desk.until(lambda failures=failures: desk.events().count("pin_failed") > failures)


async def test_technician_may_come_as_a_citizen(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.tap("maintenance_offer", "citizen")
        assert await desk.end() == "citizen"
    assert desk.events() == []


async def test_citizen_way_is_closed_while_out_of_service(desk: Desk, mock_clock: MockClock) -> None:
    await desk.machine.set_out_of_service("paper")
    async with desk.technician():
        page = await desk.page("maintenance_offer")
        assert [a.enabled for a in page.actions if a.id == "citizen"] == [False]


async def test_right_pin_opens_the_board_and_both_ends_are_audited(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.open_board()
        desk.screen.touch("exit")
        assert await desk.end() == "exit"
    assert desk.events() == ["login", "logout"]
    assert desk.audit()[-1].detail == {"reason": "exit"}


async def test_empty_pin_is_no_try(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.tap("maintenance_offer", "maintenance")
        for _ in range(7):
            await desk.tap("maintenance_pin", "next", pin="")
            await desk.until(lambda: desk.screen.page and "请输入密码。" in said(desk.screen.page))
        await desk.tap("maintenance_pin", "next", pin=PIN)
        await desk.page("maintenance")


async def test_five_wrong_pins_lock_and_a_restart_does_not_help(
    open_desk: Callable[[], Desk], mock_clock: MockClock
) -> None:
    desk = open_desk()
    async with desk.technician():
        await desk.tap("maintenance_offer", "maintenance")
        await wrong_tries(desk, 5)
        assert "15 秒" in said(await desk.page("maintenance_locked"))
        assert desk.events() == ["pin_failed"] * 5 + ["locked"]

    again = open_desk()
    async with again.technician():
        await again.tap("maintenance_offer", "maintenance")
        await again.page("maintenance_locked")
        await again.pass_time(13.5)
        assert "2 秒" in said(await again.page("maintenance_locked"))
        await again.pass_time(1.6)
        await again.tap("maintenance_pin", "next", pin=PIN)
        await again.page("maintenance")
    assert again.events()[-2:] == ["login", "logout"]


async def test_each_further_failure_doubles_the_wait(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.tap("maintenance_offer", "maintenance")
        await wrong_tries(desk, 5)
        for wait_s in (15, 30, 60):
            await desk.page("maintenance_locked")
            await desk.until(lambda wait_s=wait_s: desk.audit()[-1].detail == {"seconds": wait_s})
            await desk.pass_time(wait_s + 0.1)
            if wait_s < 60:
                await wrong_tries(desk, 1)
        await desk.page("maintenance_pin")


async def test_wall_clock_set_forward_does_not_open_a_running_machine(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.tap("maintenance_offer", "maintenance")
        await wrong_tries(desk, 5)
        desk.machine.clock.shift = timedelta(days=1)
        await desk.pass_time(1)
        await desk.page("maintenance_locked")


async def test_lock_is_one_persons_not_everybodys(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.tap("maintenance_offer", "maintenance")
        await wrong_tries(desk, 5)
        await desk.page("maintenance_locked")
    async with desk.technician(OTHER_TECHNICIAN):
        await desk.open_board()
    assert desk.audit()[-1].actor == "tech-2"


async def test_emblem_asks_for_the_card_and_turns_a_citizen_away_kindly(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.emblem_tapped():
        await desk.page("maintenance_card")
        desk.devices.place(CITIZEN, "赵德福")
        page = await desk.page("maintenance_refused")
        assert "没有问题" in said(page)
        desk.screen.touch("continue")
        assert await desk.end() == "returned"
    assert desk.events() == ["refused"]
    assert "赵德福" not in "".join(map(said, desk.screen.seen))


async def test_emblem_turns_a_guide_away_too(desk: Desk, mock_clock: MockClock) -> None:
    desk.machine.staff.enrol(CITIZEN, "guide", "guide-1", PIN)
    async with desk.emblem_tapped():
        await desk.page("maintenance_card")
        desk.devices.place(CITIZEN, "赵德福")
        await desk.page("maintenance_refused")
    assert desk.events() == ["refused"]


async def test_emblem_and_technician_card_lead_to_the_pin(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.emblem_tapped():
        await desk.page("maintenance_card")
        desk.devices.place(TECHNICIAN)
        await desk.tap("maintenance_pin", "next", pin=PIN)
        await desk.page("maintenance")
    assert desk.events() == ["login", "logout"]


@pytest.mark.parametrize("action", ["back", "exit"])
async def test_emblem_tapped_by_mistake_leads_back_home(desk: Desk, action: str, mock_clock: MockClock) -> None:
    async with desk.emblem_tapped():
        await desk.tap("maintenance_card", action)
        assert await desk.end() in ("returned", "exit")
