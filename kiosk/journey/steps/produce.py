"""Produce: a document made here on a numbered blank, or the person's own one written; paid and the old one in first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Literal

from devices.document_making import Made, MakeEnd
from kiosk import production
from kiosk.cases import CLOCK_RUNS, STOPPED, CaseState, new_id
from kiosk.catalogue.finding import Finding, Path
from kiosk.catalogue.model import About, Condition, Data, Offline, Service, StepSpec, Use
from kiosk.catalogue.rules import ANSWERS, elements
from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.questions import EligibilityQuestion
from kiosk.pages import Action, Answer, Hero, Page
from kiosk.text import NOTHING, Text, text
from kiosk.visit import message

TRIES = 2
GRANTED = CLOCK_RUNS | {CaseState.DECIDED, CaseState.COLLECTED}
Old = Literal["swallow", "cancel", "none"]
Refusal = Literal["no_old", "without", "wrong_document", "kept", "undecided", "unpaid", "no_answer"]
End = Literal["made", "retained", "unknown", "failed", "not_now"] | Refusal
_ASKED_AGAIN = ("no_old", "wrong_document")
_OTHERWISE = {"retained", "unknown", "unpaid", "kept"}
"""Ends with words of their own; of the others it is said what becomes of the money."""
_WORDS = {"endorsement_writer": "endorse", "permit_maker": "permit"}
"""Whose words are not those of a document that is made, and paid for, here."""
_MOUTHLESS = "permit_maker"


class OfChosen(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``name`` is written: what the list ``fact`` says of the ``answer``; its elements are ``answer=value``."""

    name: str
    fact: str
    answer: str

    def said_in(self, facts: Mapping[str, Any], answers: Mapping[str, str]) -> str:
        """The value, "" where the department says none of what was chosen."""
        pairs = (each.partition("=") for each in elements(facts.get(self.fact, "")))
        return next((value for key, _, value in pairs if key and key == answers.get(self.answer)), "")


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``old``: the document of before is put in and kept (``swallow``), void by the filed case (``cancel``), or none.

    ``old_if``: it is put in only by whom all of this is known to hold. ``fields``: what is written besides name and
    number: ``answers.…``, or facts as the department tells them once it has decided. ``pays``: whether the fee is for
    the making, and goes back when nothing comes of it, or for the case, and the counter makes it without another.
    ``of_chosen``: the same of one of several things, such as the car. ``next``: what the slip says then.
    """

    about: ClassVar[About] = About(mark="slip", is_once=True, together="each", pages=0, taps=0)

    what: Literal["licence_printer", "vehicle_licence_printer", "plate_printer", "endorsement_writer", "permit_maker"]
    old: Old = "none"
    old_if: tuple[Condition, ...] | Condition = ()
    fields: tuple[str, ...] = ()
    of_chosen: tuple[OfChosen, ...] = ()
    pays: Literal["making", "case"] = "making"
    next: Text = NOTHING

    @property
    def pays_for(self) -> str:
        """See ``StepSpec``."""
        return self.pays

    @property
    def writes_own(self) -> bool:
        """Whether it is the person's own document that is written."""
        return self.what == "endorsement_writer"

    def uses(self) -> tuple[Use, ...]:
        """What is not made here is made at the counter."""
        return (Use(device=self.what, lost="other_way"),)

    def offline_in(self, service: Service) -> Offline:
        """What the department has decided is written by its own word."""
        del service
        return "goes_on" if self.told_fields else "local"

    @property
    def told_fields(self) -> tuple[str, ...]:
        """What only the department knows of what is written."""
        told = [name for name in self.fields if not name.startswith(ANSWERS)]
        return (*told, *(each.fact for each in self.of_chosen))

    def toil(self) -> tuple[int, int]:
        """Its pages go on by themselves. Who pays for it here does not see the page that says how the case stands."""
        return (-1, -1) if self.pays == "making" else (0, 0)

    def conditions_inside(self) -> Iterator[tuple[Path, Condition]]:
        """Of the old document."""
        rules = (self.old_if,) if isinstance(self.old_if, Condition) else self.old_if
        yield from ((("old_if",), rule) for rule in rules)

    def named(self) -> Iterator[tuple[Path, str]]:
        """What is written."""
        yield from ((("fields", number), name) for number, name in enumerate(self.fields))
        for number, each in enumerate(self.of_chosen):
            yield ("of_chosen", number, "fact"), each.fact
            yield ("of_chosen", number, "answer"), f"{ANSWERS}{each.answer}"

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """Nothing is made for nobody, unpaid, or beside an old one that still counts."""
        before = service.kinds_before(at)
        if "verify" not in before:
            yield Finding((), "nobody has been verified", "put the steps identify and verify before it")
        if service.fees and "pay" not in before:
            yield Finding((), "it would be made unpaid", "put a step pay before it")
        if self.old == "cancel" and "file" not in before:
            yield Finding(("old",), "the old one is not void before the case is filed", "put a step file before it")
        if self.writes_own and self.old != "none":
            yield Finding(("old",), "the person's own document is written, none is old", 'write "none"')
        if self.what == _MOUTHLESS and self.old == "swallow":
            yield Finding(
                ("old",), "it takes no old card in", 'write "cancel", and let the counter take those that are left'
            )


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Make it and hand it out. What cannot be made is told with what becomes of the money, and the slip follows."""
    if journey.filed and journey.state in STOPPED:
        return Outcome.SKIP
    end = _barred(journey)
    while end is None or (end in _ASKED_AGAIN and await _wants_again(journey, spec, end)):
        end = await _tried(journey, spec)
    return await _tell_end(journey, spec, end)


def _barred(journey: Journey) -> End | None:
    """Nothing is made for a case that is not granted, nor unpaid."""
    if journey.filed and journey.state not in GRANTED:
        return "undecided"
    is_unpaid = journey.pays_here and journey.fees_due() and journey.case_id not in journey.visit.paid
    return "unpaid" if is_unpaid else None


async def _tried(journey: Journey, spec: Spec) -> End:
    """Once from the look at the device to the document in the person's hand."""
    machine = journey.machine
    device = machine.peripherals.chosen(spec.what)
    if await _behind(journey, spec, "looking", partial(production.clear, machine, device)):
        return "not_now"
    facts = await _behind(journey, spec, "looking", partial(_decided, journey, spec))
    if facts is None:
        return "no_answer"
    has_own = spec.writes_own or _swallows(journey, spec)
    refused = await _put_in(journey, spec, device) if has_own else None
    if refused:
        return refused
    swallow = partial(production.swallow, machine, device)
    if _swallows(journey, spec) and not await _behind(journey, spec, "old_kept", swallow):
        return await _given_back(journey, spec, device, "failed")
    intent, made = await _write_document(journey, spec, device, facts)
    if made.end is MakeEnd.WRITTEN:
        return await _handed_out(journey, spec, device, intent)
    if made.end is MakeEnd.UNKNOWN:
        return "unknown"
    end: End = "wrong_document" if made.reason == "wrong_document" else "failed"
    return await _given_back(journey, spec, device, end) if spec.writes_own else end


