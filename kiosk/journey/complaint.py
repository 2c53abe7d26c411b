"""Complaint 投诉建议: to supervision, not to the unit complained of. Anonymous if wished; a number; works offline."""

from __future__ import annotations

import msgspec

from kiosk.cases import grouped
from kiosk.catalogue.model import StepSpec
from kiosk.journey.engine import About, Journey, Outcome
from kiosk.messages.content import Complaint, encode_content
from kiosk.pages import Action, Choice, Choices, Field, Notice, Receipt
from kiosk.refusals import not_filed
from kiosk.text import NOTHING, text
from kiosk.visit import message
from offline_cache.errors import StoreError

ABOUT = About(mark="", offline="goes on: the complaint is kept in the outbox")
KINDS = ("complaint", "report", "suggestion", "praise")
SUBJECTS = ("attitude", "delay", "fee", "machine", "refused", "other")
_PHONE = 11


async def step(journey: Journey, _spec: StepSpec) -> Outcome:
    """Kind, subject, contact or anonymous, number."""
    kind = await _choice(journey, "complaint_kind", "kind", KINDS)
    if not kind:
        return Outcome.BACK
    subject = await _choice(journey, "complaint_subject", "subject", SUBJECTS)
    if not subject:
        return await step(journey, _spec)
    contact = await _contact(journey)
    if contact is None:
        return await step(journey, _spec)
    content = said(journey, kind, subject, contact)
    try:
        await journey.machine.filing.file(
            kind="complaint",
            key=journey.case_id,
            case_id=journey.case_id,
            receipt_number=journey.receipt_number,
            parts={"form": encode_content(content)},
        )
    except StoreError as error:
        await journey.visit.tell(not_filed(error))
        return Outcome.LEAVE
    journey.filed = True
    await _thanks(journey)
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
    )


async def _choice(journey: Journey, page_kind: str, name: str, options: tuple[str, ...]) -> str:
    error = NOTHING
    phone = journey.machine.catalogue.complaint_phone
    while True:
        choices = Choices(
            name=name,
            label=NOTHING,
            error=error,
            options=tuple(Choice(id=o, label=text(f"complaint.{name}_{o}")) for o in options),
        )
        note = Notice(level="info", icon="phone", text=text("complaint.phone", phone=phone))
        page = journey.page(
            page_kind, text(f"complaint.{name}_title"), choices, note, lead=text(f"complaint.{name}_lead")
        )
        answer = await journey.visit.show(page)
        if answer.action == "back":
            return ""
        if answer.values.get(name) in options:
            return str(answer.values[name])
        error = text("choose.none")


async def _contact(journey: Journey) -> str | None:
    """A phone number, "" for anonymous, None for back."""
    error, value = NOTHING, ""
    while True:
        field = Field(
            name="phone",
            label=text("complaint.contact_label"),
            keys="phone",
            value=value,
            error=error,
            max_length=_PHONE,
        )
        back, send = journey.bar(text("action.send"))[1:]
        anonymous = Action(id="anonymous", label=text("complaint.anonymous"), style="secondary", icon="mask-happy")
        page = journey.page(
            "complaint_contact",
            text("complaint.contact_title"),
            field,
            lead=text("complaint.contact_lead"),
            actions=(back, anonymous, send),
        )
        answer = await journey.visit.show(page)
        if answer.action == "back":
            return None
        if answer.action == "anonymous":
            return ""
        value = str(answer.values.get("phone", ""))
        if len(value) == _PHONE and value.isdigit():
            return value
        error = text("complaint.contact_wrong")


async def _thanks(journey: Journey) -> None:
    number = journey.receipt_number
    receipt = Receipt(label=text("complaint.number"), number=number, qr=number, note=text("complaint.keep"))
    page = message(
        "complaint_done",
        "check-circle",
        "ok",
        text("complaint.thanks"),
        text("complaint.thanks_lead", number=grouped(number)),
        service=journey.service.key,
    )
    await journey.visit.show(msgspec.structs.replace(page, blocks=(*page.blocks, receipt)))
