"""File: one durable transaction; from its return on the case is kept. Then the truth about how far it has come."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import ClassVar

import trio

from kiosk.cases import CLOCK_RUNS, CaseState
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Service, StepSpec
from kiosk.journey.applicant import applicant_of
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.reasons import sentence
from kiosk.kept import owner_mark, paper_mark
from kiosk.messages.content import Applicant, CaseForm, encode_content
from kiosk.pages import Action, Block, Fact, Facts, Hero, Page, Receipt
from kiosk.slips.second_copy import second_copy
from kiosk.text import NOTHING, Text, text
from kiosk.visit import FiledCase

FOLLOW_S = 12.0
"""How long the person is asked to wait for the department's word before the slip prints what is proved so far."""


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(mark="slip", offline="goes_on", files=True, adds=("form",), is_once=True)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """A case has an applicant."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody has said who they are", "put a step identify before it")


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Seal, store, and follow the case for a moment. The page never says more than is proved."""
    await _store(journey)
    journey.filed = True
    journey.visit.filed.append(FiledCase(journey.case_id, journey.receipt_number, journey.service.key))
    await _follow(journey)
    answer = await journey.visit.show(_result_page(journey))
    return Outcome.NEXT if answer.action == "next" else Outcome.LEAVE


async def _store(journey: Journey) -> None:
    """One transaction. Plain bytes live only inside this call."""
    form = _form(journey, await applicant_of(journey.visit))
    filed = await journey.machine.filing.file(
        kind="case",
        key=journey.case_id,
        case_id=journey.case_id,
        receipt_number=journey.receipt_number,
        parts={"form": encode_content(form)} | journey.parts,
        mark=await owner_mark(journey.machine, journey.visit.card) if journey.visit.card else b"",
        paper_mark=await paper_mark(journey.slip_code),
    )
    journey.second_copy = second_copy(
        form,
        filed,
        key=journey.case_id,
        case_id=journey.case_id,
        identity=journey.machine.identity,
        seal_key=journey.machine.hub_keys.keys.seal_key,
    )
    journey.machine.publish("case", case_id=journey.case_id, service=journey.service.key, state=CaseState.STORED)


def _form(journey: Journey, applicant: Applicant) -> CaseForm:
    identity = journey.visit.identity
    if identity is None:
        raise RuntimeError("a case needs a verified person")
    return CaseForm(
        service=journey.service.key,
        catalogue_version=journey.machine.catalogue.version,
        receipt_number=journey.receipt_number,
        applicant=applicant,
        answers=dict(journey.answers),
        identity=identity,
        filed_at=journey.machine.clock.now(),
        offline=journey.offline,
        language=journey.visit.settings.language,
        slip_code=journey.slip_code,
    )


async def _follow(journey: Journey) -> None:
    """Wait for the hub's receipt and the department's word, as long as it makes sense and the person wants to."""
    if not journey.machine.link.online:
        journey.offline = True
        return
    page = functools.partial(_following_page, journey)

    async def follow() -> None:
        with trio.move_on_after(FOLLOW_S):
            while CaseState.before_acceptance(journey.state):
                word = await journey.machine.watch.next_word(journey.receipt_number, journey.state)
                if word is None:
                    journey.offline = True
                    return
                journey.state, journey.notes = word.state, word.notes
                journey.promised_on, journey.promised_by = word.promised_on, word.promised_by
                journey.visit.update(page())

    await journey.visit.show_while(page(), follow)


def _following_page(journey: Journey) -> Page:
    stored = journey.state is CaseState.STORED
    hero = Hero(
        icon="paper-plane-tilt" if stored else "hourglass-medium",
        level="info",
        title=text("file.stored_title"),
        lead=text("file.sending") if stored else text("file.delivered"),
        busy=True,
    )
    skip = Action(id="next", label=text("file.do_not_wait"), style="secondary")
    return journey.page("filing", text("file.title"), hero, actions=(skip,), timeout_s=0)


def _result_page(journey: Journey) -> Page:
    """What is true now, the number, and what happens next."""
    receipt = Receipt(
        label=text("result.number"),
        number=journey.receipt_number,
        qr=journey.receipt_number,
        note=text("result.keep"),
    )
    leave = Action(id="leave", label=text("result.no_slip"), style="secondary")
    exit_ = journey.bar(NOTHING, back=False)[0]
    blocks = (*_result_blocks(journey), receipt)
    return journey.page("result", text("result.title"), *blocks, actions=(exit_, leave, *_print_action()))


def _result_blocks(journey: Journey) -> tuple[Block, ...]:
    state, service = journey.state, journey.service
    if CaseState.before_acceptance(state):
        name = "stored" if journey.offline or state is CaseState.STORED else "delivered"
        return (_result_hero(text(f"result.{name}"), service.what_next_offline),)
    if state in CLOCK_RUNS:
        promise = Fact(label=text("result.promised"), value=_promised(journey))
        return _result_hero(text("result.accepted"), service.what_next), Facts(rows=(promise,))
    if state in (CaseState.DECIDED, CaseState.COLLECTED):
        return (_result_hero(text(f"state.{state}"), service.what_next),)
    title = text("result.not_accepted") if state is CaseState.NOT_ACCEPTED else text(f"state.{state}")
    hero = Hero(icon="x-circle", level="warn", title=title, lead=text("result.not_accepted_lead"))
    why = [sentence(service, code) for code in journey.notes] or [text("reason.none")]
    return hero, Facts(rows=tuple(Fact(label=text("result.reason"), value=each) for each in why))


def _result_hero(title: Text, lead: Text) -> Hero:
    return Hero(icon="check-circle", level="ok", title=title, lead=lead)


def _promised(journey: Journey) -> Text:
    return journey.promise() or text("result.no_date")


def _print_action() -> tuple[Action, ...]:
    return (Action(id="next", label=text("result.print"), style="primary", icon="printer"),)
