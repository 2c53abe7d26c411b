"""Certificate 证明: fetches the sealed paper of the case that was filed, checks its seal, and prints it.

The machine draws no seal and prints nothing that it cannot verify. When there is no paper to print, the same neutral
words stand on the screen whatever the reason is: others can read it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import structlog

from devices.page_printer.job import Outcome as Pages
from kiosk.cases import STOPPED
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Service, StepSpec, Use
from kiosk.hub_link.client import Answered
from kiosk.journey.a4 import PRINTER, print_pages
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.certificates import BadSeal, Statement, read_sealed
from kiosk.messages.encoding import InvalidMessage, from_text
from kiosk.messages.masking import mask_name
from kiosk.messages.questions import CertificateAnswer, CertificateQuestion
from kiosk.pages import Action, Answer, Fact, Facts, Hero
from kiosk.printing import print_sheet
from kiosk.slips.model import Row, Section
from kiosk.text import NOTHING, same, text
from kiosk.threads import in_thread
from kiosk.visit import message

log = structlog.get_logger()


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own: the paper is that of the case."""

    about: ClassVar[About] = About(
        mark="result",
        offline="goes_on",
        devices=(Use(device=PRINTER, lost="other_way"), Use(device="receipt_printer", lost="goes_on")),
        is_free=True,
        is_once=True,
        together="each",
        # Its page stands in the place of that of file.
        pages=0,
    )

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """A paper belongs to a case."""
        if "file" not in service.kinds_before(at):
            yield Finding((), "a certificate belongs to a case", "put a step file before it")


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Ask, verify, print. A case that was refused at once has no paper, and its page has said why."""
    if journey.state in STOPPED:
        return Outcome.SKIP
    card = journey.visit.card
    question = CertificateQuestion(journey.service.key, card.number if card else "", journey.case_id)
    hero = Hero(
        icon="certificate",
        level="info",
        title=text("certificate.asking"),
        lead=text("certificate.asking_lead"),
        busy=True,
    )
    page = journey.page("checking", journey.service.name, hero, actions=journey.bar(NOTHING, back=False), timeout_s=0)
    reply = await journey.visit.show_while(page, lambda: journey.ask("certificate", question))
    if isinstance(reply, Answer):
        return Outcome.NEXT
    if not isinstance(reply, Answered):
        # The case is filed, so the way to its slip goes on.
        return await _tell_unprinted(journey, "later", "warn")
    if reply.payload.state != "ready":
        return await _tell_unprinted(journey, "window", "info")
    try:
        pdf = from_text(reply.payload.pdf, "pdf")
        statement = await _verified(journey, pdf, reply.payload)
    except (BadSeal, InvalidMessage) as error:
        log.error("certificate_refused", service=journey.service.key, reason=error.reason)
        journey.machine.alarm("certificate_refused", error.reason)
        return await _tell_unprinted(journey, "unverified", "warn")
    return await _hand_over(journey, pdf, statement)


async def _verified(journey: Journey, pdf: bytes, told: CertificateAnswer) -> Statement:
    """The statement under the seal, if it is this department's, for this person, of this service. Raises BadSeal."""
    machine, card = journey.machine, journey.visit.card
    trusted, now = machine.hub_keys.keys.trusted, machine.clock.now()
    statement = await in_thread(lambda: read_sealed(pdf, trusted, now))
    if statement.department != journey.service.department:
        raise BadSeal("wrong_signer")
    said = (statement.id_number, statement.service, statement.number, statement.code)
    if card is None or said != (card.number, journey.service.key, told.number, told.code):
        raise BadSeal("other_certificate")
    return statement


async def _tell_unprinted(journey: Journey, name: str, level: str) -> Outcome:
    icon = "envelope-simple" if name == "window" else "warning-circle"
    words = text(f"certificate.{name}"), text(f"certificate.{name}_lead")
    await journey.visit.tell(message(f"certificate_{name}", icon, level, *words))
    return Outcome.NEXT


async def _hand_over(journey: Journey, pdf: bytes, statement: Statement) -> Outcome:
    """The page with number and code; printed on A4 where there is a printer, else number and code on a sheet."""
    name = mask_name(journey.visit.card.name) if journey.visit.card else ""
    rows = (
        Fact(label=text("certificate.name"), value=same(name)),
        Fact(label=text("certificate.seal"), value=text("certificate.seal_valid")),
        Fact(label=text("certificate.number"), value=same(statement.number)),
        Fact(label=text("certificate.code"), value=same(statement.code)),
        Fact(label=text("certificate.issued_on"), value=same(statement.issued_on.isoformat())),
    )
    print_it = Action(id="print", label=text("certificate.print"), style="primary", icon="printer")
    done = Action(id="next", label=text("action.done"), style="secondary")
    while True:
        page = journey.page(
            "certificate",
            text("certificate.ready"),
            Facts(rows=rows),
            lead=text("certificate.ready_lead"),
            actions=(journey.bar()[0], done, print_it),
        )
        if (await journey.visit.show(page)).action != "print":
            return Outcome.NEXT
        if await print_pages(journey.machine, pdf, f"{journey.case_id}-A4") is Pages.PRINTED:
            return await _printed(journey)
        note = Section(sentences=(text("certificate.slip_note"),))
        told = Section(rows=tuple(Row(row.label, row.value) for row in rows))
        await print_sheet(journey.visit, text("certificate.slip_title"), journey.service, [told, note])


async def _printed(journey: Journey) -> Outcome:
    words = text("certificate.printed"), text("certificate.printed_lead")
    await journey.visit.tell(message("certificate_printed", "printer", "ok", *words))
    return Outcome.NEXT
