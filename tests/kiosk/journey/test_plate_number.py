"""选号 at the machine: a list, another one, a number that somebody else was quicker for, none left, giving back."""

from __future__ import annotations

from datetime import date

import pytest
import trio
import trio.testing

from kiosk.holds import Holds
from kiosk.hub_link.client import Answered, Unreachable
from kiosk.hub_link.state import LinkState
from kiosk.journey.engine import Journey
from kiosk.journey.steps import plate_number
from kiosk.messages.plates import PlatesAnswer
from kiosk.pages import Tiles
from tests.kiosk.journey.conftest import ZHAO, Counter, words
from tests.kiosk.journey.test_engine import journeys, question

__all__ = ["journeys"]
FIRST, SECOND = ["通A·0001T", "通A·0002T"], ["通A·0003T"]
HELD = PlatesAnswer("held", drawn=1, left=2, number=FIRST[0], held_min=30, kept_to=date(2027, 2, 11))


@pytest.fixture
def desk(counter: Counter) -> Counter:
    counter.visit.card = ZHAO
    counter.online()
    counter.steps("T20", "plate_number", question("last"))
    return counter


def says(counter: Counter, **answers: PlatesAnswer) -> None:
    counter.answers["plates"] = lambda asked: answers[asked.action]


def numbers(counter: Counter) -> list[str]:
    block = next(block for block in counter.page.blocks if isinstance(block, Tiles))
    return [tile.action.label.zh for tile in block.tiles]


def actions(counter: Counter) -> list[str]:
    return [action.id for action in counter.page.actions]


async def test_another_list_then_a_number_that_is_held_and_stands_on_review_and_slip(
    desk: Counter, journeys: list[Journey]
) -> None:
    says(desk, offer=PlatesAnswer("open", FIRST, 1, 1), more=PlatesAnswer("open", SECOND, 2, 0))
    async with desk.doing("T20"):
        await desk.first("plate_numbers")
        assert numbers(desk) == FIRST
        page = await desk.touch("more", "plate_numbers")
        assert (numbers(desk), "more" in actions(desk)) == (SECOND, False)
        assert "最后一批" in words(page)
        says(desk, choose=PlatesAnswer("held", drawn=2, number=SECOND[0], held_min=30, kept_to=date(2027, 2, 11)))
        await desk.touch(f"number:{SECOND[0]}", "choose")
        journey = journeys[0]
        rows = [(row.label.zh, row.value.zh) for row in plate_number.slip_rows(journey, None)]  # type: ignore[arg-type]
        assert rows == [("选定号码", SECOND[0]), ("号码保留到", "2027-02-11")]
        asked = desk.asked[-1]
        assert (asked.key, asked.id_number, asked.number) == (journey.case_id, ZHAO.number, SECOND[0])
        desk.last("next", last="a")


async def test_who_is_slower_is_told_and_chooses_another_one(desk: Counter) -> None:
    says(desk, offer=PlatesAnswer("open", FIRST, 1, 2), choose=PlatesAnswer("gone", FIRST[1:], 1, 2))
    async with desk.doing("T20"):
        await desk.first("plate_numbers")
        page = await desk.touch(f"number:{FIRST[0]}", "plate_numbers")
        assert "刚刚被别人选走" in words(page)
        assert numbers(desk) == FIRST[1:]
        says(desk, choose=PlatesAnswer("gone", [], 3, 0))
        page = await desk.touch(f"number:{FIRST[1]}", "no_numbers")
        assert "车管窗口选号" in words(page)
        desk.last("continue")


async def test_a_car_without_a_list_ends_with_the_counter(desk: Counter) -> None:
    says(desk, offer=PlatesAnswer("none"))
    async with desk.doing("T20"):
        await desk.first("no_numbers")
        desk.last("continue")


async def test_without_the_network_no_number_is_promised(desk: Counter) -> None:
    desk.machine.link.state = LinkState.SILENT
    async with desk.doing("T20"):
        await desk.first("needs_network")
        desk.last("continue")


async def test_what_was_not_filed_is_given_back_when_the_visit_is_over_and_what_was_filed_is_not(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Outbox:
        def proof(self, case_id: str) -> str | None:
            return "digest" if case_id == "filed" else None

    given_back: list[str] = []
    is_online = [False]

    async def ask(kind: str, question: object) -> Answered | Unreachable:
        if not is_online[0]:
            return Unreachable("no answer")
        given_back.append(question.key)  # type: ignore[attr-defined]
        return Answered(PlatesAnswer("given_back"))

    holds = Holds(Outbox(), ask)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(holds.run)
        holds.begin("left", "T20")
        holds.begin("filed", "T20")
        holds.nudge()
        await trio.testing.wait_all_tasks_blocked()
        assert given_back == [], "while the visit lasts it stays held"
        holds.release()
        await trio.sleep(30)
        is_online[0] = True
        holds.nudge()
        await trio.sleep(1)
        assert given_back == ["left"], "as soon as the city answers again, once"
        nursery.cancel_scope.cancel()
