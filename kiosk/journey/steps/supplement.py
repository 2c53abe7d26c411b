"""Supplement 补正: which of the person's cases waits for something, and for what; the steps after it ask for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kiosk.cases import CaseState, unbroken
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Service, StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey import told
from kiosk.journey.by_number import ask_city
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.reasons import reason
from kiosk.messages.questions import CaseProgress, ProgressQuestion
from kiosk.pages import Action, Answer, Fact, Facts, Hero, Notice, Page, Tile, Tiles
from kiosk.text import NOTHING, Text, plain, same, text

CASE = "supplement_of"
"""The answer that names the case, and the fact by which who comes from the progress page names it."""


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own: what is missing is the department's word."""

    about: ClassVar[About] = About(mark="fill", offline="ends", is_once=True, together="each")

    def asks_for(self) -> tuple[Asked, ...]:
        """The case's number."""
        return (Asked(CASE),)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """It is asked for a person."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody is known whose case it is", "put a step identify before it")


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """For which case it is."""
    number = journey.answers.get(CASE, "")
    return [Fact(label=text("supplement.number"), value=same(unbroken(number)))] if number else []


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Show what the department waits for; of several cases one is chosen first."""
    card = journey.visit.card
    reply = await ask_city(journey, ProgressQuestion(id_number=card.number if card else ""))
    if isinstance(reply, Answer):
        return Outcome.BACK
    if not isinstance(reply, Answered):
        return Outcome.OFFLINE
    waiting = [case for case in reply.payload.cases if waits(case)]
    wanted = journey.facts.get(CASE, "")
    chosen = next((case for case in waiting if case.receipt_number == wanted), None)
    while True:
        if chosen is None and len(waiting) != 1:
            answer = await journey.visit.show(_which_page(journey, waiting) if waiting else _none_page(journey))
            chosen = next((case for case in waiting if answer.action == f"case:{case.receipt_number}"), None)
            if chosen is None:
                return Outcome.BACK if answer.action == "back" else Outcome.LEAVE
        case = chosen or waiting[0]
        answer = await journey.visit.show(_missing_page(journey, case))
        if answer.action == "next":
            words = same(unbroken(case.receipt_number))
            journey.keep(CASE, case.receipt_number, words)
            return Outcome.NEXT
        if len(waiting) == 1 or wanted:
            return Outcome.BACK
        chosen = None


def waits(case: CaseProgress) -> bool:
    """Whether its department waits for something of the person."""
    return bool(case.states) and case.states[-1].state == CaseState.NEEDS_SUPPLEMENT


def _name(journey: Journey, case: CaseProgress) -> Text:
    service = journey.machine.catalogue.services.get(case.service)
    return service.name if service else text("progress.other_service", service=plain(case.service))


def _which_page(journey: Journey, waiting: list[CaseProgress]) -> Page:
    tiles = tuple(
        Tile(
            action=Action(id=f"case:{case.receipt_number}", label=_name(journey, case), icon="file-text"),
            lead=same(unbroken(case.receipt_number)),
        )
        for case in waiting
    )
    block = Tiles(tiles=tiles, columns=1, wide=True)
    return journey.page("supplement_which", text("supplement.which"), block, actions=journey.bar(NOTHING))


def _none_page(journey: Journey) -> Page:
    hero = Hero(icon="check-circle", level="ok", title=text("supplement.none"), lead=text("supplement.none_lead"))
    leave = Action(id="leave", label=text("action.understood"), style="primary")
    actions = (*journey.bar(NOTHING), leave)
    return journey.page("supplement_none", journey.service.name, hero, actions=actions)


def _missing_page(journey: Journey, case: CaseProgress) -> Page:
    """Every reason of the department, with what to do."""
    service = journey.machine.catalogue.services.get(case.service)
    why = [reason(service, code) for code in told.codes(case.states[-1])]
    rows = why or [Fact(label=text("supplement.missing"), value=text("reason.none"))]
    about = Facts(
        rows=(
            Fact(label=text("supplement.about"), value=_name(journey, case)),
            Fact(label=text("supplement.number"), value=same(unbroken(case.receipt_number))),
        )
    )
    stands = Notice(level="info", icon="hourglass-medium", text=text("supplement.clock"))
    forward = journey.bar(text("supplement.begin"))
    return journey.page(
        "supplement", text("supplement.title", n=len(rows)), about, Facts(rows=tuple(rows)), stands, actions=forward
    )
