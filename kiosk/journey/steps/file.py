"""File: one durable transaction; from its return on the case is kept. Then the truth about how far it has come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import trio
from msgspec import structs

from kiosk.cases import CLOCK_RUNS, STOPPED, CaseState, new_id, unbroken
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Service, StepSpec
from kiosk.hub_link.filing import ToFile
from kiosk.journey import second
from kiosk.journey.applicant import applicant_of
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.kept import owner_mark, paper_mark
from kiosk.journey.reasons import sentence
from kiosk.journey.steps.delivery import what_next
from kiosk.journey.steps.slip import goes_back, said_rows
from kiosk.journey.whole import Whole
from kiosk.messages.content import POSTED_CASE, Applicant, CaseForm, Delivery, PostAddress, encode_content
from kiosk.messages.encoding import decode
from kiosk.pages import Action, Answer, Block, Fact, Facts, Hero, Level, Page, Receipt
from kiosk.slips.second_copy import second_copy
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import FiledCase

_POST = "delivery"
"""The part with the address."""
_RESULTS = frozenset({"certificate", "produce", "locker"})
FOLLOW_S = 12.0
"""How long the person is asked to wait for the department's word before the slip prints what is proved so far."""

SHOWN_S = 15.0
"""How long the numbers of several services stand before their slip prints by itself."""


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(
        mark="slip", offline="goes_on", files=True, adds=("form",), is_once=True, together="once"
    )

    def toil_together(self) -> tuple[int, int]:
        """When all is accepted its page goes on by itself."""
        return 0, 0

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """A case has an applicant, and nothing is filed for whom nobody has compared with their picture."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody has said who they are", "put a step identify before it")
        elif "verify" not in service.kinds_before(at):
            yield Finding((), "nobody has been verified", "put a step verify before it")
        elif all(spec.conditions for spec in service.steps[:at] if spec.kind == "verify"):
            yield Finding((), "some have not been verified: verify has an only_if", "take it out")


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Seal, store, and follow the case for a moment. The page never says more than is proved."""
    await _store(journey, [journey])
    await _follow(journey, [journey])
    if journey.state in CLOCK_RUNS and _kinds_after(journey) & _RESULTS:
        # What is printed or made is the result, or says where it is: no page in between.
        return Outcome.NEXT
    answer = await journey.visit.show(_result_page(journey))
    return Outcome.NEXT if answer.action == "next" else Outcome.LEAVE


async def together(whole: Whole, _spec: Spec) -> Outcome:
    """Every part as a case of its own, all in one transaction, and one page that says how far each has come."""
    whole.settle()
    parts = [part for part in whole.going if part.receipt_number and part.service.has_step("file")]
    await _store(whole, parts)
    await _follow(whole, parts)
    answer = await _shown(whole, parts)
    return Outcome.NEXT if answer is None or answer.action == "next" else Outcome.LEAVE


async def _shown(whole: Whole, parts: Sequence[Journey]) -> Answer | None:
    """How far each has come; where all is well the slip follows by itself (None), else the person reads first."""
    page = _results_page(whole, parts)
    if whole.refused or any(part.state not in CLOCK_RUNS for part in parts) or "slip" not in _kinds_after(whole):
        return await whole.visit.show(page)
    return await whole.visit.show_while(structs.replace(page, timeout_s=0), partial(trio.sleep, SHOWN_S))


async def _store(whole: Journey, journeys: Sequence[Journey]) -> None:
    """One transaction, and at once everybody who speaks of it knows. Plain bytes live only inside this call."""
    forms = [_form(journey, await applicant_of(journey.visit)) for journey in journeys]
    machine = journeys[0].machine
    messages = [await _message(journey, form) for journey, form in zip(journeys, forms, strict=True)]
    filing = machine.filing
    messages += [
        _delivery(journey, form) for journey, form in zip(journeys, forms, strict=True) if _POST in journey.parts
    ]
    kept = [await filing.file(**messages[0]._asdict())] if len(messages) == 1 else await filing.file_all(messages)
    whole.filed = True
    for journey in journeys:
        journey.filed = True
        journey.visit.filed.append(FiledCase(journey.case_id, journey.receipt_number, journey.service.key))
        machine.publish("case", case_id=journey.case_id, service=journey.service.key, state=CaseState.STORED)
    for journey, form, filed in zip(journeys, forms, kept, strict=False):  # The deliveries follow the cases.
        journey.second_copy = second_copy(
            form,
            filed,
            key=journey.case_id,
            case_id=journey.case_id,
            identity=machine.identity,
            seal_key=machine.hub_keys.keys.seal_key,
        )


