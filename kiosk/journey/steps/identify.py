"""Identify: the ID card on the reader. Skipped when this visit has read it: one card tap for everything."""

from __future__ import annotations

from typing import ClassVar

from kiosk.card_reading import read_card
from kiosk.catalogue.model import About, StepSpec, Use
from kiosk.catalogue.rules import needs_date
from kiosk.journey import second, without_card
from kiosk.journey.applicant import applicant_of
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.masking import mask_number
from kiosk.pages import Action, Answer, CardPrompt, Fact
from kiosk.refusals import card_problem
from kiosk.text import NOTHING, same, text
from kiosk.visit import message


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(
        mark="identify",
        devices=(Use(device="id_card_reader", lost="waits"),),
        reads_card=True,
        is_once=True,
        together="once",
        pages=0,
        taps=0,
    )


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """Who files and who acts, masked, and which address is filed where that is not plain: never the address itself."""
    card = journey.visit.card
    if card is None:
        return []
    applicant = await applicant_of(journey.visit)
    which = "added" if applicant.added_addresses else "unread" if applicant.added_addresses_unread else ""
    address = [Fact(label=text("review.address"), value=text(f"review.address_{which}"))] if which else []
    return [
        Fact(label=text("review.name"), value=same(journey.visit.masked_name)),
        Fact(label=text("review.number"), value=same(mask_number(card.number))),
        *second.facts_of(journey.visit),
        *address,
    ]


def _without(journey: Journey) -> list[Action]:
    if not without_card.is_open_to(journey):
        return []
    return [Action(id=without_card.NO_CARD, label=text("no_card.begin"), style="secondary", icon="identification-card")]


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Read the card unless it has been read, then see whether the service takes it."""
    if journey.visit.without_card and not without_card.is_open_to(journey):
        return await without_card.refuse(journey)
    if journey.visit.card is None:
        page = journey.page(
            "card",
            text("card.title"),
            CardPrompt(title=text("card.title"), lead=text("card.lead")),
            actions=(*journey.bar(NOTHING, back=bool(journey.trail)), *_without(journey)),
        )
        card = await read_card(journey.visit, page)
        if isinstance(card, Answer):
            if card.action != without_card.NO_CARD:
                return Outcome.BACK
            outcome = await without_card.identify(journey)
            card = journey.visit.card
            if card is None:
                return outcome
        else:
            journey.visit.take(card)
    else:
        card = journey.visit.card
        if await second.let_act(journey) is Outcome.LEAVE:
            return Outcome.LEAVE
    clock = journey.machine.clock
    if not clock.knows_date and needs_date(journey.service):
        await journey.visit.tell(message("no_date", "clock", "warn", text("date.title"), text("date.lead")))
        return Outcome.LEAVE
    problem = card_problem(card, journey.service, clock.today())
    if problem:
        await journey.visit.tell(message("card_refused", "identification-card", "warn", *problem))
        return Outcome.LEAVE
    return Outcome.SKIP
