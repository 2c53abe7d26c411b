"""Insert: the person's own permit or passport is read, so that nobody applies with a wrong one, and given back.

What its zone says is believed only with every check digit right (ICAO 9303), and only when the department knows the
document as this person's valid one. Without a network the day of birth is compared; the department judges again.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar, Literal

from devices.contract import Completed
from devices.travel_document_reader.mrz import Zone
from kiosk import inserted
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Service, StepSpec, Use
from kiosk.hub_link.client import Answered
from kiosk.inserted import READER
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.masking import mask_document_number
from kiosk.messages.questions import DocumentsQuestion
from kiosk.pages import Action, Answer, Fact, Hero, Page
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import message

READ, WITHOUT = "read", "without"
_KNOWN = frozenset({"check_digit", "no_zone", "no_document", "document_inside", "jammed"})
"""Troubles of the reader with words of their own."""


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``document``: the kind that is meant, as the department names it."""

    about: ClassVar[About] = About(
        mark="fill",
        offline="goes_on",
        devices=(Use(device=READER, lost="other_way"),),
        together="alike",
        pages=0,
        taps=0,
    )

    document: Literal["passport", "hk_macao_permit", "taiwan_permit"]

    def asks_for(self) -> tuple[Asked, ...]:
        """Whether it was read, and its number."""
        return Asked(self.document, values=(READ, WITHOUT)), Asked(f"{self.document}_number")

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """Somebody is known whose it must be."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody is known whose document it must be", "put a step identify before it")


async def review_rows(journey: Journey, spec: Spec) -> list[Fact]:
    """What was read, its number with the middle hidden."""
    said = journey.labels.get(spec.document)
    return [Fact(label=text(f"documents.kind_{spec.document}"), value=said)] if said else []


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Read until it is the right one; every time it is in the hand again before anything goes on."""
    device = journey.machine.peripherals.chosen(READER)
    known = await _valid_documents(journey, spec)
    trouble = NOTHING
    while True:
        read = partial(inserted.read, journey.machine, device, journey.case_id)
        done = await journey.visit.show_while(_page(journey, spec, trouble), read)
        give_back = partial(inserted.give_back, journey.machine, device)
        if await journey.visit.show_while(_back_page(journey), give_back) not in ("returned", "nothing"):
            return await _kept_inside(journey, spec)
        if isinstance(done, Answer):
            return _left(journey, spec) if done.action == WITHOUT else Outcome.BACK
        wrong = _wrong(journey, known, done)
        if not wrong:
            journey.keep(spec.document, READ, same(mask_document_number(done.value.document_number)))
            journey.keep(f"{spec.document}_number", done.value.document_number, NOTHING)
            return Outcome.NEXT
        trouble = text(f"insert.{wrong}")


async def _valid_documents(journey: Journey, spec: Spec) -> frozenset[str] | None:
    """The masked numbers of this person's valid documents of the kind; None when the city does not tell."""
    number = journey.visit.card.number if journey.visit.card else ""
    hero = Hero(icon="magnifying-glass", level="info", title=text("documents.asking"), busy=True)
    page = journey.page("checking", text("insert.title"), hero, actions=journey.bar(NOTHING, back=False), timeout_s=0)
    reply = await journey.visit.show_while(page, lambda: journey.ask("documents", DocumentsQuestion(number)))
    if not isinstance(reply, Answered) or reply.payload.silent:
        return None
    found = reply.payload.documents
    return frozenset(each.number_masked for each in found if each.kind == spec.document and each.state == "valid")


def _wrong(journey: Journey, known: frozenset[str] | None, done: Completed) -> str:
    """Why this one is not taken; "" when it is."""
    if not done.ok or not isinstance(done.value, Zone):
        return done.error if done.error in _KNOWN else "away"
    zone, card = done.value, journey.visit.card
    if card is None or zone.birth != f"{card.birth:%y%m%d}":
        return "not_yours"
    return "" if known is None or mask_document_number(zone.document_number) in known else "not_this"


def _left(journey: Journey, spec: Spec) -> Outcome:
    """Whoever has not brought it shows it at the counter."""
    journey.keep(spec.document, WITHOUT, text("insert.without"))
    journey.drop(f"{spec.document}_number")
    return Outcome.NEXT


async def _kept_inside(journey: Journey, spec: Spec) -> Outcome:
    """Nobody is sent on as if it were in the hand."""
    guide = Action(id="call_guide", label=text("settings.call_guide"), style="secondary", icon="headset")
    go_on = Action(id="continue", label=text("action.ok"), style="primary")
    words = text("insert.kept"), text("insert.kept_lead")
    await journey.visit.tell(message("insert_kept", "warning-circle", "warn", *words, guide, go_on))
    return _left(journey, spec)


def _page(journey: Journey, spec: Spec, trouble: Text) -> Page:
    name = text(f"documents.kind_{spec.document}")
    hero = Hero(
        icon="book-open",
        level="warn" if trouble else "info",
        title=text("insert.put_in", name=name),
        lead=trouble or text("insert.lead"),
    )
    without = Action(id=WITHOUT, label=text("insert.without"), style="secondary")
    exit_, back = journey.bar(NOTHING)
    return journey.page("insert", text("insert.title"), hero, actions=(exit_, back, without), timeout_s=0)


def _back_page(journey: Journey) -> Page:
    hero = Hero(icon="hand-pointing", level="ok", title=text("insert.take"), lead=text("insert.take_lead"))
    return journey.page("insert_take", text("insert.title"), hero, actions=(), timeout_s=0)
