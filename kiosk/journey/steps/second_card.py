"""Second card: a guardian's or an agent's, in the same visit where the service allows it, else refused with the reason.

What the card says is a part of the case of its own, sealed like the form and forgotten with the visit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import ClassVar, Literal

import msgspec

from devices.id_card_reader.card import IdCard
from kiosk.card_reading import read_card
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Service, StepSpec, Use
from kiosk.clock import full_years
from kiosk.journey.applicant import applicant_by
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.content import SECOND_PART
from kiosk.messages.masking import mask_name
from kiosk.pages import Answer, CardPrompt, Fact, Notice, Page
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import message

_ADULT = 18


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``guardian``: asked of who is younger than ``below`` (0: than the service says), ``agent``: of who is sent."""

    about: ClassVar[About] = About(
        mark="identify", devices=(Use(device="id_card_reader", lost="waits"),), adds=(SECOND_PART,), together="each"
    )

    role: Literal["guardian", "agent"]
    below: int = 0

    def asks_for(self) -> tuple[Asked, ...]:
        """As what the second person is here."""
        return (Asked("second_card", ("role",), (self.role,)),)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """The service knows of a second person, and the first one is known."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody is known for whom the second one comes", "put a step identify before it")
        if self.role == "agent" and service.proxy not in ("yes", None):
            yield Finding(("role",), "the service lets nobody come for another", 'write proxy = "yes", or take it out')
        if self.role == "guardian" and not (self.below or service.guardian_below):
            yield Finding(("below",), "nobody is so young", "write below which age, or guardian_below in the service")


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """Who came along, masked."""
    said = journey.labels.get("second_card")
    return [Fact(label=text(f"second.{journey.answers['second_card']}"), value=said)] if said else []


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Read the other card, until one fits or the person goes back; who is old enough is asked for none."""
    first, clock = journey.visit.card, journey.machine.clock
    if first is None:
        raise RuntimeError("a second card comes after the first")
    if spec.role == "guardian" and not _is_young(first, spec.below or journey.service.guardian_below, journey):
        return Outcome.SKIP
    if spec.role == "agent" and journey.service.proxy not in ("yes", None):
        words = text("second.window" if journey.service.proxy == "window" else "second.no_proxy")
        await journey.visit.tell(message("second_refused", "users", "warn", text("second.refused"), words))
        return Outcome.LEAVE
    trouble = NOTHING
    while True:
        card = await read_card(journey.visit, _page(journey, spec.role, trouble))
        if isinstance(card, Answer):
            return Outcome.BACK
        trouble = _unfit(first, card, clock.today())
        if not trouble:
            journey.add_part(SECOND_PART, msgspec.json.encode(applicant_by(card)))
            journey.keep("second_card", spec.role, same(mask_name(card.shown_name)))
            return Outcome.NEXT


def _is_young(card: IdCard, below: int, journey: Journey) -> bool:
    clock = journey.machine.clock
    return not clock.knows_date or full_years(card.birth, clock.today()) < below


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
