"""Verify person: the face of who acts against the photo of their card, or a guide (``kiosk.journey.face``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Service, StepSpec, Use
from kiosk.journey import face, second
from kiosk.journey.engine import Journey, Outcome


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(
        mark="verify", devices=(Use(device="camera", lost="other_way"),), adds=("face",), is_once=True, together="once"
    )

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """A face is compared with the photo of a card."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "verify needs a card that was read", "put a step identify before it")


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Notice and choice, then face or guide; an agent does what may be done for another."""
    visit = journey.visit
    if visit.identity is not None:
        _add_portrait(journey)
        return Outcome.SKIP
    outcome = await face.compared(journey)
    if outcome is not Outcome.NEXT:
        return outcome
    _add_portrait(journey)
    return await second.let_act(journey)


def _add_portrait(journey: Journey) -> None:
    """The picture that was compared goes with what is filed; who was confirmed by a guide has none."""
    if journey.visit.portrait:
        journey.add_part("face", journey.visit.portrait)
