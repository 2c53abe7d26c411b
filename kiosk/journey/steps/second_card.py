"""Second card: a guardian's or an agent's, in the same visit where the service allows it, else refused with the reason.

Whose card it is acts from then on (``kiosk.journey.second``), in this case and in those that follow in the visit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from devices.id_card_reader.card import IdCard
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Service, StepSpec, Use
from kiosk.clock import full_years
from kiosk.journey import second
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.content import SECOND_ANSWER, SECOND_PART
from kiosk.text import text


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``guardian``: asked of who is younger than ``below`` (0: than the service says), ``agent``: of who is sent."""

    about: ClassVar[About] = About(
        mark="identify", devices=(Use(device="id_card_reader", lost="waits"),), adds=(SECOND_PART,)
    )

    role: Literal["guardian", "agent"]
    below: int = 0

    def asks_for(self) -> tuple[Asked, ...]:
        """As what the second person is here; who comes alone says nothing."""
        return (Asked(SECOND_ANSWER, ("role",), ("guardian", "agent")),)

    def toil(self) -> tuple[int, int]:
        """Who comes for themselves is asked for nobody."""
        return 0, 0

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """The service knows of a second person, and the first one is known."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody is known for whom the second one comes", "put a step identify before it")
        if "verify" in service.kinds_before(at):
            yield Finding((), "who acts would come after the look at a face", "put it before the step verify")
        if self.role == "agent" and service.proxy not in ("yes", None):
            yield Finding(("role",), "the service lets nobody come for another", 'write proxy = "yes", or take it out')
        if self.role == "guardian" and not (self.below or service.guardian_below):
            yield Finding(("below",), "nobody is so young", "write below which age, or guardian_below in the service")


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Whose card it is acts from here on; who is old enough is asked for none, nor who has somebody along already."""
    visit, at = journey.visit, journey.position
    if visit.card is None:
        raise RuntimeError("a second card comes after the first")
    below = spec.below or journey.service.guardian_below
    if spec.role == "guardian" and not _is_young(visit.card, below, journey):
        return Outcome.SKIP
    if spec.role == "agent" and journey.service.proxy not in ("yes", None):
        return await second.refuse(journey)
    outcome = Outcome.SKIP
    if visit.second is None or visit.second.role != spec.role or at in journey.records:
        outcome = await second.ask_for(journey, spec.role, text(f"second.why_{spec.role}", n=below))
    if outcome is not Outcome.BACK:
        journey.keep(SECOND_ANSWER, spec.role, text(f"second.{spec.role}"))
    return outcome


def _is_young(card: IdCard, below: int, journey: Journey) -> bool:
    clock = journey.machine.clock
    return not clock.knows_date or full_years(card.birth, clock.today()) < below
