"""Slip: the paper in the hand. Paper may fail, the case may not: its number stands on the screen meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kiosk.cases import CaseState
from kiosk.catalogue.model import Service, StepSpec
from kiosk.clock import local
from kiosk.journey.engine import About, Journey, Outcome
from kiosk.messages.masking import mask_name
from kiosk.messages.questions import CaseProgress
from kiosk.pages import Action, Hero
from kiosk.printing import shown_printing, trouble_page
from kiosk.recovery import OpenSlip, Slip
from kiosk.slips.layout import slip_job
from kiosk.slips.model import SlipModel
from kiosk.text import NOTHING, same, text

ABOUT = About(
    mark="slip", jam="paper out, cover, unplugged: the case is safe, the slip is offered again, a copy says 副本"
)
_BEFORE_ACCEPTANCE = (CaseState.STORED, CaseState.DELIVERED)


async def step(journey: Journey, _spec: StepSpec) -> Outcome:
    """Print until it is out, or the person goes without."""
    await _until_out(journey, journey.case_id, journey.service, lambda copy: _model(journey, copy), 0)
    return Outcome.NEXT


async def reprint(journey: Journey, slip: OpenSlip, state: CaseState, case: CaseProgress | None) -> None:
    """A slip that is owed, as a copy if it may be in somebody's hand already. ``case``: what the hub told of it."""
    service = journey.machine.catalogue.services[slip.service]

    def model(copy: int) -> SlipModel:
        promised = case.promised_date if case and state not in _BEFORE_ACCEPTANCE else None
        return _paper(
            journey,
            service,
            person=case.masked_name if case else "",
            receipt_number=slip.number,
            state=state.value,
            what_next=(service.what_next_offline if state in _BEFORE_ACCEPTANCE else service.what_next,),
            promised_date=promised,
            copy_number=copy,
        )

    await _until_out(journey, slip.case_id, service, model, slip.copy)


async def _until_out(
    journey: Journey, case_id: str, service: Service, model: Callable[[int], SlipModel], copy: int
) -> None:
    machine, visit = journey.machine, journey.visit
    while True:
        paper = model(copy)
        job = slip_job(paper, visit.settings.language)
        told = Slip(number=paper.receipt_number, service=service.key, copy=copy)
        outcome, error = await shown_printing(visit, job, case_id, told)
        if outcome == "printed":
            break
        answer = await visit.show(trouble_page(journey, paper.receipt_number, outcome, error))
        if answer.action != "again":
            if outcome == "unknown":
                await machine.resolve_intents(case_id, "seen by the citizen")
            return
        # Only what may already lie in somebody's hand is marked as a copy.
        copy += outcome == "unknown"
    if copy:
        await machine.resolve_intents(case_id, "copied")
    take = Hero(icon="receipt", level="ok", title=text("print.done"), lead=text("print.take"))
    done = Action(id="next", label=text("action.next"), style="primary")
    await visit.show(journey.page("slip", text("print.done"), take, actions=(done,), timeout_s=40.0))


def _model(journey: Journey, copy: int) -> SlipModel:
    card, service = journey.visit.card, journey.service
    accepted = journey.state not in _BEFORE_ACCEPTANCE
    return _paper(
        journey,
        service,
        person=mask_name(card.shown_name) if card else "",
        receipt_number=journey.receipt_number,
        state=journey.state.value,
        what_next=(service.what_next if accepted else service.what_next_offline,),
        promised_date=journey.promised_on if accepted else None,
        copy_number=copy,
        second_copy=journey.second_copy,
    )


def _paper(journey: Journey, service: Service, **facts: Any) -> SlipModel:
    machine = journey.machine
    total = sum(fee.amount_fen for fee in service.fees)
    fee = text("review.amount", yuan=f"{total / 100:g}", when=service.fees[0].when) if total else text("review.free")
    return SlipModel(
        service_name=service.name,
        line=service.line,
        complaint_phone=machine.catalogue.complaint_phone,
        catalogue_version=machine.catalogue.version,
        hall=same(machine.config.machine.hall),
        printed_at=local(machine.clock.now()),
        fee=fee,
        progress_qr=facts["receipt_number"],
        training=NOTHING,
        **facts,
    )