async def _message(journey: Journey, form: CaseForm) -> ToFile:
    card, said = journey.visit.card, journey.parts | second.part_of(journey.visit)
    return ToFile(
        kind="case",
        key=journey.case_id,
        case_id=journey.case_id,
        receipt_number=journey.receipt_number,
        parts={"form": encode_content(form)} | {name: data for name, data in said.items() if name != _POST},
        mark=await owner_mark(journey.machine, card) if card else b"",
        paper_mark=await paper_mark(journey.slip_code),
    )


def _delivery(journey: Journey, form: CaseForm) -> ToFile:
    """Whereto it is posted, as a message of its own: whoever works on the case does not see the address."""
    case_key = journey.answers.get(POSTED_CASE, journey.case_id)
    content = Delivery(case_key, form.applicant.number, decode(journey.parts[_POST], PostAddress))
    parts = {"form": encode_content(content)}
    return ToFile(kind="delivery", key=new_id(), case_id=journey.case_id, receipt_number=None, parts=parts)


def _form(journey: Journey, applicant: Applicant) -> CaseForm:
    identity = journey.visit.identity
    if identity is None:
        raise RuntimeError("a case needs a verified person")
    return CaseForm(
        service=journey.service.key,
        catalogue_version=journey.machine.catalogue.version,
        receipt_number=journey.receipt_number,
        applicant=applicant,
        answers=journey.answers | second.answer_of(journey.visit),
        identity=structs.replace(identity, without_card=journey.visit.without_card),
        filed_at=journey.machine.clock.now(),
        offline=journey.offline,
        language=journey.visit.settings.language,
        slip_code=journey.slip_code,
        **_bundle(journey),
    )


def _bundle(journey: Journey) -> dict[str, Any]:
    """What a case says of those that are filed with it; of one that is filed alone nothing."""
    whole = journey.whole
    if not isinstance(whole, Whole):
        return {}
    rests_on = tuple(part.case_id for part in whole.before(journey.service.key))
    said = {"bundle_key": whole.bundle_key, "rests_on": rests_on}
    return {"bundle": whole.receipt_number, **{name: value for name, value in said.items() if value}}


async def _follow(journey: Journey, cases: Sequence[Journey]) -> None:
    """Wait for the hub's receipts and the departments' words, as long as it makes sense and the person wants to."""
    if not journey.machine.link.online:
        for each in (journey, *cases):
            each.offline = True
        return
    page = partial(_following_page, journey)

    async def follow(case: Journey) -> None:
        while CaseState.before_acceptance(case.state):
            word = await case.machine.watch.next_word(case.receipt_number, case.state)
            if word is None:
                case.offline = journey.offline = True
                return
            case.state, case.notes = word.state, word.notes
            case.promised_on, case.promised_by = word.promised_on, word.promised_by
            journey.state = min((each.state for each in cases), key=list(CaseState).index)
            journey.visit.update(page())

    async def follow_all() -> None:
        with trio.move_on_after(FOLLOW_S):
            async with trio.open_nursery() as nursery:
                for case in cases:
                    nursery.start_soon(follow, case)

    await journey.visit.show_while(page(), follow_all)


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
    exit_ = journey.bar(NOTHING, back=False)[0]
    blocks = (*_result_blocks(journey), receipt)
    return journey.page("result", text("result.title"), *blocks, actions=(exit_, *_ways_on(journey)))


