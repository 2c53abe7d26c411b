"""Call a guide: somebody of the hall comes to this machine. Needs no card, no network and no department."""

from __future__ import annotations

from typing import ClassVar

from kiosk.catalogue.model import About, StepSpec
from kiosk.journey.engine import Journey, Outcome


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(is_free=True, is_once=True, together="each")


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Call, and say so; then the person is where they were."""
    await journey.visit.call_guide()
    return Outcome.LEAVE
