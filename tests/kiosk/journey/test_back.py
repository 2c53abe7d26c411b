"""The way back: it leads to what was asked before, and not to what only looked something up."""

from __future__ import annotations

from typing import Any

import pytest

from kiosk.journey import face
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.content import Identity
from kiosk.pages import Choices
from tests.kiosk.journey.conftest import ZHAO, Counter

BOTH = {"zh": "字", "en": "word"}


def question(name: str) -> dict[str, Any]:
    options = [{"id": option, "label": BOTH} for option in ("a", "b")]
    return {"kind": "choose", "name": name, "label": BOTH, "title": BOTH, "options": options}


def asked(counter: Counter) -> list[str]:
    return [block.name for block in counter.page.blocks if isinstance(block, Choices)]


async def test_back_passes_over_a_card_that_was_read_already(counter: Counter) -> None:
    """Who is sent there would be sent on at once: the way back would be closed for ever."""
    counter.visit.card = ZHAO
    counter.steps("T01", question("one"), "identify", question("two"), question("three"))
    async with counter.doing("T01"):
        await counter.first("choose")
        await counter.touch("next", "choose", one="a")
        await counter.touch("next", "choose", two="b")
        assert asked(counter) == ["three"]
        await counter.touch("back", "choose")
        assert asked(counter) == ["two"]
        await counter.touch("back", "choose")
        assert asked(counter) == ["one"]
        counter.last("back")


@pytest.fixture
def face_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    async def passed(journey: Journey) -> Outcome:
        journey.visit.identity = Identity("guide", "pass", None, "")
        return Outcome.NEXT

    monkeypatch.setattr(face, "compared", passed)


@pytest.mark.usefixtures("face_is_compared")
async def test_back_passes_over_a_face_that_was_compared(counter: Counter) -> None:
    """Nothing happened to be seen: the page came again, for ever."""
    counter.visit.card = ZHAO
    counter.steps("T01", question("one"), "identify", "verify", question("two"))
    async with counter.doing("T01"):
        await counter.first("choose")
        await counter.touch("next", "choose", one="a")
        assert asked(counter) == ["two"]
        await counter.touch("back", "choose")
        assert asked(counter) == ["one"]
        await counter.touch("next", "choose", one="b")
        assert asked(counter) == ["two"]
        counter.last("next", two="a")


@pytest.mark.usefixtures("face_is_compared")
async def test_back_from_the_first_page_behind_a_face_leaves_the_service(counter: Counter) -> None:
    counter.visit.card = ZHAO
    counter.steps("T01", "identify", "verify", question("one"))
    async with counter.doing("T01"):
        await counter.first("choose")
        counter.last("back")
    assert counter.visit.identity, "who comes again is not looked at again"


async def test_back_to_what_shows_nothing_behind_a_payment_comes_to_the_same_page_and_to_an_end(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no way back over the payment, and none to show: it was tried for ever, and the machine stood still."""

    async def passed_behind_a_payment(journey: Journey) -> Outcome:
        journey.trail.clear()
        journey.bound_at = 0
        journey.visit.identity = Identity("guide", "pass", None, "")
        return Outcome.NEXT

    monkeypatch.setattr(face, "compared", passed_behind_a_payment)
    counter.visit.card = ZHAO
    counter.steps("T01", question("one"), "identify", "verify", question("two"))
    async with counter.doing("T01"):
        await counter.first("choose")
        await counter.touch("next", "choose", one="a")
        await counter.touch("back", "choose")
        assert asked(counter) == ["two"]
        counter.last("next", two="a")
