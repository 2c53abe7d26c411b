"""Who came along: their card, asked for until it fits, and what goes with every case of the visit from then on.

A guardian comes with a child where the service has a step for it; an agent comes for somebody else, whose card was
read first, where the catalogue says ``proxy = "yes"``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

import msgspec

from devices.id_card_reader.card import IdCard
from kiosk.card_reading import read_card
from kiosk.catalogue.model import Service
from kiosk.catalogue.rules import unfit_second
from kiosk.journey.applicant import applicant_by
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.partly import tell_partly
from kiosk.journey.whole import Whole
from kiosk.messages.content import SECOND_ANSWER, SECOND_PART
from kiosk.messages.masking import mask_name
from kiosk.pages import Action, Answer, CardPrompt, Fact, Hero, Notice, Page
from kiosk.staff import is_same_person
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import Second, Visit

_WHY_NOT = {
    "second_same": text("second.same"),
    "second_minor": text("second.minor"),
    "second_expired": text("second.expired"),
}


async def ask_for(journey: Journey, role: Literal["guardian", "agent"], why: Text) -> Outcome:
    """Read the other card until one fits (NEXT: who it belongs to acts from now on), or the person goes back."""
    visit, trouble = journey.visit, NOTHING
    first = visit.card
    if first is None:
        raise RuntimeError("a second card comes after the first")
    while True:
        card = await read_card(visit, _page(journey, role, why, trouble))
        if isinstance(card, Answer):
            return Outcome.BACK
        trouble = _unfit(first, card, journey.machine.clock.today())
        if not trouble:
            visit.accompany(Second(card, role))
            return Outcome.NEXT


def may_be_sent(journey: Journey) -> bool:
    """Whether somebody may say that they come for another: not for one who is not here by card, nor twice."""
    visit = journey.visit
    is_open = any(part.service.proxy in ("yes", "window") for part in journey.going)
    return is_open and visit.card is not None and visit.second is None and not visit.without_card


def must_come(journey: Journey) -> bool:
    """Whether nothing of this can be done by another."""
    return all(part.service.proxy == "no" for part in journey.going)


async def act_for_another(journey: Journey) -> Outcome:
    """NEXT: the agent's own card was read. LEAVE: refused with the reason. BACK: the page before comes again."""
    if any(part.service.proxy == "yes" for part in journey.going):
        return await ask_for(journey, "agent", text("second.why_agent"))
    answer = await journey.visit.show(_refused_page(journey, Action(id="back", label=text("action.back"))))
    return Outcome.BACK if answer.action == "back" else Outcome.LEAVE


async def let_act(journey: Journey) -> Outcome:
    """What the agent who acts may not do is left out, with the reason. LEAVE: nothing of it may be done, or wanted.

    A guardian acts only where one is asked for: elsewhere the child does, and is verified.
    """
    visit = journey.visit
    if visit.second is None or visit.second.role == "guardian":
        if visit.second and not journey.service.has_step("second_card"):
            visit.accompany(None)
        return Outcome.NEXT
    barred = {part.service.key for part in journey.going if part.service.proxy != "yes"}
    if len(barred) == len(journey.going):
        return await refuse(journey)
    if not isinstance(journey, Whole) or not barred:
        return Outcome.NEXT
    for at, service in enumerate(journey.plan.services):
        if service.key in barred and at not in journey.left_out:
            journey.leave_out(at, [Fact(label=text("second.agent"), value=_why_not(service))])
    tells = any(journey.service.steps[at].kind == "eligibility" for at in journey.asked() if at > journey.position)
    return Outcome.NEXT if tells else await tell_partly(journey)


async def refuse(journey: Journey) -> Outcome:
    """Nobody can do this for another here: why, and where it can be done."""
    await journey.visit.show(_refused_page(journey))
    return Outcome.LEAVE


def answer_of(visit: Visit) -> dict[str, str]:
    """What a case says of who acted; nothing when its applicant did."""
    return {SECOND_ANSWER: visit.second.role} if visit.second else {}


def part_of(visit: Visit) -> dict[str, bytes]:
    """Who that was, as a part of its own, sealed like the form."""
    return {SECOND_PART: msgspec.json.encode(applicant_by(visit.second.card))} if visit.second else {}


def facts_of(visit: Visit) -> Iterator[Fact]:
    """The same for screen and paper, masked."""
    if visit.second:
        name = mask_name(visit.second.card.shown_name)
        yield Fact(label=text(f"second.{visit.second.role}"), value=same(name))


def _why_not(service: Service) -> Text:
    return text("second.window" if service.proxy == "window" else "second.no_proxy")


def _refused_page(journey: Journey, *ways: Action) -> Page:
    at_window = any(part.service.proxy == "window" for part in journey.going)
    title = text("second.refused_here" if at_window else "second.refused")
    why = next(part.service for part in journey.going if part.service.proxy == "window" or not at_window)
    hero = Hero(icon="users", level="warn", title=title, lead=_why_not(why))
    done = Action(id="leave", label=text("action.understood"), style="primary")
    return journey.page("second_refused", journey.service.name, hero, actions=(*ways, done))


def _unfit(first: IdCard, card: IdCard, today: date) -> Text:
    """Why this card is not the second person's, in plain words; nothing when it can be."""
    is_same = is_same_person(first, card)
    found = unfit_second(is_same=is_same, birth=card.birth, valid_to=card.valid_to, today=today)
    return _WHY_NOT[found[0]] if found else NOTHING


def _page(journey: Journey, role: str, why: Text, trouble: Text) -> Page:
    title = text(f"second.title_{role}")
    prompt = CardPrompt(title=title, lead=text("second.lead"))
    blocks = (Notice(level="warn", icon="warning", text=trouble), prompt) if trouble else (prompt,)
    return journey.page("second_card", title, *blocks, lead=why, actions=journey.bar(NOTHING))
