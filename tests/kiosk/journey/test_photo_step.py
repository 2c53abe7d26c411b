"""The photo step: taken again until the person is content; what is kept is what stood on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio

from kiosk.journey.engine import Journey
from kiosk.journey.steps import photo
from kiosk.journey.whole import whole_of_bundle
from kiosk.pages import Picture
from kiosk.vision.protocol import PhotoProgressed
from tests.kiosk.journey.conftest import ZHAO, Counter, words
from tests.kiosk.journey.test_engine import journeys, question

__all__ = ["journeys"]


class Vision:
    """Gives these pictures one after the other, cut for each profile; None: none came in time."""

    frames_name = ""

    def __init__(self, *pictures: bytes | None) -> None:
        self.pictures = list(pictures)
        self.wanted: list[tuple[str, ...]] = []

    async def preview(self, *, on: bool) -> None: ...

    async def take_photo(self, wanted: Sequence[str], told: Any, _limit_s: float) -> tuple[bytes, ...]:
        self.wanted.append(tuple(wanted))
        told(PhotoProgressed(1, "background", 0.0))
        picture = self.pictures.pop(0)
        return () if picture is None else tuple(picture + b" " + each.encode() for each in wanted)


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
        while counter.page.kind != "photo_taken" or counter.page.blocks[0].data != b"second licence":  # type: ignore[union-attr]
            await counter.finger.change("what this test waits for")
        assert [type(block) for block in counter.page.blocks] == [Picture]
        await counter.touch("next", "choose")
        assert journeys[0].parts == {"photo": b"second licence"}
        assert journeys[0].answers == {"photo_profile": "licence"}
        counter.last("next", last="a")


async def test_who_renews_several_is_photographed_once_and_each_document_has_its_own_crop(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.visit.card = ZHAO
    vision = counter.machine.vision = Vision(b"first", b"second")  # type: ignore[assignment]
    monkeypatch.setattr(counter.machine.peripherals, "is_usable", lambda _kind: True)
    bundle = counter.machine.catalogue.bundles["B04"]
    whole = whole_of_bundle(counter.visit, bundle, ("H01", "T01", "E02", "E05"))
    (whole.position,) = (at for at, step in enumerate(whole.plan.steps) if step.kind == "photo")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(whole.perform, whole.service.steps[whole.position])
        page = await counter.finger.until("photo_taken")
        assert "3 种证件" in words(page)
        counter.finger.touch("again")
        while getattr(counter.page.blocks[0], "data", b"") != b"second id_card":
            await counter.finger.change("the second picture")
        counter.last("next")
    assert vision.wanted == [("id_card", "licence", "travel_document")] * 2
    assert {part.service.key: (part.parts, part.answers) for part in whole.parts_of} == {
        key: ({"photo": f"second {profile}".encode()}, {"photo_profile": profile})
        for key, profile in (
            ("H01", "id_card"),
            ("T01", "licence"),
            ("E02", "travel_document"),
            ("E05", "travel_document"),
        )
    }
    (row,) = await photo.review_rows(whole, whole.service.steps[whole.position])  # type: ignore[arg-type]
    assert row.value.zh == "已拍摄"
