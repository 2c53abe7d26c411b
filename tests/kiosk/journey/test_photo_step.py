"""The photo step: taken again until the person is content; what is kept is what stood on the page."""

from __future__ import annotations

from typing import Any

import pytest

from kiosk.journey.engine import Journey
from kiosk.pages import Picture
from kiosk.vision.protocol import PhotoProgressed
from tests.kiosk.journey.conftest import ZHAO, Counter, words
from tests.kiosk.journey.test_engine import journeys, question

__all__ = ["journeys"]


class Vision:
    """Gives these pictures one after the other; None: none came in time."""

    frames_name = ""

    def __init__(self, *pictures: bytes | None) -> None:
        self.pictures = list(pictures)

    async def preview(self, *, on: bool) -> None: ...

    async def take_photo(self, profile: str, told: Any, _limit_s: float) -> bytes | None:
        assert profile == "licence"
        told(PhotoProgressed(1, "background", 0.0))
        return self.pictures.pop(0)


async def test_the_person_decides_which_picture_it_is(
    counter: Counter, journeys: list[Journey], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.visit.card = ZHAO
    counter.machine.vision = Vision(None, b"first", b"second")  # type: ignore[assignment]
    monkeypatch.setattr(counter.machine.peripherals, "is_usable", lambda _kind: True)
    counter.steps("T01", {"kind": "photo", "profile": "licence"}, question("last"))
    async with counter.doing("T01"):
        page = await counter.finger.until("photo_late")
        assert "身后要是白色背景" in words(page)
        counter.finger.touch("next")
        await counter.finger.until("photo_taken")
        assert journeys[0].parts == {}
        counter.finger.touch("again")
        while counter.page.kind != "photo_taken" or counter.page.blocks[0].data != b"second":  # type: ignore[union-attr]
            await counter.finger.change("what this test waits for")
        assert [type(block) for block in counter.page.blocks] == [Picture]
        await counter.touch("next", "choose")
        assert journeys[0].parts == {"photo": b"second"}
        assert journeys[0].answers == {"photo_profile": "licence"}
        counter.last("next", last="a")
