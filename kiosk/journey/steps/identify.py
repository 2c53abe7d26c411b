"""Identify: the ID card on the reader. Skipped when this visit has read it: one card tap for everything."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

import msgspec

from devices.contract import Completed
from devices.id_card_reader.card import IdCard
from kiosk.catalogue.model import About, Service, StepSpec, Use
from kiosk.catalogue.rules import needs_date, unfit
from kiosk.journey.applicant import applicant_of
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.masking import mask_name, mask_number
from kiosk.pages import Answer, CardPrompt, Fact, Notice, Page
from kiosk.peripherals import is_lost
from kiosk.roster import READER
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import Visit, message

_WORDS = {"card_kind": "card.kind_refused", "card_expired": "card.expired", "age": "card.age"}


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(
        mark="identify", devices=(Use(device="id_card_reader", lost="waits"),), reads_card=True, is_once=True
    )


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """Who files, masked, and which address is filed where that is not plain: never the address on a public screen."""
    card = journey.visit.card
    if card is None:
        return []
    applicant = await applicant_of(journey.visit)
    which = "added" if applicant.added_addresses else "unread" if applicant.added_addresses_unread else ""
    address = [Fact(label=text("review.address"), value=text(f"review.address_{which}"))] if which else []
    return [
        Fact(label=text("review.name"), value=same(mask_name(card.shown_name))),
        Fact(label=text("review.number"), value=same(mask_number(card.number))),
        *address,
    ]


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Read the card unless it has been read, then see whether the service takes it."""
    if journey.visit.card is None:
        page = journey.page(
            "card",
            text("card.title"),
            CardPrompt(title=text("card.title"), lead=text("card.lead")),
            actions=journey.bar(NOTHING, back=bool(journey.trail)),
        )
        card = await read_card(journey.visit, page)
        if isinstance(card, Answer):
            return Outcome.BACK
        journey.visit.take(card)
    else:
        card = journey.visit.card
    clock = journey.machine.clock
    if not clock.knows_date and needs_date(journey.service):
        await journey.visit.tell(message("no_date", "clock", "warn", text("date.title"), text("date.lead")))
        return Outcome.LEAVE
    problem = card_problem(card, journey.service, clock.today())
    if problem:
        await journey.visit.tell(message("card_refused", "identification-card", "warn", *problem))
        return Outcome.LEAVE
    return Outcome.SKIP


async def read_card(visit: Visit, page: Page) -> IdCard | Answer:
    """Show ``page`` and wait for a readable card; what goes wrong is said on the page in plain words."""
    trouble = [NOTHING]

    def shown() -> Page:
        if not visit.machine.peripherals.is_usable(READER):
            return _with_notice(page, text("card.reader_lost"))
        if visit.machine.next_card.is_left:
            return _with_notice(page, text("card.left"))
        return _with_notice(page, trouble[0]) if trouble[0] else page

    def failed(done: Completed) -> None:
        trouble[0] = NOTHING if is_lost(done) else reading_trouble(done)
        visit.update(shown())

    with visit.machine.refreshing(lambda: visit.update(shown())):
        return await visit.show_while(shown, lambda: visit.machine.next_card.read(failed))


def reading_trouble(done: Completed) -> Text:
    """What went wrong with a read, in plain words; nothing when only no card was there."""
    if done.error in ("lift_card", "unknown_card", "select_failed", "card_unreadable"):
        return text(f"card.{done.error}")
    return NOTHING if done.error == "no_card" else text("card.reader_lost")


def _with_notice(page: Page, words: Text) -> Page:
    notice = Notice(level="warn", icon="warning", text=words)
    return msgspec.structs.replace(page, blocks=(notice, *page.blocks))


def card_problem(card: IdCard, service: Service, today: date) -> tuple[Text, Text] | None:
    """Why this card cannot be used for this service (title, what to do), or None."""
    found = unfit(service, card_kind=card.kind, birth=card.birth, valid_to=card.valid_to, today=today)
    if not found:
        return None
    words = _WORDS[found[0]]
    return text(words), text(f"{words}_lead", service=service.name)
