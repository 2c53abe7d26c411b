"""Without camera, models or a photo to compare with nobody is passed by itself: a guide confirms."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from kiosk.journey import guide
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps import verify
from kiosk.pages import Settings
from kiosk.text import Text, text
from kiosk.visit import Visit
from tests.kiosk.journey.conftest import ZHAO

PORTRAIT: Any = SimpleNamespace(png=lambda: b"")


@pytest.mark.parametrize(("has_camera", "has_photo"), [(False, True), (True, False), (False, False)])
async def test_a_guide_is_asked_for_with_the_reason_and_nobody_passed(
    machine: Any, monkeypatch: pytest.MonkeyPatch, has_camera: bool, has_photo: bool
) -> None:
    asked: list[Text] = []

    async def confirm(_journey: Journey, reason: Text) -> Outcome:
        await trio.lowlevel.checkpoint()
        asked.append(reason)
        return Outcome.BACK

    monkeypatch.setattr(guide, "confirm", confirm)
    machine.vision_ready = lambda: has_camera
    visit = Visit(machine, Settings())
    visit.card = replace(ZHAO, portrait=PORTRAIT if has_photo else None)
    journey = Journey(visit, machine.catalogue.services["T01"], "c-1")
    (spec,) = [step for step in journey.service.steps if step.kind == "verify"]
    assert await verify.step(journey, spec) is Outcome.BACK
    assert asked == [text("face.unavailable")]
    assert visit.identity is None
