"""Who has lost the card: the number is typed, the register's picture is compared, and nothing is told before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from kiosk.journey import engine
from kiosk.journey.whole import whole_of_bundle
from kiosk.messages.encoding import to_text
from kiosk.messages.questions import EligibilityAnswer, ProgressAnswer
from kiosk.messages.register import RegisterAnswer
from kiosk.pages import Field, Page
from kiosk.vision.client import FaceResult
from tests.kiosk.journey.conftest import Counter, words
from tests.kiosk.journey.test_verify import Watcher

NUMBER = "990101195803170155"
PICTURE = (Path(__file__).resolve().parents[3] / "hub/people/zhao.webp").read_bytes()
ZHAO = RegisterAnswer(True, "赵德福", "1", "01", "19580317", "通办市", "分局", "20060511", "", to_text(PICTURE))
ALIKE, OTHER = FaceResult("pass", 0.3, "", "test", 4), FaceResult("fail", 0.9, "not_alike", "test", 4)


@pytest.fixture
def lost(counter: Counter) -> Counter:
    """Somebody before the machine whose card is lost; the register knows them."""

    async def no_card(_failed: Any) -> Any:
        await trio.sleep_forever()

    counter.online()
    counter.machine.next_card.read = no_card
    counter.answers = {"register": ZHAO, "progress": ProgressAnswer([]), "eligibility": EligibilityAnswer({}, [])}
    return counter


def sees(counter: Counter, *results: FaceResult) -> None:
    watcher: Any = Watcher(*results)
    watcher.go_on.set()
    counter.machine.vision, counter.machine.vision_ready = watcher, lambda: True


def is_told(page: Page) -> bool:
    """Whether a field says what is wrong with it."""
    return any(block.error for block in page.blocks if isinstance(block, Field))


async def typed(counter: Counter, number: str = NUMBER) -> None:
    await counter.first("card")
    await counter.touch("no_card", "no_card")
    counter.finger.touch("next", own_number=number)


async def test_number_and_face_stand_for_the_card_and_the_case_says_so(lost: Counter) -> None:
    sees(lost, ALIKE)
    async with lost.doing("H05"):
        await typed(lost)
        page = await lost.finger.until("face_notice")
        assert lost.visit.card is None, "the number alone opens nothing"
        assert "赵" not in words(page)
        lost.finger.touch("next", way="face")
        await lost.finger.until("choose")
        assert lost.visit.card is not None
        assert (lost.visit.card.number, lost.visit.without_card) == (NUMBER, True)
        lost.machine.link.state = None  # type: ignore[assignment]
        lost.finger.touch("next", declaration="lost")
        await lost.finger.until("sign")
        lost.finger.touch("next", signature=[[[0.1, 0.1], [0.9, 0.9]]])
        await lost.finger.until("result")
        lost.last("leave")
    assert len(lost.filed("case")) == 1


@pytest.mark.attack(7)
async def test_whoever_types_the_number_of_another_learns_nothing(lost: Counter) -> None:
    sees(lost, OTHER, OTHER)
    seen = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run, lost.visit, lost.machine.catalogue.services["H03"])
        await typed(lost)
        await lost.finger.until("face_notice")
        lost.finger.touch("next", way="face")
        seen.append(words(await lost.finger.until("face_again")))
        lost.finger.touch("next")
        seen.append(words(await lost.finger.until("guide")))
        nursery.cancel_scope.cancel()
    assert lost.visit.card is None
    assert not any("赵" in each or "福" in each for each in seen)
    assert {type(each).__name__ for each in lost.asked} == {"RegisterQuestion"}


@pytest.mark.parametrize(
    ("answer", "page"),
    [(RegisterAnswer(), "card_refused"), (RegisterAnswer(wait_s=60), "no_card"), (None, "no_card")],
    ids=["not known", "too many tries", "offline"],
)
async def test_whom_the_register_does_not_tell_goes_to_the_counter_or_tries_later(
    lost: Counter, answer: RegisterAnswer | None, page: str
) -> None:
    lost.answers["register"] = answer
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run, lost.visit, lost.machine.catalogue.services["H03"])
        await typed(lost)
        while lost.page.kind != page or is_told(lost.page) != (page == "no_card"):
            await lost.finger.change(page)
        assert lost.page.kind == page
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("number", ["", "990101195803170154", "9901011958031701", "赵德福"])
async def test_a_mistyped_number_is_asked_again_and_asks_nobody(lost: Counter, number: str) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run, lost.visit, lost.machine.catalogue.services["H03"])
        await typed(lost, number)
        while not is_told(lost.page):
            await lost.finger.change("what this test waits for")
        nursery.cancel_scope.cancel()
    assert not lost.asked


async def test_only_what_is_for_a_lost_card_can_be_begun_so(lost: Counter) -> None:
    for key, offered in (("H03", True), ("H05", True), ("H08", False), ("T02", False)):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.run, lost.visit, lost.machine.catalogue.services[key])
            page = await lost.first("card")
            assert ("no_card" in {action.id for action in page.actions}) is offered, key
            nursery.cancel_scope.cancel()
        lost.finger.history.clear()
    bundle = lost.machine.catalogue.bundles["B03"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run_journey, whole_of_bundle(lost.visit, bundle, ("H05", "T02", "E03")))
        page = await lost.first("card")
        assert "no_card" in {action.id for action in page.actions}
        nursery.cancel_scope.cancel()
