"""Who came along: their card, asked for until it fits, and what goes with every case of the visit from then on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

import msgspec

from devices.id_card_reader.card import IdCard
from kiosk.card_reading import read_card
from kiosk.clock import full_years
from kiosk.journey.applicant import applicant_by
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.content import SECOND_PART
from kiosk.messages.masking import mask_name
from kiosk.pages import Answer, CardPrompt, Fact, Notice, Page
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import Second, Visit

ANSWER = "second_card"
_ADULT = 18


async def ask_for(journey: Journey, role: Literal["guardian", "agent"]) -> Outcome:
    """Read the other card until one fits (NEXT: who it belongs to acts from now on), or the person goes back."""
    visit, trouble = journey.visit, NOTHING
    first = visit.card
    if first is None:
        raise RuntimeError("a second card comes after the first")
    while True:
        card = await read_card(visit, _page(journey, role, trouble))
        if isinstance(card, Answer):
            return Outcome.BACK
        trouble = _unfit(first, card, journey.machine.clock.today())
        if not trouble:
            visit.accompany(Second(card, role))
            return Outcome.NEXT


def answer_of(visit: Visit) -> dict[str, str]:
    """What a case says of who acted; nothing when its applicant did."""
    return {ANSWER: visit.second.role} if visit.second else {}


def part_of(visit: Visit) -> dict[str, bytes]:
    """Who that was, as a part of its own, sealed like the form."""
    return {SECOND_PART: msgspec.json.encode(applicant_by(visit.second.card))} if visit.second else {}


def facts_of(visit: Visit) -> Iterator[Fact]:
    """The same for screen and paper, masked."""
    if visit.second:
        name = mask_name(visit.second.card.shown_name)
        yield Fact(label=text(f"second.{visit.second.role}"), value=same(name))


def _unfit(first: IdCard, card: IdCard, today: date) -> Text:
    """Why this card is not the second person's, in plain words; nothing when it can be."""
    if card.number == first.number:
        return text("second.same")
    if full_years(card.birth, today) < _ADULT:
        return text("second.minor")
    return text("second.expired") if card.valid_to is not None and card.valid_to < today else NOTHING


def _page(journey: Journey, role: str, trouble: Text) -> Page:
    title = text(f"second.title_{role}")
    prompt = CardPrompt(title=title, lead=text("second.lead"))
    blocks = (Notice(level="warn", icon="warning", text=trouble), prompt) if trouble else (prompt,)
    return journey.page("second_card", title, *blocks, actions=journey.bar(NOTHING))
