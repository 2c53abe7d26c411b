"""Slip: the paper in the hand. Paper may fail, the case may not: its number stands on the screen meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import trio

from kiosk.cases import CLOCK_RUNS, STOPPED, CaseState, grouped, unbroken
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.kinds import kind_named
from kiosk.catalogue.model import About, Fee, Service, StepSpec, Use
from kiosk.journey import second
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.reasons import sentence
from kiosk.journey.steps.delivery import what_next
from kiosk.journey.told import accepted_at, last_reasons, promise
from kiosk.journey.whole import Whole
from kiosk.messages.questions import CaseProgress
from kiosk.pages import Action, Hero, Page, Receipt
from kiosk.paper_doubt import late_end
from kiosk.payments import PRODUCE
from kiosk.printing import Printed, shown_printing, trouble
from kiosk.slips.intents import OpenSlip, Slip, begin_slip
from kiosk.slips.layout import slip_job
from kiosk.slips.letterhead import letterhead
from kiosk.slips.model import Row, SlipModel
from kiosk.text import NOTHING, Text, same, text
from kiosk.threads import in_thread

TAKE_S = 8.0
"""How long "please take your slip" stands before the journey goes on by itself."""


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(
        mark="slip",
        devices=(Use(device="receipt_printer", lost="goes_on"),),
        is_free=True,
        gives_slip=True,
        is_once=True,
        together="once",
        pages=0,
        taps=0,
    )

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """It has the number of a case."""
        if "file" not in service.kinds_before(at):
            yield Finding((), "nothing is filed before it, so it has no number", "put a step file before it")


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Print until it is out, or the person goes without."""
    await until_out(journey, journey.case_id, journey.service, lambda copy: _model(journey, copy), 0)
    return Outcome.NEXT


async def together(whole: Whole, _spec: Spec) -> Outcome:
    """One slip with the numbers of all parts; how its printing ends is kept for each of them."""
    cases = [part for part in whole.going if part.filed]
    first, *others = cases
    beside = [Slip(number=each.receipt_number, service=each.service.key, handed=True) for each in others]
    begun = [
        await in_thread(begin_slip, whole.machine, each.case_id, slip)
        for each, slip in zip(others, beside, strict=True)
    ]
    model = partial(_common, whole, cases)
    outcome = await until_out(whole, first.case_id, first.service, model, 0, number=first.receipt_number)
    for intent in begun:
        await whole.machine.resolve_intent(intent, outcome)
    return Outcome.NEXT


def _common(whole: Whole, cases: Sequence[Journey], copy: int) -> SlipModel:
    """Each case with its own number and state, all opened by one code; the first one's number is the one to scan."""
    rows = [*_second_rows(whole), Row(text("together.number"), same(grouped(whole.receipt_number)))]
    rows += [row for n, case in enumerate(cases, 1) for row in _case_rows(case, n)]
    rows += [Row(text("together.left_out"), service.name) for service in whole.refused]
    rows += [Row(text("slip.fee"), fee_words(whole.service, whole.fees_due())), *_paid_rows(whole, cases)]
    return paper(
        whole,
        whole.service,
        whole.visit.masked_name,
        receipt_number=cases[0].receipt_number,
        slip_code=whole.slip_code,
        state=whole.state.value,
        rows=tuple(rows),
        what_next=tuple(dict.fromkeys(_next_of_all(cases))),
        copy_number=copy,
        second_copies=tuple(case.second_copy for case in cases if case.second_copy and case.state == CaseState.STORED),
    )


def _case_rows(case: Journey, n: int) -> Iterator[Row]:
    yield Row(text("together.part", n=n), case.service.name)
    yield Row(text("together.part_number"), same(grouped(case.receipt_number)))
    yield Row(text("together.part_state"), text(f"state.{case.state}"))
    yield from said_rows(case)
    if due := case.fees_due():
        yield Row(text("slip.fee"), fee_words(case.service, due))
    if case.promised_on and case.state in CLOCK_RUNS:
        yield Row(text("slip.promised"), case.promise())
    for code in case.notes if case.state in STOPPED else ():
        yield Row(text("slip.reasons"), sentence(case.service, code))


