"""Delivered cases are followed together: one question for all that wait, at a pace that gets slower."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import NamedTuple

import pytest
import trio

from kiosk.case_watch import GIVE_UP_S, SLOWEST_S, CaseWatch
from kiosk.cases import CaseState
from kiosk.hub_link.client import Answered, Refused, Unreachable
from kiosk.messages.questions import MOST_NUMBERS, CaseProgress, ProgressAnswer, ProgressQuestion, ProgressState


class Hub:
    """Answers progress questions by ``states``; counts them."""

    def __init__(self) -> None:
        self.online = True
        self.knows_keys = True
        self.states: dict[str, str] = {}
        self.asked: list[tuple[float, list[str]]] = []

    async def ask(self, _kind: str, question: ProgressQuestion) -> Answered | Refused | Unreachable:
        await trio.lowlevel.checkpoint()
        if not self.online:
            return Unreachable("offline")
        numbers = [f"R{key}" for key in question.keys] or question.receipt_numbers
        self.asked.append((trio.current_time(), numbers))
        if question.keys and not self.knows_keys:
            return Refused("422")
        return Answered(ProgressAnswer([self._case(number) for number in numbers]))

    def _case(self, number: str) -> CaseProgress:
        state = self.states.get(number, "delivered")
        return CaseProgress(number, "T01", "*", [ProgressState(state, "", "traffic")], date(2027, 1, 20))


class Row(NamedTuple):
    receipt_number: str


class Rows:
    """An outbox, as far as the watch reads it."""

    def find(self, *, key: str) -> list[Row]:
        return [Row(f"R{key}")]

    def proof(self, key: str) -> str:
        return f"proof of {key}"


class Watching:
    def __init__(self) -> None:
        self.hub, self.said, self.proofs = Hub(), [], []
        self.watch = CaseWatch(
            self.hub,  # type: ignore[arg-type]
            lambda _event, **facts: self.said.append(facts["state"]),
            Rows(),  # type: ignore[arg-type]
            self.proofs.append,  # type: ignore[arg-type]
        )


@pytest.fixture
async def watching(nursery) -> Watching:
    found = Watching()
    nursery.start_soon(found.watch.run)
    return found


async def test_the_receipt_of_a_delivered_case_bounds_the_clock(watching: Watching, autojump_clock) -> None:
    watching.watch.envelope_moved("case-1", "1", "case", "delivered")
    watching.watch.envelope_moved("case-2", "2", "case", "held")
    watching.watch.envelope_moved("case-1", "3", "rating", "delivered")
    await trio.sleep(1)
    assert watching.proofs == ["proof of 1"]


async def test_all_that_wait_are_asked_for_in_one_question(watching: Watching, autojump_clock) -> None:
    for n in range(30):
        watching.watch.delivered(str(n), f"case-{n}")
    await trio.sleep(600)
    assert max(len(numbers) for _, numbers in watching.hub.asked) == 30
    assert len(watching.hub.asked) < 30, "ten minutes, thirty cases: fewer questions than cases"
    watching.hub.states = {f"R{n}": "accepted" for n in range(30)}
    await trio.sleep(SLOWEST_S + 1)
    assert watching.said == ["accepted"] * 30
    asked = len(watching.hub.asked)
    await trio.sleep(GIVE_UP_S)
    assert len(watching.hub.asked) == asked, "nobody waits, nobody asks"


async def test_more_than_fit_into_one_question_are_all_heard(watching: Watching, autojump_clock) -> None:
    for n in range(3 * MOST_NUMBERS):
        watching.watch.delivered(str(n), "case")
        watching.hub.states[f"R{n}"] = "accepted"
    await trio.sleep(10)
    assert len(watching.said) == 3 * MOST_NUMBERS
    assert len(watching.hub.asked) == 3


async def test_one_waits_for_the_word_and_is_told_at_once(watching: Watching, autojump_clock) -> None:
    watching.watch.delivered("1", "case")
    first = await watching.watch.next_word("R1", CaseState.STORED)
    assert first is not None
    assert first.state is CaseState.DELIVERED
    watching.hub.states["R1"] = "accepted"
    word = await watching.watch.next_word("R1", CaseState.DELIVERED)
    assert word is not None
    assert (word.state, word.promised_on) == (CaseState.ACCEPTED, date(2027, 1, 20))


async def test_who_waits_is_told_when_the_hub_goes_away_and_is_followed_when_it_is_back(
    watching: Watching, autojump_clock
) -> None:
    watching.watch.delivered("1", "case")
    await watching.watch.next_word("R1", CaseState.STORED)

    async def cut() -> None:
        await trio.sleep(5)
        watching.hub.online = False
        watching.watch.link_changed()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cut)
        assert await watching.watch.next_word("R1", CaseState.DELIVERED) is None
    await trio.sleep(1000)
    watching.hub.online, watching.hub.states = True, {"R1": "accepted"}
    watching.watch.link_changed()
    await trio.sleep(0.1)
    assert watching.said == ["accepted"]


async def test_a_hub_one_version_older_is_asked_by_the_numbers(watching: Watching, autojump_clock) -> None:
    watching.hub.knows_keys = False
    for n in range(3):
        watching.watch.delivered(str(n), "case")
        watching.hub.states[f"R{n}"] = "accepted"
    await trio.sleep(10)
    assert watching.said == ["accepted"] * 3


async def test_a_department_that_never_speaks_is_asked_slower_and_given_up(watching: Watching, autojump_clock) -> None:
    watching.watch.delivered("1", "case")
    await trio.sleep(GIVE_UP_S + 2 * SLOWEST_S)
    moments = [at for at, _ in watching.hub.asked]
    gaps = [round(later - earlier, 3) for earlier, later in pairwise(moments)]
    assert gaps == sorted(gaps)
    assert len(moments) < 90
    before = len(moments)
    await trio.sleep(GIVE_UP_S)
    assert len(watching.hub.asked) == before