def _results_page(whole: Whole, parts: Sequence[Journey]) -> Page:
    """The same for several: how each of them stands, and the one number of all."""
    level: Level = "ok" if all(part.state not in STOPPED for part in parts) else "warn"
    hero = Hero(icon="check-circle", level=level, title=text("together.filed", n=len(parts)), lead=_stands(whole))
    rows = [Fact(label=text("together.number"), value=same(unbroken(whole.receipt_number)))]
    for part in parts:
        rows.append(Fact(label=part.service.name, value=_how(part)))
        rows += _said_facts(part) if part.state not in STOPPED else ()
    rows += [Fact(label=service.name, value=text("together.left_out")) for service in whole.refused]
    number = parts[0].receipt_number
    receipt = Receipt(label=text("result.number"), number=number, qr=number, note=text("result.keep"))
    exit_ = whole.bar(NOTHING, back=False)[0]
    blocks = (hero, Facts(rows=tuple(rows)), receipt)
    return whole.page("result", text("result.title"), *blocks, actions=(exit_, *_to_slip()))


def _stands(whole: Whole) -> Text:
    return text("together.filed_offline" if whole.offline else "together.filed_lead")


def _how(part: Journey) -> Text:
    """How one part stands, with its promised date or the reasons against it."""
    word = text(f"state.{part.state}")
    if part.state in CLOCK_RUNS and part.promised_on is not None:
        return text("together.stands", state=word, more=_promised(part))
    why = [sentence(part.service, code) for code in part.notes] if part.state in STOPPED else []
    return text("together.stands", state=word, more=why[0]) if why else word


def _result_blocks(journey: Journey) -> tuple[Block, ...]:
    state, service = journey.state, journey.service
    if CaseState.before_acceptance(state):
        name = "stored" if journey.offline or state is CaseState.STORED else "delivered"
        return _result_hero(text(f"result.{name}"), service.what_next_offline), *_said_on_paper(journey)
    if state in CLOCK_RUNS:
        promise = Fact(label=text("result.promised"), value=_promised(journey))
        rows = (promise, *_said_facts(journey))
        return _result_hero(text("result.accepted"), what_next(journey)), Facts(rows=rows)
    if state in (CaseState.DECIDED, CaseState.COLLECTED):
        return _result_hero(text(f"state.{state}"), what_next(journey)), *_said_on_paper(journey)
    title = text("result.not_accepted") if state is CaseState.NOT_ACCEPTED else text(f"state.{state}")
    lead = text("result.not_accepted_paid" if goes_back(journey) else "result.not_accepted_lead")
    hero = Hero(icon="x-circle", level="warn", title=title, lead=lead)
    why = [sentence(service, code) for code in journey.notes] or [text("reason.none")]
    return hero, Facts(rows=tuple(Fact(label=text("result.reason"), value=each) for each in why))


def _said_on_paper(journey: Journey) -> tuple[Block, ...]:
    """What its paper says besides, for whoever takes none: when and where, which number, whereto."""
    rows = _said_facts(journey)
    return (Facts(rows=rows),) if rows else ()


def _said_facts(journey: Journey) -> tuple[Fact, ...]:
    return tuple(Fact(label=row.label, value=row.value) for row in said_rows(journey))


def _result_hero(title: Text, lead: Text) -> Hero:
    return Hero(icon="check-circle", level="ok", title=title, lead=lead)


def _promised(journey: Journey) -> Text:
    return journey.promise() or text("result.no_date")


def _ways_on(journey: Journey) -> tuple[Action, ...]:
    """To the slip, or away; where the service gives something first, to that: nobody leaves without it by mistake."""
    if _kinds_after(journey) - {"slip", "rate"} and journey.state not in STOPPED:
        return (Action(id="next", label=text("action.next"), style="primary"),)
    return _to_slip()


def _kinds_after(journey: Journey) -> set[str]:
    return {journey.service.steps[at].kind for at in journey.asked() if at > journey.position}


def _to_slip() -> tuple[Action, ...]:
    return (
        Action(id="leave", label=text("result.no_slip"), style="secondary"),
        Action(id="next", label=text("result.print"), style="primary", icon="printer"),
    )
