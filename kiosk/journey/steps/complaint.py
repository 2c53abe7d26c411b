"""Complaint 投诉建议: to supervision, not to the unit complained of. Anonymous if wished; a number; works offline."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from kiosk.cases import unbroken
from kiosk.catalogue.model import About, Asked, StepSpec, Use
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.fields.kinds import FormField, Wrong
from kiosk.journey.fields.numbers import PHONE
from kiosk.journey.kept import kept_by_number, paper_mark
from kiosk.journey.steps.slip import paper, until_out
from kiosk.messages.content import Complaint, encode_content
from kiosk.messages.masking import mask_phone
from kiosk.messages.typed import digits
from kiosk.pages import Action, Choice, Choices, Field, Notice, Page, Receipt
from kiosk.slips.model import Row, SlipModel
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import message

SUBJECTS = {
    "complaint": ("attitude", "delay", "fee", "machine", "refused", "other"),
    "report": ("bribe", "favour", "overcharged", "disclosed", "other"),
    "suggestion": ("service", "procedure", "machine", "hall", "other"),
    "praise": ("kind", "quick", "helpful", "machine_good", "other"),
}
"""What each kind can be about."""
KINDS = tuple(SUBJECTS)
_CONTACT = FormField(name="phone", label=text("complaint.contact_label"), kind="phone")


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(
        offline="goes_on",
        devices=(Use(device="receipt_printer", lost="goes_on"),),
        is_free=True,
        files=True,
        gives_slip=True,
        together="each",
        pages=4,
        taps=6,
    )

    def asks_for(self) -> tuple[Asked, ...]:
        """What the three pages ask."""
        subjects = tuple({subject: None for of_kind in SUBJECTS.values() for subject in of_kind})
        return (Asked("kind", values=KINDS), Asked("subject", values=subjects), Asked("contact"))


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Kind, subject, contact or anonymous; then the number, on paper if wished. "Back" goes back one page."""
    questions = (_kind, _subject, _contact)
    at = 0
    while at < len(questions):
        at += 1 if await questions[at](journey) else -1
        if at < 0:
            return Outcome.BACK
    return await _file(journey)


async def _file(journey: Journey) -> Outcome:
    chosen = journey.answers
    content = said(journey, chosen["kind"], chosen["subject"], chosen["contact"])
    await journey.machine.filing.file(
        kind="complaint",
        key=journey.case_id,
        case_id=journey.case_id,
        receipt_number=journey.receipt_number,
        parts={"form": encode_content(content)},
        paper_mark=await paper_mark(journey.slip_code),
    )
    journey.filed = True
    answer = await journey.visit.show(_thanks_page(journey))
    if answer.action == "print":
        state = await _state_proved(journey)
        await until_out(journey, journey.case_id, journey.service, lambda copy: _slip(journey, state, copy), 0)
    return Outcome.NEXT


def said(journey: Journey, kind: str, subject: str, contact: str) -> Complaint:
    """What is filed. An anonymous complaint names no case either: its number would lead to the person."""
    about = journey.visit.filed[-1].receipt_number if contact and journey.visit.filed else ""
    return Complaint(
        text=text(f"complaint.subject_{subject}").zh,
        kind=kind,  # type: ignore[arg-type]
        contact=contact or None,
        anonymous=not contact,
        complaint_number=journey.receipt_number,
        receipt_number=about,
        slip_code=journey.slip_code,
    )


async def _kind(journey: Journey) -> bool:
    return await _choice(journey, "complaint_kind", "kind", KINDS)


async def _subject(journey: Journey) -> bool:
    return await _choice(journey, "complaint_subject", "subject", SUBJECTS[journey.answers["kind"]])


