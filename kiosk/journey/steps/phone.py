"""Phone 手机续办: a code for the person's own phone, which opens once what a service needs and how it stands.

What was said of it in this visit is left at the hub first, so that it goes on at any machine.
"""

from __future__ import annotations

from typing import ClassVar

from kiosk import handover
from kiosk.catalogue.model import About, Service, StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.handover import HandoverAnswer
from kiosk.messages.questions import DueAnswer, DueQuestion
from kiosk.pages import Answer, Choice, Choices, Hero, Notice, Receipt
from kiosk.text import NOTHING, text

_MOST = 6


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(mark="result", offline="ends", is_free=True, together="each", pages=2, taps=2)


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Choose where there are several, then show the code until the person has it."""
    busy = Hero(icon="magnifying-glass", level="info", title=text("phone.asking"), busy=True)
    page = journey.page("checking", text("phone.title"), busy, actions=journey.bar(NOTHING), timeout_s=0)
    told = await journey.visit.show_while(page, lambda: journey.ask("due", DueQuestion(_number(journey))))
    if isinstance(told, Answer):
        return Outcome.BACK
    if not isinstance(told, Answered):
        return Outcome.OFFLINE
    service = await _which(journey, _candidates(journey, told.payload))
    if service is None:
        return Outcome.BACK
    made = await journey.visit.show_while(page, lambda: _link(journey, service))
    if isinstance(made, Answer):
        return Outcome.BACK
    return await _shown(journey, service, made) if made is not None and made.address else Outcome.OFFLINE


def _number(journey: Journey) -> str:
    return journey.visit.card.number if journey.visit.card else ""


def _candidates(journey: Journey, told: DueAnswer) -> list[Service]:
    """What was begun in this visit or waits at the hub, then what is due."""
    services = journey.machine.catalogue.services
    begun = [key for key in journey.visit.typed if key in services and _is_said(journey, services[key])]
    keys = dict.fromkeys([*begun, *(each.service for each in told.parked), *(each.service for each in told.items)])
    return [services[key] for key in keys if key in services][:_MOST]


def _is_said(journey: Journey, service: Service) -> bool:
    return bool(handover.said_of(handover.alone(service), journey.visit.typed))


async def _which(journey: Journey, found: list[Service]) -> Service | None:
    """None when the person goes back, or when there is nothing."""
    if not found:
        nothing = Notice(level="info", icon="info", text=text("phone.nothing"), detail=text("phone.nothing_lead"))
        await journey.visit.show(journey.page("phone_none", text("phone.title"), nothing, actions=journey.bar(NOTHING)))
        return None
    if len(found) == 1:
        return found[0]
    error = NOTHING
    while True:
        options = tuple(Choice(id=each.key, label=each.name, detail=each.summary) for each in found)
        block = Choices(name="service", label=NOTHING, options=options, selected="", error=error)
        answer = await journey.visit.show(journey.page("phone_which", text("phone.which"), block))
        if answer.action == "back":
            return None
        for each in found:
            if each.key == answer.values.get("service"):
                return each
        error = text("choose.none")


async def _link(journey: Journey, service: Service) -> HandoverAnswer | None:
    ask, number, begun = journey.ask, _number(journey), handover.alone(service)
    if _is_said(journey, service) and not await handover.keep(ask, number, begun, journey.visit.typed):
        return None
    return await handover.say(ask, "phone", number, service.key)


async def _shown(journey: Journey, service: Service, made: HandoverAnswer) -> Outcome:
    hub = journey.machine.config.hub.url.rstrip("/")
    address = f"{hub}{made.address}" if made.address.startswith("/") else made.address
    code = Receipt(label=text("phone.until"), number=made.until, qr=address, note=text("phone.how"), to_scan=True)
    page = journey.page("phone", service.name, code, lead=text("phone.scan"), actions=journey.bar(text("action.done")))
    answer = await journey.visit.show(page)
    return Outcome.BACK if answer.action == "back" else Outcome.NEXT
