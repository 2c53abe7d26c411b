"""The capture step: page after page until the person is content; who has no camera, or no paper, has another way."""

from __future__ import annotations

from typing import Any

import pytest

from devices.vocabulary import DeviceState, DeviceStatus
from kiosk.journey.engine import Journey
from kiosk.pages import Picture
from kiosk.vision.protocol import PhotoProgressed
from tests.kiosk.journey.conftest import ZHAO, Counter, words
from tests.kiosk.journey.test_engine import BOTH, journeys, question

__all__ = ["journeys"]
COUNTER = {"zh": "带到窗口", "en": "Bring it"}
PROOF = {"kind": "capture", "name": "proof", "what": BOTH, "pages": 2, "counter": COUNTER}


class Papers:
    """Gives these pages one after the other; None: none came in time."""

    frames_name = ""

    def __init__(self, *pages: bytes | None) -> None:
        self.pages = list(pages)

    async def preview(self, *, on: bool) -> None: ...

    async def take_page(self, profile: str, told: Any, _limit_s: float) -> bytes | None:
        assert profile == "paper"
        told(PhotoProgressed(1, "glare", 0.0))
        return self.pages.pop(0)


@pytest.fixture
def with_camera(counter: Counter) -> Counter:
    counter.visit.card = ZHAO
    counter.machine.peripherals.take_over("document_camera", DeviceStatus(device=DeviceState.ONLINE))
    return counter


async def test_every_page_is_the_one_that_the_person_has_seen(with_camera: Counter, journeys: list[Journey]) -> None:
    counter = with_camera
    counter.machine.papers = Papers(None, b"dim", b"first", b"second")  # type: ignore[assignment]
    counter.steps("T06", PROOF, question("last"))
    async with counter.doing("T06"):
        page = await counter.finger.until("capture_late")
        assert "有反光" in words(page)
        await counter.touch("next", "capture")
        await counter.finger.until("capture_taken")
        counter.finger.touch("again")
        page = await shown(counter, b"first")
        assert journeys[0].parts == {}
        assert {"again", "more", "next"} <= {action.id for action in page.actions}
        counter.finger.touch("more")
        page = await shown(counter, b"second")
        assert "more" not in {action.id for action in page.actions}, "two pages at most"
        await counter.touch("next", "choose")
        assert journeys[0].parts == {"document_proof": b"first", "document_proof_2": b"second"}
        assert journeys[0].answers == {"proof": "2"}
        # Back, and only one page this time: nothing is left of the second.
        counter.machine.papers.pages = [b"other"]  # type: ignore[union-attr]
        counter.finger.touch("back")
        await shown(counter, b"other")
        await counter.touch("next", "choose")
        assert journeys[0].parts == {"document_proof": b"other"}
        counter.last("next", last="a")


async def shown(counter: Counter, picture: bytes) -> Any:
    while counter.page.kind != "capture_taken" or counter.page.blocks[0].data != picture:  # type: ignore[union-attr]
        await counter.finger._changed.wait()
    assert [type(block) for block in counter.page.blocks] == [Picture]
    return counter.page


async def test_who_has_not_brought_it_shows_it_at_the_counter(with_camera: Counter, journeys: list[Journey]) -> None:
    counter = with_camera
    counter.machine.papers = Papers(None)  # type: ignore[assignment]
    counter.steps("T06", PROOF, question("last"))
    async with counter.doing("T06"):
        await counter.finger.until("capture_late")
        page = await counter.touch("counter", "capture_counter")
        assert "带到窗口" in words(page)
        await counter.touch("next", "choose")
        assert (journeys[0].parts, journeys[0].answers) == ({}, {"proof": "0"})
        counter.last("next", last="a")


@pytest.mark.parametrize("goes_on", [True, False])
async def test_a_machine_without_the_camera_is_no_dead_end(
    counter: Counter, journeys: list[Journey], goes_on: bool
) -> None:
    counter.visit.card = ZHAO
    step = PROOF if goes_on else {name: PROOF[name] for name in PROOF if name != "counter"}
    counter.steps("T06", step, question("last"))
    async with counter.doing("T06"):
        page = await counter.first("capture_counter")
        assert ("next" in {action.id for action in page.actions}) is goes_on
        if goes_on:
            await counter.touch("next", "choose")
            counter.last("next", last="a")
        else:
            assert "不能拍摄" in words(page)
            counter.last("back")
    assert journeys[0].answers.get("proof") == ("0" if goes_on else None)