def _swallows(journey: Journey, spec: Spec) -> bool:
    return spec.old == "swallow" and all(journey.is_known(rule) for _, rule in spec.conditions_inside())


async def _put_in(journey: Journey, spec: Spec, device: str) -> End | None:
    """None when the person's document is inside. Whoever wants to go without it says so."""
    work = partial(production.put_in, journey.machine, device, journey.case_id)
    done = await journey.visit.show_while(_put_page(journey, spec), work)
    if isinstance(done, Answer):
        # It may have come at the last moment.
        return await _given_back(journey, spec, device, "without")
    return None if done else "no_old"


def _put_page(journey: Journey, spec: Spec) -> Page:
    hero = Hero(icon="identification-card", level="info", title=_said(spec, "old"), lead=_said(spec, "old_lead"))
    not_now = Action(id="without", label=text("produce.without"), style="secondary")
    return journey.page("produce_old", _said(spec, "title"), hero, actions=(not_now,), timeout_s=0)


async def _given_back(journey: Journey, spec: Spec, device: str, end: End) -> End:
    page = _taking(journey, spec, text("produce.back"), text("produce.back_lead"))
    is_back = await journey.visit.show_while(page, partial(production.give_back, journey.machine, device))
    return end if is_back else "kept"


async def _write_document(journey: Journey, spec: Spec, device: str, facts: Mapping[str, Any]) -> tuple[int, Made]:
    """What nobody may stop in the middle runs behind a page without a way out."""
    intent, made, fields = 0, Made(MakeEnd.NOT_WRITTEN, ""), _fields(journey, spec, facts)
    for _ in range(TRIES):
        work = partial(production.write, journey.machine, device, journey.case_id, fields, new_id())
        intent, made = await _behind(journey, spec, "making", work)
        if made.end not in (MakeEnd.VOIDED, MakeEnd.NOT_WRITTEN) or made.reason == "wrong_document":
            break
    return intent, made


