"""Slip: the paper in the hand. Paper may fail, the case may not: its number stands on the screen meanwhile."""

from __future__ import annotations

from kiosk.catalogue.model import StepSpec
from kiosk.clock import local
from kiosk.journey.engine import About, Journey, Outcome
from kiosk.pages import Action, Hero
from kiosk.printing import shown_printing, trouble_page
from kiosk.slips.layout import slip_job
from kiosk.slips.masking import mask_name
from kiosk.slips.model import SlipModel
from kiosk.text import NOTHING, same, text

ABOUT = About(
    mark="slip", jam="paper out, cover, unplugged: the case is safe, the slip is offered again, a copy says 副本"
)


async def step(journey: Journey, _spec: StepSpec) -> Outcome:
    """Print until it is out, or the person goes without."""
    copy = 0
    while True:
        job = slip_job(_model(journey, copy), journey.visit.settings.language)
        outcome, error = await shown_printing(journey.visit, job, journey.case_id)
        if outcome == "printed":
            break
        answer = await journey.visit.show(trouble_page(journey, outcome, error))
        if answer.action != "again":
            if outcome == "unknown":
                await journey.machine.resolve_intents(journey.case_id, "seen by the citizen")
            return Outcome.NEXT
        # Only what may already lie in somebody's hand is marked as a copy.
        copy += outcome == "unknown"
    take = Hero(icon="receipt", level="ok", title=text("print.done"), lead=text("print.take"))
    done = Action(id="next", label=text("action.next"), style="primary")
    await journey.visit.show(journey.page("slip", text("print.done"), take, actions=(done,), timeout_s=40.0))
    return Outcome.NEXT


def _model(journey: Journey, copy: int) -> SlipModel:
    machine, card, service = journey.machine, journey.visit.card, journey.service
    accepted = journey.state.value not in ("stored", "delivered")
    total = sum(fee.amount_fen for fee in service.fees)
    fee = text("review.amount", yuan=f"{total / 100:g}", when=service.fees[0].when) if total else text("review.free")
    return SlipModel(
        service_name=service.name,
        line=service.line,
        person=mask_name(card.name or card.english_name) if card else "",
        receipt_number=journey.receipt_number,
        state=journey.state.value,
        what_next=(service.what_next if accepted else service.what_next_offline,),
        promised_date=journey.promised_on if accepted else None,
        complaint_phone=machine.catalogue.complaint_phone,
        catalogue_version=machine.catalogue.version,
        hall=same(machine.config.machine.hall),
        printed_at=local(machine.clock.now()),
        fee=fee,
        copy_number=copy,
        progress_qr=journey.receipt_number,
        training=NOTHING,
        second_copy=journey.second_copy,
    )