async def _choice(journey: Journey, page_kind: str, name: str, options: tuple[str, ...]) -> bool:
    """One choice, kept in the journey's answers. False for back."""
    error = NOTHING
    phone = journey.machine.catalogue.complaint_phone
    while True:
        choices = Choices(
            name=name,
            label=NOTHING,
            error=error,
            selected=journey.answers.get(name, ""),
            options=tuple(Choice(id=o, label=text(f"complaint.{name}_{o}")) for o in options),
        )
        note = Notice(level="info", icon="phone", text=text("complaint.phone", phone=phone))
        page = journey.page(
            page_kind, text(f"complaint.{name}_title"), choices, note, lead=text(f"complaint.{name}_lead")
        )
        answer = await journey.visit.show(page)
        chosen = answer.values.get(name)
        if chosen in options:
            journey.keep(name, str(chosen), text(f"complaint.{name}_{chosen}"))
        if answer.action == "back":
            return False
        if chosen in options:
            return True
        error = text("choose.none")


async def _contact(journey: Journey) -> bool:
    """A phone number, or "" for anonymous, kept in the journey's answers. False for back."""
    error, value = NOTHING, journey.answers.get("contact", "")
    while True:
        answer = await journey.visit.show(_contact_page(journey, value, error))
        value = "" if answer.action == "anonymous" else digits(str(answer.values.get("phone", "")))
        journey.keep("contact", value, same(value))
        if answer.action == "back":
            return False
        if answer.action == "anonymous":
            return True
        try:
            PHONE.judge(_CONTACT, value, None)
        except Wrong as wrong:
            error = wrong.words
        else:
            return True


def _contact_page(journey: Journey, value: str, error: Text) -> Page:
    field = Field(
        name="phone",
        label=text("complaint.contact_label"),
        keys="phone",
        value=value,
        error=error,
        max_length=PHONE.longest,
    )
    *ways_out, send = journey.bar(text("action.send"))
    anonymous = Action(id="anonymous", label=text("complaint.anonymous"), style="secondary", icon="incognito")
    return journey.page(
        "complaint_contact",
        text("complaint.contact_title"),
        field,
        lead=text("complaint.contact_lead"),
        actions=(*ways_out, anonymous, send),
    )


def _thanks_page(journey: Journey) -> Page:
    """The number, and what it is good for: an anonymous one leads to nobody, so nobody can be answered."""
    number = journey.receipt_number
    note = text("complaint.keep", code=unbroken(journey.slip_code))
    receipt = Receipt(label=text("complaint.number"), number=number, qr=number, note=note)
    lead = text("complaint.thanks_lead" if journey.machine.link.online else "complaint.thanks_lead_offline")
    who = Notice(level="info", icon="info", text=_answered(journey))
    done = Action(id="continue", label=text("complaint.no_slip"), style="secondary")
    print_ = Action(id="print", label=text("complaint.print"), style="primary", icon="printer")
    page = message(
        "complaint_done",
        "check-circle",
        "ok",
        text("complaint.thanks"),
        lead,
        done,
        print_,
        service=journey.service.key,
    )
    return msgspec.structs.replace(page, blocks=(*page.blocks, receipt, who))


def _answered(journey: Journey) -> Text:
    return text("complaint.answered_by_phone" if journey.answers["contact"] else "complaint.answered_nobody")


async def _state_proved(journey: Journey) -> str:
    """How far the queue proves that it has come."""
    kept = await kept_by_number(journey.machine, journey.receipt_number)
    return "delivered" if any(k.state == "delivered" for k in kept) else "stored"


def _slip(journey: Journey, state: str, copy: int) -> SlipModel:
    chosen = journey.answers
    kind, subject = text(f"complaint.kind_{chosen['kind']}"), text(f"complaint.subject_{chosen['subject']}")
    contact = same(mask_phone(chosen["contact"])) if chosen["contact"] else text("complaint.is_anonymous")
    return paper(
        journey,
        journey.service,
        "",
        rows=(
            Row(text("complaint.slip_about"), text("complaint.slip_what", kind=kind, subject=subject)),
            Row(text("complaint.contact_label"), contact),
        ),
        receipt_number=journey.receipt_number,
        slip_code=journey.slip_code,
        state=state,
        what_next=(_answered(journey),),
        copy_number=copy,
    )