async def _decided(journey: Journey, spec: Spec) -> Mapping[str, Any] | None:
    """The department's facts since its decision, such as a new last day; None when it does not tell them."""
    if not spec.told_fields or not journey.filed:
        return journey.facts
    number = journey.visit.card.number if journey.visit.card else ""
    reply = await journey.ask("eligibility", EligibilityQuestion(journey.service.key, number))
    return reply.payload.facts if isinstance(reply, Answered) else None


def _fields(journey: Journey, spec: Spec, facts: Mapping[str, Any]) -> dict[str, str]:
    card = journey.visit.card
    known = {"name": card.shown_name, "number": card.number} if card else {}
    known["case"] = journey.receipt_number
    all_of_it = {**facts} | {f"{ANSWERS}{name}": value for name, value in journey.answers.items()}
    wanted = {name: all_of_it[name] for name in spec.fields if name in all_of_it}
    known |= {name.removeprefix(ANSWERS): str(value) for name, value in wanted.items()}
    chosen = {each.name: each.said_in(facts, journey.answers) for each in spec.of_chosen}
    return known | {name: value for name, value in chosen.items() if value}


async def _handed_out(journey: Journey, spec: Spec, device: str, intent: int) -> End:
    page = _taking(journey, spec, _said(spec, "take"), _said(spec, "take_lead"))
    work = partial(production.hand_out, journey.machine, device, intent, journey.case_id)
    ends: dict[Any, End] = {"produced": "made", "retained": "retained"}
    return ends.get(await journey.visit.show_while(page, work), "unknown")


def _taking(journey: Journey, spec: Spec, title: Text, lead: Text) -> Page:
    take = Hero(icon="hand-pointing", level="ok", title=title, lead=lead)
    return journey.page("produce_take", _said(spec, "title"), take, actions=(), timeout_s=0)


async def _behind(journey: Journey, spec: Spec, words: str, work: partial) -> Any:
    done = await journey.visit.show_while(_busy(journey, spec, words), work)
    if isinstance(done, Answer):
        raise TypeError("a page without a way out was answered")
    return done


def _busy(journey: Journey, spec: Spec, words: str) -> Page:
    hero = Hero(icon="identification-card", level="info", title=_said(spec, words), lead=_said(spec, "wait"), busy=True)
    return journey.page("producing", _said(spec, "title"), hero, actions=(), timeout_s=0)


def _said(spec: Spec, words: str) -> Text:
    """Words of the device that is meant."""
    return text(f"{_WORDS.get(spec.what, 'produce')}.{'no_old' if words == 'without' else words}")


async def _wants_again(journey: Journey, spec: Spec, end: End) -> bool:
    """Whether the person wants to put it in once more."""
    return (await journey.visit.show(_again_page(journey, spec, end))).action == "again"


def _again_page(journey: Journey, spec: Spec, end: End) -> Page:
    hero = Hero(icon="warning-circle", level="warn", title=_said(spec, end), lead=text("produce.again_lead"))
    without = Action(id="without", label=text("produce.without"), style="secondary")
    again = Action(id="again", label=text("produce.again"), style="primary")
    return journey.page("produce_again", _said(spec, "title"), hero, actions=(without, again))


async def _tell_end(journey: Journey, spec: Spec, end: End) -> Outcome:
    """What is true now, on the page and on the slip; what was paid for nothing goes back when the visit is over."""
    if end == "made":
        journey.what_next = spec.next or _said(spec, "next")
        return Outcome.NEXT
    if end in ("retained", "unknown"):
        journey.what_next = _said(spec, f"{end}_lead")
    journey.pays_back = spec.pays == "making" and end not in ("retained", "unknown")
    await journey.visit.tell(_ended_page(journey, spec, end))
    return Outcome.NEXT if journey.filed else Outcome.LEAVE


def _ended_page(journey: Journey, spec: Spec, end: End) -> Page:
    guide = Action(id="call_guide", label=text("settings.call_guide"), style="secondary", icon="headset")
    go_on = Action(id="continue", label=text("action.ok"), style="primary")
    lead = _said(spec, f"{end}_lead") if end in _OTHERWISE else _money(journey, spec)
    return message("not_produced", "warning-circle", "warn", _said(spec, end), lead, guide, go_on)


def _money(journey: Journey, spec: Spec) -> Text:
    if spec.pays == "case":
        return _said(spec, "counter")
    return text("produce.money_back") if journey.case_id in journey.visit.paid else text("produce.no_money")
