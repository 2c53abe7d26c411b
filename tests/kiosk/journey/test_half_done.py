"""What is half done: kept with a code, also of several services, and given back to its own person alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
import trio

from kiosk.handover import Left
from kiosk.journey import engine
from kiosk.journey.engine import Journey
from kiosk.journey.resuming import journey_of
from kiosk.messages.content import Identity
from kiosk.messages.handover import HandoverAnswer, HandoverQuestion, Said
from kiosk.messages.questions import EligibilityAnswer
from kiosk.messages.resume_code import new_resume_code
from kiosk.pages import Choices, Field, Page, Receipt
from kiosk.vision.client import FaceResult
from kiosk.visit import VisitEnded
from tests.kiosk.journey.conftest import LI, ZHAO, Counter, words
from tests.kiosk.journey.test_engine import question
from tests.kiosk.journey.test_verify import PORTRAIT, Watcher

CODE = "K7WN3HQP"
PHONE = "13900000001"


@pytest.fixture
def at_home(counter: Counter) -> Counter:
    """Somebody whose face has passed; the hub keeps what it is told, and gives it back."""
    shelf: dict[str, list[Said]] = {}

    def hub(asked: HandoverQuestion) -> HandoverAnswer:
        if asked.action == "keep":
            shelf[asked.service] = asked.said
            return HandoverAnswer("kept")
        if asked.action == "code":
            return HandoverAnswer("ready", code=CODE)
        said = shelf.pop(asked.service, None) if asked.code in ("", CODE) else None
        return HandoverAnswer("none") if said is None else HandoverAnswer("taken", said=said)

    counter.online()
    counter.visit.card, counter.visit.identity = LI, Identity("guide", "confirmed", guide_ref="guide-1")
    counter.answers |= {"handover": hub, "eligibility": EligibilityAnswer({}, [])}
    return counter


@asynccontextmanager
async def doing(journey: Journey) -> AsyncIterator[None]:
    """Inside, it runs; it must have ended by itself, or by the person's leaving, when the test leaves."""

    async def play() -> None:
        with suppress(VisitEnded):
            await engine.run_journey(journey)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        yield


def one(counter: Counter, key: str = "T01") -> Journey:
    """That service alone."""
    found = journey_of(counter.visit, Left(key))
    assert found is not None
    return found


def handed(counter: Counter, action: str) -> list[HandoverQuestion]:
    return [each for each in counter.asked if isinstance(each, HandoverQuestion) and each.action == action]


def filled(page: Page) -> dict[str, str]:
    """What stands in the fields of a page."""
    fields = {b.name: b.value for b in page.blocks if isinstance(b, Field)}
    return fields | {b.name: b.selected for b in page.blocks if isinstance(b, Choices)}


async def answered(counter: Counter, until: str, answer: Callable[[Page], dict[str, str]]) -> list[dict[str, str]]:
    """Goes on until this page; what stood in the fields of those before."""
    seen = []
    while (page := counter.page).kind != until:
        seen.append(filled(page))
        assert len(seen) < 20, f"it does not go on: {words(page)}"
        before = len(counter.finger.history)
        counter.finger.touch("next", **answer(page))
        while len(counter.finger.history) == before or counter.page.kind == "checking":
            await counter.finger._changed.wait()
    return seen


def chosen(page: Page) -> dict[str, str]:
    values = {b.name: b.options[0].id for b in page.blocks if isinstance(b, Choices)}
    return values | {b.name: PHONE for b in page.blocks if isinstance(b, Field)}


async def test_the_code_is_shown_large_and_printed_and_says_what_it_is_not(at_home: Counter) -> None:
    at_home.visit.typed["T01"] = {"one": "a"}
    at_home.steps("T01", question("one"))
    async with doing(one(at_home)):
        await at_home.first("choose")
        await at_home.touch("exit", "confirm_exit")
        page = await at_home.touch("keep", "handover_kept")
        (code,) = [block for block in page.blocks if isinstance(block, Receipt)]
        assert (code.number, code.qr) == ("K7WN-3HQP", CODE)
        assert "K 7 W N" in words(page), "it can be read aloud"
        await at_home.touch("print", "printed")
        await at_home.touch("continue", "handover_kept")
        at_home.last("continue")
    (paper,) = at_home.papers
    assert "K7WN-3HQP" in paper
    assert "还没有提交" in paper
    assert not any(known in paper for known in (LI.name, LI.name[0] + "*", LI.number))
    assert at_home.filed("case") == []


