"""A result that comes late: waited for while the person stays, or laid down at the hub until the card is tapped."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from trio.testing import MockClock

from kiosk.journey.engine import Journey
from kiosk.messages.parked import ParkAnswer, ParkQuestion
from kiosk.messages.questions import EligibilityAnswer
from tests.kiosk.journey.conftest import ZHAO, Counter, words
from tests.kiosk.journey.test_engine import BOTH, journeys, question

__all__ = ["journeys"]
LEAD = {"zh": "约 40 分钟", "en": "40 minutes"}
WAIT = {"kind": "wait", "checks": ["medical_recent"], "title": BOTH, "lead": LEAD}


@pytest.fixture
def waiting(counter: Counter) -> Counter:
    counter.online()
    counter.visit.card = ZHAO
    counter.answers["eligibility"] = EligibilityAnswer({}, ["medical_recent"])
    counter.steps("T01", WAIT, question("last"))
    return counter


async def test_it_goes_on_by_itself_when_the_result_is_there(
    waiting: Counter, journeys: list[Journey], mock_clock: MockClock
) -> None:
    counter = waiting
    # Asked for here, too: a clock that only a fixture has is not the run's.
    assert counter.clock is mock_clock
    told: list[list[str]] = [["medical_recent"], ["medical_recent"], []]
    counter.answers["eligibility"] = lambda _question: EligibilityAnswer({}, told.pop(0))
    async with counter.doing("T01"):
        page = await counter.first("wait")
        assert "约 40 分钟" in words(page)
        counter.clock.autojump_threshold = 0
        await counter.finger.until("choose")
        counter.clock.autojump_threshold = float("inf")
        assert told == []
        counter.last("next", last="a")


@pytest.mark.parametrize("failed", [[], ["licence_normal"], ["licence_normal", "medical_recent"]])
async def test_nobody_waits_who_is_refused_all_the_same(waiting: Counter, failed: list[str]) -> None:
    waiting.answers["eligibility"] = EligibilityAnswer({}, failed)
    async with waiting.doing("T01"):
        await waiting.first("choose")
        waiting.last("next", last="a")


@pytest.mark.parametrize("answers", [True, False])
async def test_who_leaves_is_told_whether_it_is_kept(waiting: Counter, journeys: list[Journey], answers: bool) -> None:
    counter = waiting
    if answers:
        counter.answers["park"] = ParkAnswer(date(2027, 1, 19))
    async with counter.doing("T01"):
        await counter.first("wait")
        page = await counter.touch("later", "wait_parked")
        said: Any = counter.asked[-1]
        assert said == ParkQuestion(ZHAO.number, "T01", ["medical_recent"])
        assert ("2027-01-19" in words(page)) is answers
        assert ("什么都没有提交" in words(page)) is not answers
        counter.last("leave")
    assert (journeys[0].answers, counter.filed("case")) == ({}, [])
