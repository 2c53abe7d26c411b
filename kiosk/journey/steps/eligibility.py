"""Eligibility: everything that is missing, told at once (一次性告知), before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Offline, Service, StepSpec, Use
from kiosk.hub_link.client import Answered, Refused, Unreachable
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.reasons import reason, sentence
from kiosk.journey.under_way import UnderWay, under_way, under_way_page
from kiosk.messages.questions import EligibilityQuestion
from kiosk.pages import Action, Answer, Facts, Hero
from kiosk.printing import print_sheet
from kiosk.slips.model import Section
from kiosk.text import NOTHING, text


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(
        mark="fill", offline="goes_on", devices=(Use(device="receipt_printer", lost="goes_on"),), is_once=True
    )

    def offline_in(self, service: Service) -> Offline:
        """Who may register does, and the department judges later."""
        return "goes_on" if service.offline == "register" else "ends"

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """It is asked for a person."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "eligibility needs a card that was read", "put a step identify before it")


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Tell of the same case under way, ask the department; show all defects together, or go on."""
    question = EligibilityQuestion(journey.service.key, journey.visit.card.number if journey.visit.card else "")
    page = journey.page("checking", text("eligibility.checking"), _busy(), actions=journey.bar(NOTHING), timeout_s=0)

    async def ask() -> tuple[UnderWay | None, Answered | Unreachable | Refused]:
        return await under_way(journey), await journey.ask("eligibility", question)

    found = await journey.visit.show_while(page, ask)
    if isinstance(found, Answer):
        return Outcome.BACK
    same_case, reply = found
    if same_case and (await journey.visit.show(under_way_page(journey, same_case))).action == "back":
        return Outcome.BACK
    if isinstance(reply, Answered):
        journey.offline = False
        journey.facts = dict(reply.payload.facts)
        return await _missing(journey, reply.payload.failed) if reply.payload.failed else Outcome.SKIP
    journey.facts = {}
    return Outcome.OFFLINE


def _busy() -> Hero:
    return Hero(
        icon="magnifying-glass",
        level="info",
        title=text("eligibility.checking"),
        lead=text("eligibility.checking_lead"),
        busy=True,
    )


async def _missing(journey: Journey, failed: list[str]) -> Outcome:
    rows = tuple(reason(journey.service, check_id, journey.facts) for check_id in failed)
    print_it = Action(id="print", label=text("eligibility.print"), style="secondary", icon="printer")
    leave = Action(id="leave", label=text("action.understood"), style="primary")
    exit_ = journey.bar()[0]
    title = text("eligibility.missing_title", count=len(rows))
    while True:
        page = journey.page(
            "not_yet", title, Facts(rows=rows), lead=text("eligibility.missing_lead"), actions=(exit_, print_it, leave)
        )
        answer = await journey.visit.show(page)
        if answer.action != "print":
            return Outcome.LEAVE
        told = tuple(sentence(journey.service, check_id, journey.facts) for check_id in failed)
        missing = Section(sentences=told)
        await print_sheet(journey.visit, text("slip.notice_title"), journey.service, [missing])