async def test_without_a_code_of_the_hub_the_card_is_the_way_and_who_has_none_is_not_told_that_it_is_kept(
    at_home: Counter,
) -> None:
    at_home.answers["handover"] = lambda asked: HandoverAnswer("kept" if asked.action == "keep" else "none")
    at_home.visit.typed["T01"] = {"one": "a"}
    at_home.steps("T01", question("one"))
    for lost, then in ((True, "handover_not_kept"), (False, "handover_kept")):
        at_home.visit.without_card = lost
        async with doing(one(at_home)):
            await at_home.finger.until("choose")
            await at_home.touch("exit", "confirm_exit")
            page = await at_home.touch("keep", then)
            assert not any(isinstance(block, Receipt) for block in page.blocks)
            if lost:
                await at_home.touch("continue", "choose")
                await at_home.touch("exit", "confirm_exit")
                at_home.last("exit")
            else:
                at_home.last("continue")


@pytest.mark.parametrize("key", ["B03", "together"])
async def test_several_services_are_left_and_go_on_as_the_same_one(at_home: Counter, key: str) -> None:
    begun = Left(key, ("T02", "H13") if key == "together" else ("H05", "T02"))
    first, again = journey_of(at_home.visit, begun), journey_of(at_home.visit, begun._replace(code=CODE))
    assert first is not None
    assert again is not None
    start = "choose" if key == "together" else "form"
    async with doing(first):
        await at_home.finger.until(start)
        said = await answered(at_home, "sign", chosen)
        await at_home.touch("exit", "confirm_exit")
        await at_home.touch("keep", "handover_kept")
        at_home.last("continue")
    (kept,) = handed(at_home, "keep")
    assert (kept.service, tuple(kept.parts)) == (key, begun.parts)
    at_home.visit.typed.clear()
    at_home.visit.left, at_home.finger.page = begun._replace(code=CODE), None
    async with doing(again):
        await at_home.finger.until(start)
        found = await answered(at_home, "sign", filled)
        assert again.service.key == key
        await at_home.touch("exit", "confirm_exit")
        at_home.last("exit")
    assert len(found) == len(said)
    assert all(value for page in found for value in page.values()), found


@pytest.mark.attack(7)
async def test_another_person_is_told_that_it_is_not_theirs_and_nothing_else(at_home: Counter) -> None:
    at_home.visit.left = Left("T01", (), new_resume_code())
    at_home.steps("T01", "identify", question("one"))
    async with doing(one(at_home)):
        page = await at_home.first("handover_not_yours")
        assert "什么都没有打开" in words(page)
        at_home.last("continue")
    assert at_home.visit.typed.get("T01", {}) == {}
    for _ in range(4):
        assert at_home.machine.slip_tries.wait_s() == 0
        at_home.machine.slip_tries.miss()
    assert at_home.machine.slip_tries.wait_s() > 0, "it was counted as a try"


@pytest.mark.attack(7)
async def test_it_comes_back_after_the_face_and_not_after_the_card(at_home: Counter) -> None:
    visit, machine = at_home.visit, at_home.machine
    watcher: Any = Watcher(FaceResult("fail", 0.9, "not_alike", "test", 4), FaceResult("pass", 0.3, "", "test", 4))
    watcher.go_on.set()
    machine.vision, machine.vision_ready = watcher, lambda: True
    at_home.answers["handover"] = HandoverAnswer("taken", said=[Said("one", "b")])
    visit.card, visit.identity = replace(ZHAO, portrait=PORTRAIT), None
    visit.left = Left("T01", (), CODE)
    at_home.steps("T01", "identify", "verify", question("one"))
    async with doing(one(at_home)):
        await at_home.finger.until("face_notice")
        at_home.finger.touch("next", way="face")
        await at_home.finger.until("face_again")
        assert handed(at_home, "take") == []
        at_home.finger.touch("next")
        assert filled(await at_home.finger.until("choose")) == {"one": "b"}
        visit.typed.clear()
        await at_home.touch("exit", "confirm_exit")
        at_home.last("exit")
    (taken,) = handed(at_home, "take")
    assert (taken.id_number, taken.code) == (ZHAO.number, CODE)


async def test_a_hub_that_does_not_answer_keeps_it_and_it_is_said(at_home: Counter) -> None:
    at_home.answers.pop("handover")
    at_home.visit.left = Left("T01", (), CODE)
    at_home.steps("T01", "identify", question("one"))
    async with doing(one(at_home)):
        assert "还留着" in words(await at_home.first("needs_network"))
        at_home.last("continue")
    assert [each.code for each in handed(at_home, "take")] == [CODE]
