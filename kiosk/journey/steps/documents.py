"""Documents 签注余次/证件信息查询: what the exit-entry department holds for this person. Live only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import ClassVar

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Service, StepSpec, Use
from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.questions import Document, DocumentsAnswer, DocumentsQuestion, Endorsement
from kiosk.pages import Action, Answer, Fact, Facts, Hero, Notice
from kiosk.printing import print_sheet
from kiosk.slips.model import Row, Section
from kiosk.text import NOTHING, Text, listed, plain, same, text, worded
from kiosk.visit import message


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(
        mark="result",
        offline="ends",
        devices=(Use(device="receipt_printer", lost="goes_on"),),
        is_free=True,
        together="each",
    )

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """They are those of a person."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "documents needs a card that was read", "put a step identify before it")


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Ask, show, print on request."""
    number = journey.visit.card.number if journey.visit.card else ""
    hero = Hero(icon="magnifying-glass", level="info", title=text("documents.asking"), busy=True)
    page = journey.page("checking", text("documents.title"), hero, actions=journey.bar(NOTHING), timeout_s=0)
    reply = await journey.visit.show_while(page, lambda: journey.ask("documents", DocumentsQuestion(number)))
    if isinstance(reply, Answer):
        return Outcome.BACK
    return await _show(journey, reply.payload) if isinstance(reply, Answered) else Outcome.OFFLINE


async def _show(journey: Journey, found: DocumentsAnswer) -> Outcome:
    missing = _left_out(journey, found)
    if not found.documents and not missing:
        await journey.visit.tell(
            message("no_documents", "info", "info", text("documents.none"), text("documents.none_lead"))
        )
        return Outcome.NEXT
    blocks = tuple(facts(document) for document in found.documents)
    print_it = Action(id="print", label=text("documents.print"), style="secondary", icon="printer")
    done = Action(id="next", label=text("action.done"), style="primary")
    while True:
        page = journey.page(
            "documents",
            text("documents.title"),
            *blocks,
            *(Notice(level="info", icon="info", text=each) for each in missing),
            lead=text("documents.lead"),
            actions=(journey.bar()[0], print_it, done),
        )
        answer = await journey.visit.show(page)
        if answer.action != "print":
            return Outcome.NEXT
        sections = [*map(section, blocks), *([Section(sentences=missing)] if missing else [])]
        await print_sheet(journey.visit, text("slip.query_title"), journey.service, sections)


def _left_out(journey: Journey, found: DocumentsAnswer) -> tuple[Text, ...]:
    """Half a list would mislead: that something is not shown is said, on paper too."""
    silent = listed(map(journey.machine.catalogue.department_name, found.silent))
    unreadable = text("documents.unreadable", n=found.unreadable) if found.unreadable else NOTHING
    return tuple(each for each in (unreadable, text("documents.silent", names=silent) if silent else NOTHING) if each)


def facts(document: Document) -> Facts:
    """One document as the page shows it. What a newer department says is shown as it came."""
    kind, state = document.kind, document.state
    rows = [
        Fact(label=text("documents.number"), value=same(plain(document.number_masked) or "—")),
        Fact(label=text("documents.expires"), value=_day(document.expires_on)),
        Fact(label=text("documents.state"), value=_worded("state", state)),
    ]
    rows += [Fact(label=_endorsement_name(e), value=_endorsement_left(e)) for e in document.endorsements]
    return Facts(title=_worded("kind", kind), rows=tuple(rows))


def section(block: Facts) -> Section:
    """The same on paper."""
    return Section(title=block.title, rows=tuple(Row(fact.label, fact.value) for fact in block.rows))


def _worded(what: str, word: str) -> Text:
    return worded(f"documents.{what}_", word, text(f"documents.other_{what}", word=plain(word)))


def _day(day: object) -> Text:
    return same(day.isoformat()) if isinstance(day, date) else text("documents.no_date")


def _endorsement_name(endorsement: Endorsement) -> Text:
    return text(
        "documents.endorsement", type=_worded("type", endorsement.type), place=_worded("place", endorsement.place)
    )


def _endorsement_left(endorsement: Endorsement) -> Text:
    until = _day(endorsement.valid_until)
    if endorsement.remaining < 0:
        return text("documents.unlimited", until=until)
    return text("documents.remaining", n=endorsement.remaining, until=until)
