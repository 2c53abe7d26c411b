"""A result that comes late: waited for while the person stays, found anew by the card when they come back."""

from __future__ import annotations

from typing import Any

from kiosk.journey.engine import Journey
from kiosk.messages.questions import EligibilityAnswer
from tests.kiosk.journey.conftest import ZHAO, Counter, words
from tests.kiosk.journey.test_engine import BOTH, journeys, question

__all__ = ["journeys"]
WAIT = {"kind": "wait", "for_fact": "medical_on", "title": BOTH, "lead": {"zh": "约 40 分钟", "en": "40 minutes"}}


async def test_it_goes_on_by_itself_when_the_result_is_there(counter: Counter, journeys: list[Journey]) -> None:
    counter.online()
    counter.visit.card = ZHAO
    told: list[dict[str, Any]] = [{}, {"medical_on": "2027-01-12"}]
    counter.answers["eligibility"] = lambda _question: EligibilityAnswer(told.pop(0), [])
    counter.steps("T01", WAIT, question("last"))
    async with counter.doing("T01"):
        page = await counter.first("wait")
        assert "约 40 分钟" in words(page)
        counter.clock.autojump_threshold = 0
        await counter.finger.until("choose")
        counter.clock.autojump_threshold = float("inf")
        assert journeys[0].facts == {"medical_on": "2027-01-12"}
        assert told == []
        counter.last("next", last="a")


async def test_who_leaves_leaves_nothing_and_who_comes_back_finds_it(counter: Counter, journeys: list[Journey]) -> None:
    counter.online()
    counter.visit.card = ZHAO
    counter.steps("T01", WAIT)
    async with counter.doing("T01"):
        await counter.first("wait")
        counter.last("later")
    assert (journeys[0].answers, counter.filed("case")) == ({}, [])
    counter.finger.history.clear()
    counter.steps("T01", "eligibility", WAIT, question("last"))
    counter.answers["eligibility"] = EligibilityAnswer({"medical_on": "2027-01-12"}, [])
    async with counter.doing("T01"):
        await counter.finger.until("choose")
        assert "wait" not in counter.finger.history
        counter.last("next", last="a")
