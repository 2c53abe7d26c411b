"""Wait: a result that comes late, as a medical one after 40 minutes. Asked for again while the person stays.

Who does not want to stay lays the service down at the hub; the tap of the card, at any machine, takes it up again where
it waited. Nothing that a person has said is laid down with it: it comes before everything that is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, ClassVar

import trio
from msgspec import Meta

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Service, StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.parked import ParkQuestion
from kiosk.messages.questions import EligibilityQuestion
from kiosk.pages import Action, Answer, Hero, Page
from kiosk.text import NOTHING, Text, text


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``checks``: those of the service that fail while the result is not there; who fails another one need not wait.

    ``lead`` says what it is and how long it takes.
    """

    about: ClassVar[About] = About(mark="fill", offline="goes_on", is_free=True, pages=0, taps=0)

    checks: Annotated[tuple[str, ...], Meta(min_length=1, max_length=20)]
    title: Text
    lead: Text
    retry_s: Annotated[float, Meta(ge=5, le=600)] = 20.0

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """It is asked for a person, before anything is said that would be lost, and for checks that there are."""
        kinds = service.kinds_before(at)
        if "identify" not in kinds:
            yield Finding((), "nobody is known whose result it is", "put a step identify before it")
        if any(spec.asks_for() for spec in service.steps[:at]):
            yield Finding((), "what was said before it is lost while it waits", "put it before the first question")
        known = {check.id for check in service.checks}
        for number, check in enumerate(self.checks):
            if check not in known:
                yield Finding(("checks", number), f"the service has no check {check!r}", "name one of its checks")


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Go on as soon as nothing of ``checks`` fails; "later" lays the service down."""
    # In a plan the others do not wait: eligibility lays this part down, and says so.
    waits = journey.whole is None and await _only_waits(journey, spec)
    if isinstance(waits, Answer):
        return Outcome.BACK
    if not waits:
        return Outcome.SKIP
    answer = await journey.visit.show_while(_page(journey, spec), lambda: _until_there(journey, spec))
    if not isinstance(answer, Answer):
        return Outcome.NEXT
    if answer.action != "later":
        return Outcome.BACK
    await _lay_down(journey, spec)
    return Outcome.LEAVE


async def _only_waits(journey: Journey, spec: Spec) -> bool | Answer:
    """Whether what is missing is nothing but what comes by itself. A city that does not answer is asked later."""
    number = journey.visit.card.number if journey.visit.card else ""
    busy = Hero(icon="magnifying-glass", level="info", title=text("eligibility.checking"), busy=True)
    page = journey.page("checking", text("eligibility.checking"), busy, actions=journey.bar(NOTHING), timeout_s=0)
    question = EligibilityQuestion(journey.service.key, number)
    reply = await journey.visit.show_while(page, lambda: journey.ask("eligibility", question))
    if isinstance(reply, Answer):
        return reply
    failed = {*reply.payload.failed} if isinstance(reply, Answered) else set[str]()
    return bool(failed) and failed <= {*spec.checks}


async def _until_there(journey: Journey, spec: Spec) -> None:
    """Asks again and again; a city that does not answer is asked the next time."""
    number = journey.visit.card.number if journey.visit.card else ""
    while True:
        await trio.sleep(spec.retry_s)
        reply = await journey.ask("eligibility", EligibilityQuestion(journey.service.key, number))
        if isinstance(reply, Answered) and not {*reply.payload.failed} & {*spec.checks}:
            return


async def laid_down(journey: Journey, checks: Sequence[str]) -> Text:
    """Lets the service wait at the hub for what comes by itself; until when, in words, nothing where it cannot."""
    number = journey.visit.card.number if journey.visit.card else ""
    reply = await journey.ask("park", ParkQuestion(number, journey.service.key, list(checks)))
    return text("wait.until", day=f"{reply.payload.until:%Y-%m-%d}") if isinstance(reply, Answered) else NOTHING


def comes_by_itself(service: Service, failed: Collection[str]) -> tuple[str, ...]:
    """The checks whose result is still to come, where nothing else is missing."""
    waits = next((spec for spec in service.steps if isinstance(spec, Spec)), None)
    return waits.checks if waits and failed and {*failed} <= {*waits.checks} else ()


async def _lay_down(journey: Journey, spec: Spec) -> None:
    if until := await laid_down(journey, spec.checks):
        hero = Hero(icon="identification-card", level="ok", title=text("wait.parked"), lead=until)
    else:
        hero = Hero(icon="wifi-slash", level="warn", title=text("wait.not_parked"), lead=text("wait.not_parked_lead"))
    done = Action(id="leave", label=text("action.understood"), style="primary")
    await journey.visit.show(journey.page("wait_parked", spec.title, hero, actions=(done,)))


def _page(journey: Journey, spec: Spec) -> Page:
    hero = Hero(icon="hourglass-medium", level="info", title=spec.lead, lead=text("wait.lead"), busy=True)
    later = Action(id="later", label=text("wait.later"), style="primary", icon="identification-card")
    return journey.page("wait", spec.title, hero, actions=(*journey.bar(NOTHING), later))
