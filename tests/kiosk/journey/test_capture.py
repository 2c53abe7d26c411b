"""The capture step: page after page until the person is content; who has no camera, or no paper, has another way."""

from __future__ import annotations

from typing import Any

import pytest

from devices.vocabulary import DeviceState, DeviceStatus
from kiosk.journey.engine import Journey
from kiosk.journey.steps.capture import ReadField, value_in
from kiosk.pages import Picture
from kiosk.vision.client import TakenPage
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
        self.lines: list[str] = []

    async def preview(self, *, on: bool) -> None: ...

    async def take_page(self, profile: str, told: Any, _limit_s: float, *, reads: bool) -> TakenPage | None:
        assert profile == "paper"
        told(PhotoProgressed(1, "glare", 0.0))
        page = self.pages.pop(0)
        return TakenPage(page, self.lines if reads else []) if page else None


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
        await counter.finger.change("what this test waits for")
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


INVOICE = {
    **PROOF,
    "pages": 1,
    "fields": [
        {
            "name": "invoice_number",
            "label": BOTH,
            "keys": "digits",
            "pattern": "[0-9]{8}",
            "error": BOTH,
            "max_length": 8,
            "after": ["发票号码", "No"],
            "found": "[0-9]{8}",
        },
        {"name": "invoice_day", "label": BOTH, "kind": "date", "after": ["开票日期"], "found": "[0-9年月日./-]{8,11}"},
    ],
}


async def test_what_was_read_is_an_answer_only_when_the_person_has_looked_at_it(
    with_camera: Counter, journeys: list[Journey]
) -> None:
    counter = with_camera
    papers = counter.machine.papers = Papers(b"first", b"second")  # type: ignore[assignment]
    papers.lines = ["机动车销售统一发票", "发票 号码： 1234567B", "No 12345678", "开票日期", "2027年01月05日"]
    counter.steps("T06", INVOICE, question("last"))
    async with counter.doing("T06"):
        await counter.finger.until("capture_taken")
        page = await counter.touch("next", "form")
        assert [block.value for block in page.blocks] == ["12345678", "20270105"]  # type: ignore[union-attr]
        assert {"invoice_number", "invoice_day"} <= set(journeys[0].answers), "as typed, until it is sent on"
        counter.finger.touch("back")
        await shown(counter, b"second")
        assert journeys[0].answers == {}, "nothing that was only read is left"
        await counter.touch("next", "form")
        await counter.touch("next", "form", invoice_number="1234")
        await counter.touch("next", "choose", invoice_number="87654321", invoice_day="20270104")
        answers = journeys[0].answers
        assert answers == {"proof": "1", "invoice_number": "87654321", "invoice_day": "2027-01-04"}
        counter.last("next", last="a")


async def test_without_a_reader_it_is_typed(with_camera: Counter) -> None:
    with_camera.machine.papers = Papers(b"first")  # type: ignore[assignment]
    with_camera.steps("T06", INVOICE, question("last"))
    async with with_camera.doing("T06"):
        await with_camera.finger.until("capture_taken")
        page = await with_camera.touch("next", "form")
        assert [block.value for block in page.blocks] == ["", ""]  # type: ignore[union-attr]
        assert "请照着材料填写" in words(page)
        await with_camera.touch("next", "choose", invoice_number="87654321", invoice_day="20270104")
        with_camera.last("next", last="a")


@pytest.mark.parametrize("found", ["FP[0-9]{4}", "(?i)fp[0-9]{4}", "(F)P[0-9]{4}"])
@pytest.mark.parametrize("lines", [["No.:FP1234,x"], ["No.", "FP1234"]])
def test_a_value_is_found_by_any_pattern_that_a_form_may_have(found: str, lines: list[str]) -> None:
    field = ReadField(name="number", label={"zh": "号", "en": "Number"}, after=("No.",), found=found)
    assert value_in(lines, field) == "FP1234"
