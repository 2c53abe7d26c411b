"""预约取号 at the machine: day and time, one's own appointment, somebody quicker, nothing left, no network."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing

from kiosk.case_watch import Word
from kiosk.cases import CaseState, unbroken
from kiosk.journey.engine import Journey
from kiosk.journey.steps import appointment
from kiosk.messages.content import Identity
from kiosk.messages.hall import Slot, SlotsAnswer
from kiosk.pages import Tiles
from tests.kiosk.journey.conftest import ZHAO, Counter, words
from tests.kiosk.journey.test_engine import journeys, question
from tests.kiosk.journey.test_file import the_department_says

__all__ = ["journeys"]
FREE = [
    Slot("2027-01-13T09:30", "2027-01-13T10:00", 2),
    Slot("2027-01-13T10:00", "2027-01-13T10:30", 0),
    Slot("2027-01-14T09:00", "2027-01-14T09:30", 4),
]
MINE = Slot("2027-01-13T09:30", "2027-01-13T10:00", 0, "A006", "990101000120270112000017")


@pytest.fixture
def desk(counter: Counter) -> Counter:
    counter.visit.card = ZHAO
    counter.online()
    counter.steps("H18", "appointment", question("last"))
    counter.steps("C04", "appointment", question("last"))
    return counter


def says(counter: Counter, **answers: Any) -> None:
    counter.answers["slots"] = lambda asked: answers[asked.action]


def tiles(counter: Counter) -> list[tuple[str, str]]:
    block = next(block for block in counter.page.blocks if isinstance(block, Tiles))
    return [(tile.action.id, tile.lead.zh) for tile in block.tiles]


async def test_a_day_a_time_and_the_number_that_is_called(desk: Counter, journeys: list[Journey]) -> None:
    says(desk, offer=SlotsAnswer("open", FREE), take=SlotsAnswer("taken", mine=MINE))
    async with desk.doing("H18"):
        page = await desk.first("slot_days")
        assert "1月13日 星期三" in words(page)
        assert tiles(desk) == [("day:2027-01-13", "还有 2 个名额"), ("day:2027-01-14", "还有 4 个名额")]
        await desk.touch("day:2027-01-14", "slot_times")
        await desk.touch("back", "slot_days")
        await desk.touch("day:2027-01-13", "slot_times")
        assert tiles(desk) == [("time:2027-01-13T09:30", "还有 2 个名额")], "a full one is not offered"
        await desk.touch("time:2027-01-13T09:30", "choose")
        journey = journeys[0]
        rows = [(r.label.zh, r.value.zh) for r in appointment.slip_rows(journey, None)]  # type: ignore[arg-type]
        assert rows == [("预约时间", "1月13日 星期三 09:30–10:00（网络恢复后确认，名额以查询结果为准）")]
        journey.state = CaseState.ACCEPTED
        rows = [(r.label.zh, r.value.zh) for r in appointment.slip_rows(journey, None)]  # type: ignore[arg-type]
        assert rows == [("预约时间", "1月13日 星期三 09:30–10:00"), ("预约号", "A006"), ("窗口", "户政部门窗口")]
        taken = desk.asked[-1]
        assert (taken.counter, taken.key, taken.begins_at) == ("household", journey.case_id, "2027-01-13T09:30")
        desk.last("next", last="a")


async def test_who_is_slower_is_told_and_chooses_another_time(desk: Counter) -> None:
    says(desk, offer=SlotsAnswer("open", FREE), take=SlotsAnswer("full", [FREE[1], FREE[2]]))
    async with desk.doing("H18"):
        await desk.first("slot_days")
        await desk.touch("day:2027-01-14", "slot_times")
        page = await desk.touch("time:2027-01-14T09:00", "slot_times")
        assert "刚刚被别人约走" in words(page)
        await desk.touch("back", "slot_days")
        says(desk, take=SlotsAnswer("full"))
        await desk.touch("day:2027-01-14", "slot_times")
        page = await desk.touch("time:2027-01-14T09:00", "slots_full")
        assert "工作人员会打电话" in words(page), "what a department decides is applied for without a time"
        await desk.touch("next", "choose")
        desk.last("next", last="a")


async def test_one_s_own_is_shown_kept_or_cancelled_after_being_asked_once_more(desk: Counter) -> None:
    says(desk, offer=SlotsAnswer("open", FREE, MINE), cancel=SlotsAnswer("cancelled", mine=MINE))
    async with desk.doing("C04"):
        page = await desk.first("slot_mine")
        for each in ("A006", "1月13日 星期三 09:30–10:00", unbroken(MINE.receipt_number)):
            assert each in words(page), each
        await desk.touch("cancel", "slot_cancel")
        await desk.touch("back", "slot_mine")
        await desk.touch("next", "slot_days")
        desk.last("back")
    desk.finger.history.clear()
    async with desk.doing("C04"):
        await desk.first("slot_mine")
        await desk.touch("cancel", "slot_cancel")
        page = await desk.touch("cancel", "slot_cancelled")
        assert "已取消 1月13日 星期三" in words(page)
        desk.last("next")


async def test_who_cancelled_is_not_told_that_nothing_was_done_when_the_answer_is_lost(desk: Counter) -> None:
    """The page said so, and nobody had the place any more."""
    says(desk, offer=SlotsAnswer("open", FREE, MINE))
    async with desk.doing("C04"):
        await desk.first("slot_mine")
        await desk.touch("cancel", "slot_cancel")
        desk.answers.clear()
        page = await desk.touch("cancel", "slot_cancel_unknown")
        assert "暂时确认不了" in words(page)
        desk.last("next")


async def test_when_all_is_full_what_is_nothing_but_an_appointment_ends(desk: Counter) -> None:
    says(desk, offer=SlotsAnswer("open", [FREE[1]]))
    async with desk.doing("C04"):
        page = await desk.first("slots_full")
        assert "明天再来看看" in words(page)
        desk.last("next")


@pytest.mark.parametrize(
    ("service", "page", "ends"), [("C04", "needs_network", "next"), ("H18", "offline_notice", "back")]
)
async def test_without_the_city_no_place_is_given(desk: Counter, service: str, page: str, ends: str) -> None:
    async with desk.doing(service):
        await desk.first(page)
        desk.last(ends)


async def test_what_is_needed_to_keep_it_stands_on_the_page_after_it_and_on_the_slip(desk: Counter) -> None:
    says(desk, offer=SlotsAnswer("open", FREE), take=SlotsAnswer("taken", mine=MINE))
    desk.visit.identity = Identity("guide", "confirmed", guide_ref="g1")
    office = {"id": "household", "label": {"zh": "户政窗口", "en": "Household counter"}}
    other = {"id": "traffic", "label": {"zh": "车驾管窗口", "en": "Traffic counter"}}
    counter = question("counter") | {"options": [office, other]}
    desk.steps("C04", "identify", counter, "appointment", "file", "slip")
    the_department_says(desk, Word(CaseState.ACCEPTED))
    async with desk.doing("C04"):
        await desk.first("choose")
        await desk.touch("next", "slot_days", counter="household")
        await desk.touch("day:2027-01-13", "slot_times")
        await desk.touch("time:2027-01-13T09:30", "filing")
        while desk.finger.history[-1:] == ["filing"]:
            desk.clock.jump(0.1)
            await trio.testing.wait_all_tasks_blocked()
        page = await desk.first("result")
        await desk.touch("next", "slip")
        desk.last("next")
    for needed in ("1月13日 星期三 09:30–10:00", "A006", "户政窗口"):
        assert needed in words(page)
        assert needed in desk.papers[0]
