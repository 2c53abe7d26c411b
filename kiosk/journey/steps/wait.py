"""Wait: a result that comes late, as a medical one after 40 minutes. Asked for again while the person stays.

Who leaves takes nothing along and leaves nothing here: the same card, tapped later, begins anew and finds the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

import trio
from msgspec import Meta

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Service, StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.questions import EligibilityQuestion
from kiosk.pages import Action, Answer, Hero, Page
from kiosk.text import NOTHING, Text, text


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``for_fact``: the department's fact that is waited for; ``lead`` says what it is and how long it takes."""

    about: ClassVar[About] = About(mark="fill", offline="ends", is_free=True)

    for_fact: str
    title: Text
    lead: Text
    retry_s: Annotated[float, Meta(ge=5, le=600)] = 20.0

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """It is asked for a person."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody is known whose result it is", "put a step identify before it")


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Go on as soon as the fact is there; "later" ends the service with nothing kept."""
    if journey.facts.get(spec.for_fact) not in (None, ""):
        return Outcome.SKIP
    answer = await journey.visit.show_while(_page(journey, spec), lambda: _until_there(journey, spec))
    if not isinstance(answer, Answer):
        return Outcome.NEXT
    if answer.action == "back":
        return Outcome.BACK
    return Outcome.LEAVE


async def _until_there(journey: Journey, spec: Spec) -> None:
    """Asks again and again; a city that does not answer is asked the next time."""
    number = journey.visit.card.number if journey.visit.card else ""
    while True:
        await trio.sleep(spec.retry_s)
        reply = await journey.ask("eligibility", EligibilityQuestion(journey.service.key, number))
        if isinstance(reply, Answered) and reply.payload.facts.get(spec.for_fact) not in (None, ""):
            journey.facts = dict(reply.payload.facts)
            return


def _page(journey: Journey, spec: Spec) -> Page:
    hero = Hero(icon="hourglass-medium", level="info", title=spec.lead, lead=text("wait.lead"), busy=True)
    later = Action(id="later", label=text("wait.later"), style="primary", icon="identification-card")
    return journey.page("wait", spec.title, hero, actions=(*journey.bar(NOTHING), later))
