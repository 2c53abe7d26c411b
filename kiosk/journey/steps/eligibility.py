"""Eligibility: everything that is missing, told at once (一次性告知), before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import ClassVar

import trio

from kiosk.cases import unbroken
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Offline, Service, StepSpec, Use
from kiosk.hub_link.client import Answered, Refused, Unreachable
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.partly import tell_partly
from kiosk.journey.reasons import reason, sentence
from kiosk.journey.steps import wait
from kiosk.journey.under_way import UnderWay, under_way, under_way_page
from kiosk.journey.whole import Whole
from kiosk.messages.questions import EligibilityQuestion
from kiosk.pages import Action, Answer, Fact, Facts, Hero
from kiosk.printing import print_sheet
from kiosk.slips.model import Section
from kiosk.text import NOTHING, same, text


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(
        mark="fill",
        offline="goes_on",
        devices=(Use(device="receipt_printer", lost="goes_on"),),
        is_once=True,
        together="once",
        pages=0,
        taps=0,
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


async def together(whole: Whole, _spec: Spec) -> Outcome:
    """The same for every part of a plan at once: who is refused is left out with all reasons, the others go on."""
    page = whole.page("checking", text("eligibility.checking"), _busy(), actions=whole.bar(NOTHING), timeout_s=0)
    found = await whole.visit.show_while(page, partial(_ask_all, whole))
    if isinstance(found, Answer):
        return Outcome.BACK
    for at in sorted(found):
        same_case, reply = found[at]
        if not isinstance(reply, Answered):
            return Outcome.OFFLINE
        whole.offline = False
        under = [Fact(label=text("under_way.title"), value=same(unbroken(same_case.number)))] if same_case else []
        if at not in whole.left_out:
            whole.judge(at, reply.payload.facts, reply.payload.failed, *under)
    waiting = {at: _waits_for(whole, at, found[at]) for at in sorted(found) if whole.left_out.get(at)}
    if any(waiting.values()):
        await whole.visit.show_while(page, partial(_lay_down, whole, waiting))
    return await tell_partly(whole) if any(whole.left_out.values()) or not whole.going else Outcome.SKIP


def _waits_for(
    whole: Whole, at: int, found: tuple[UnderWay | None, Answered | Unreachable | Refused]
) -> tuple[str, ...]:
    same_case, reply = found
    failed = reply.payload.failed if isinstance(reply, Answered) and not same_case else ()
    return wait.comes_by_itself(whole.plan.services[at], failed)


async def _lay_down(whole: Whole, waiting: Mapping[int, Sequence[str]]) -> None:
    """What is only late is not lost with the plan: the tap of the card goes on with it when the result is there."""
    for at, checks in waiting.items():
        if checks and (until := await wait.laid_down(whole.parts_of[at], checks)):
            whole.left_out[at] = tuple(Fact(label=why.label, value=until) for why in whole.left_out[at])


async def _ask_all(whole: Whole) -> dict[int, tuple[UnderWay | None, Answered | Unreachable | Refused]]:
    found: dict[int, tuple[UnderWay | None, Answered | Unreachable | Refused]] = {}

    async def ask(at: int, part: Journey, place: int) -> None:
        part.position = place
        number = part.visit.card.number if part.visit.card else ""
        question = EligibilityQuestion(part.service.key, number)
        found[at] = await under_way(part), await part.ask("eligibility", question)

    async with trio.open_nursery() as nursery:
        for place in whole.plan.steps[whole.position].places:
            if place.part not in whole.left_out:
                nursery.start_soon(ask, place.part, whole.parts_of[place.part], place.step)
    return found


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