async def reprint(journey: Journey, slip: OpenSlip, state: str, case: CaseProgress | None, code: str) -> None:
    """A slip that is owed, as a copy if it may be in somebody's hand already.

    ``case``: what the hub told of it; ``code``: what was typed from the slip, "" when the card opened it. What was said
    and paid is kept sealed to the hub only, so this paper says that it lacks it.
    """
    machine, service = journey.machine, journey.machine.catalogue.services[slip.service]
    made = await in_thread(machine.journal.outcomes, PRODUCE, slip.case_id)
    is_made = any(outcome == "produced" for _, outcome in made)

    def model(copy: int) -> SlipModel:
        return paper(
            journey,
            service,
            case.masked_name if case else "",
            receipt_number=slip.number,
            slip_code=code,
            state=state,
            reasons=tuple(sentence(service, code) for code in last_reasons(case)),
            accepted_at=accepted_at(case) if case else None,
            promise=promise(case, service) if case else NOTHING,
            what_next=(text("slip.next_made") if is_made else _what_next(service, state),),
            copy_number=copy,
            left_out=text("slip.left_out"),
        )

    await until_out(journey, slip.case_id, service, model, slip.copy)


async def until_out(
    journey: Journey,
    case_id: str,
    service: Service,
    model: Callable[[int], SlipModel],
    copy: int,
    *,
    number: str = "",
) -> str:
    """Print ``model(copy)`` until it is out or the person goes without; gives how it ended.

    ``number``: the case's own, where another one stands on the sheet.
    """
    machine, visit = journey.machine, journey.visit
    while True:
        sheet = model(copy)
        job = slip_job(sheet, visit.settings.language)
        told = Slip(number=number or sheet.receipt_number, service=service.key, copy=copy)
        outcome, error = await shown_printing(visit, job, case_id, told)
        if outcome == "printed":
            break
        page = _trouble_page(journey, sheet.receipt_number, sheet.slip_code, outcome, error)
        if outcome == "unknown":
            answer = await visit.show_while(page, partial(late_end, machine))
            if answer is None:
                break
        else:
            answer = await visit.show(page)
        if answer.action != "again":
            if outcome == "unknown":
                await machine.resolve_intents(case_id, "seen by the citizen")
                return "seen by the citizen"
            return "not_printed"
        # Only what may already lie in somebody's hand is marked as a copy.
        copy += outcome == "unknown"
    if copy:
        await machine.resolve_intents(case_id, "copied")
    take = Hero(icon="receipt", level="ok", title=text("print.done"), lead=text("print.take"))
    done = Action(id="next", label=text("action.next"), style="primary")
    page = journey.page("slip", text("print.done"), take, actions=(done,), timeout_s=0)
    await visit.show_while(page, partial(trio.sleep, TAKE_S))
    return "printed"


def _trouble_page(journey: Journey, number: str, code: str, outcome: Printed, error: str) -> Page:
    """The case is safe; number and code of the missing paper stand here; what to do about it."""
    note = text("print.photo_code", code=unbroken(code)) if code else text("print.photo")
    receipt = Receipt(label=text("result.number"), number=number, qr=number, note=note)
    if outcome == "unknown":
        header, title, lead = text("mark.slip"), text("print.unknown_title"), text("print.unknown_lead")
        actions = (
            Action(id="came", label=text("print.came"), style="secondary", icon="check-circle"),
            Action(id="again", label=text("print.copy"), style="primary", icon="printer"),
        )
    else:
        header, title, lead = text("print.failed"), text("print.safe_title"), trouble(error)
        actions = (
            Action(id="without", label=text("print.without"), style="secondary"),
            Action(id="again", label=text("print.again"), style="primary", icon="printer"),
        )
    hero = Hero(icon="printer", level="warn", title=title, lead=lead)
    return journey.page("slip_trouble", header, hero, receipt, lead=NOTHING, actions=actions)


def _model(journey: Journey, copy: int) -> SlipModel:
    service = journey.service
    return paper(
        journey,
        service,
        journey.visit.masked_name,
        receipt_number=journey.receipt_number,
        slip_code=journey.slip_code,
        state=journey.state.value,
        reasons=tuple(sentence(service, code) for code in journey.notes),
        promise=journey.promise(),
        rows=(
            *_second_rows(journey),
            *said_rows(journey),
            *_fee_rows(service, journey.fees_due()),
            *_paid_rows(journey, [journey]),
        ),
        what_next=tuple(_next_of_all([journey])),
        copy_number=copy,
        second_copy=journey.second_copy,
    )


def _second_rows(journey: Journey) -> Iterator[Row]:
    """Who acted for the one who is named above."""
    return (Row(fact.label, fact.value) for fact in second.facts_of(journey.visit))


def said_rows(journey: Journey) -> Iterator[Row]:
    """What the steps of a case want on its paper."""
    for spec in (journey.service.steps[at] for at in journey.asked()):
        yield from getattr(kind_named(spec.kind), "slip_rows", lambda _journey, _spec: ())(journey, spec)


def paper(journey: Journey, service: Service, person: str, *, state: str, **facts: Any) -> SlipModel:
    """A slip of this machine; ``facts`` are those of ``SlipModel``, with the service's own where none are given."""
    head = letterhead(journey.machine, text("slip.title"), service.name, line=service.line, person=person)
    usual: dict[str, Any] = {
        "rows": _fee_rows(service),
        "what_next": (_what_next(service, state),),
        "progress_qr": facts["receipt_number"],
        "is_on_its_way": journey.machine.link.online,
    }
    return SlipModel(head=head, state=state, **usual | facts)


def goes_back(case: Journey) -> bool:
    """Whether what was paid for it goes back: the department has not taken it."""
    return case.state == CaseState.NOT_ACCEPTED and case.case_id in case.visit.paid


def _next_of_all(cases: Sequence[Journey]) -> Iterator[Text]:
    yield from map(_next_of, cases)
    if any(map(goes_back, cases)):
        yield text("slip.next_paid")


def _next_of(journey: Journey) -> Text:
    """What the case itself has come to, or that it is posted, or what its service says."""
    if journey.what_next:
        return journey.what_next
    usual = _what_next(journey.service, journey.state)
    return what_next(journey) if usual == journey.service.what_next else usual


def _what_next(service: Service, state: str) -> Text:
    if CaseState.before_acceptance(state):
        return service.what_next_offline
    if state in STOPPED:
        return text("slip.next_stopped")
    if state == CaseState.NEEDS_SUPPLEMENT:
        return text("slip.next_supplement")
    if state == CaseState.COLLECTED:
        return text("slip.next_collected")
    return service.what_next if state in set(CaseState) else text("slip.next_other")


def _paid_rows(journey: Journey, cases: Sequence[Journey]) -> Iterator[Row]:
    """What was paid for these, and the number of each payment: who asks for money back needs it."""
    paid = [journey.visit.payments[case.case_id] for case in cases if case.case_id in journey.visit.payments]
    for order in dict.fromkeys(each.order for each in paid):
        sum_fen = sum(each.amount_fen for each in paid if each.order == order)
        yield Row(text("slip.paid"), text("slip.paid_yuan", yuan=f"{sum_fen / 100:.2f}"))
        yield Row(text("slip.payment"), same(order))


def _fee_rows(service: Service, due: Sequence[Fee] | None = None) -> tuple[Row, ...]:
    return (Row(text("slip.fee"), fee_words(service, due)),) if service.department else ()


def fee_words(service: Service, due: Sequence[Fee] | None = None) -> Text:
    """What it costs, and when. Without ``due``, the fees of one person, what anybody pays, or the least of all."""
    usual = [fee for fee in service.fees if not fee.conditions]
    if due is None and service.fees and not usual:
        least = min(service.fees, key=lambda fee: fee.amount_fen)
        return text("review.from", yuan=f"{least.amount_fen / 100:g}", when=least.when)
    due = usual if due is None else due
    total = sum(fee.amount_fen for fee in due)
    if not total:
        return text("review.free")
    when = due[0].when if len({fee.when for fee in due}) == 1 else text("review.in_parts")
    return text("review.amount", yuan=f"{total / 100:g}", when=when)
