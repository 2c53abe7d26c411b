"""Runs one service for one visit: order, conditions, back, skip and the edges that every step has.

A step kind is one file of ``steps/`` with a ``Spec``, ``async def step(journey, spec) -> Outcome`` and, where it asks
for something, ``async def review_rows(journey, spec) -> list[Fact]``; the engine finds it by the kind's name and knows
none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from functools import partial
from typing import Any

import structlog
from msgspec.structs import replace

from kiosk.cases import CaseState, new_id, new_slip_code, unbroken
from kiosk.catalogue.kinds import kind_named
from kiosk.catalogue.model import FEN, Condition, Fee, Service, StepSpec
from kiosk.catalogue.rules import MACHINE, card_facts, elements, fees_due, holds, is_asked, limits_for, said_as_facts
from kiosk.handover import Begun, alone
from kiosk.health import device_away, files
from kiosk.hub_link.client import Answered, Refused, Unreachable
from kiosk.journey import without_slip
from kiosk.journey.half_done import HalfDone, taken_up
from kiosk.journey.promise import promise_words
from kiosk.logs import place_of
from kiosk.machine import Machine
from kiosk.pages import Action, Block, Fact, Hero, Page, StepMark
from kiosk.refusals import not_filed
from kiosk.slips.second_copy import SecondCopy
from kiosk.text import NOTHING, Text, text
from kiosk.visit import KEEP, Visit, VisitEnded, joined, message
from offline_cache.errors import StoreError

log = structlog.get_logger()
_MOST_VALUES = 20
"""Of one fact on one page: more cars than anybody chooses among."""


class Outcome(Enum):
    """How a step ended. SKIP is NEXT for a step that showed nothing, so that "back" passes over it.

    OFFLINE: the city did not answer; whether the journey goes on without it is the engine's to say.
    """

    NEXT = "next"
    SKIP = "skip"
    BACK = "back"
    LEAVE = "leave"
    OFFLINE = "offline"


@dataclass
class Record:
    """What one step has left: answers with their words, and parts of what will be filed, by name."""

    answers: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Text] = field(default_factory=dict)
    parts: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Journey:
    """One service inside a visit. The ids exist from the first step on and never change.

    ``records`` is what each step has left, by its place; ``trail`` the places that "back" leads through, ``facts`` what
    the department said.
    """

    visit: Visit
    service: Service
    case_id: str
    receipt_number: str = ""
    slip_code: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    records: dict[int, Record] = field(default_factory=dict)
    trail: list[int] = field(default_factory=list)
    bound_at: int | None = None
    """The step behind which "back" does not lead: what was done there, a payment, is not undone by going back."""
    position: int = 0
    changing: int | None = None
    offline: bool = False
    filed: bool = False
    state: CaseState = CaseState.STORED
    promised_on: date | None = None
    promised_by: str = ""
    notes: tuple[str, ...] = ()
    second_copy: SecondCopy | None = None
    what_next: Text = NOTHING
    """What is next after what this machine has done itself, in place of the service's own words."""
    pays_back: bool = False
    whole: Journey | None = None
    """The plan of which this is a part; None when it is done alone."""

    @property
    def machine(self) -> Machine:
        return self.visit.machine

    @property
    def spec(self) -> StepSpec | None:
        """The step that is asked now; None after the last."""
        steps = self.service.steps
        return steps[self.position] if self.position < len(steps) else None

    def promise(self) -> Text:
        """The date that the department promised, in words; nothing without one."""
        if self.promised_on is None:
            return NOTHING
        service, today = self.service, self.machine.clock.today()
        law, promise = limits_for(service, self._judged()[1], today)
        return promise_words(self.promised_on, today, promise, law=law, by=self.promised_by)

    @property
    def begun(self) -> Begun:
        """What is done here, so that it can be left for another machine."""
        return alone(self.service)

    @property
    def services(self) -> tuple[Service, ...]:
        """What is done here."""
        return (self.service,)

    @property
    def going(self) -> Sequence[Journey]:
        """What is done here, each service by itself."""
        return [self]

    @property
    def may_lack_card(self) -> bool:
        """Whether it can be begun by who has lost the card."""
        return self.service.applicant.without_card

    @property
    def numbers(self) -> tuple[str, ...]:
        """What the city can look up once it is filed."""
        return (self.receipt_number,)

    def values_of(self, fact: str) -> list[str]:
        """What the department knows several of, each once."""
        return elements(self.facts.get(fact, ""))[:_MOST_VALUES]

    async def begin(self) -> None:
        """Its number and code, where something is filed."""
        if files(self.service):
            self.receipt_number, self.slip_code = await self.machine.next_receipt_number(), new_slip_code()

    async def perform(self, spec: StepSpec) -> Outcome:
        """Do one step."""
        return await kind_named(spec.kind).step(self, spec)

    # -- what the steps leave -------------------------------------------------------------------------------------

    def keep(self, name: str, value: str, words: Text) -> None:
        """An answer to this step, and how it reads. Raises KeyError for a name that its ``Spec`` does not give."""
        if self.spec is None or name not in [asked.name for asked in self.spec.asks_for()]:
            raise KeyError(f"the step does not say that it asks for {name!r}")
        here = self.records.setdefault(self.position, Record())
        here.answers[name], here.labels[name] = value, words

    def drop(self, name: str) -> None:
        """An answer of this step is none any more."""
        here = self.records.get(self.position, Record())
        here.answers.pop(name, None)
        here.labels.pop(name, None)

    def add_part(self, name: str, data: bytes) -> None:
        """Evidence for what will be filed. Raises KeyError for a name that the step does not give."""
        if self.spec is None or name not in self.spec.adds():
            raise KeyError(f"the step does not say that it adds {name!r}")
        self.records.setdefault(self.position, Record()).parts[name] = data

    def drop_parts(self) -> None:
        """What this step added is taken anew."""
        self.records.get(self.position, Record()).parts.clear()

    @property
    def answers(self) -> dict[str, str]:
        """What was said so far."""
        return {name: value for each in self._in_order() for name, value in each.answers.items()}

    @property
    def labels(self) -> dict[str, Text]:
        """The same as it reads."""
        return {name: words for each in self._in_order() for name, words in each.labels.items()}

    @property
    def parts(self) -> dict[str, bytes]:
        """All evidence so far, by part name."""
        return {name: data for each in self._in_order() for name, data in each.parts.items()}

    def _in_order(self) -> list[Record]:
        return [self.records[at] for at in sorted(self.records)]

    def asked(self) -> list[int]:
        """The places of the steps whose conditions hold now. Answers of a step that is not asked count for none."""
        return self._judged()[0]

    def is_known(self, rule: Condition) -> bool:
        """Whether it is known to hold, by what department, card and answers say."""
        return holds(rule, self._judged()[1], self.machine.clock.today())

    def fees_due(self) -> tuple[Fee, ...]:
        """What this person has to pay, by the answers so far; what is paid here says so."""
        due = self._due(*self._judged())
        return tuple(replace(fee, when=text("pay.here")) for fee in due) if self.pays_here else due

    def _due(self, asked: list[int], facts: dict[str, Any]) -> tuple[Fee, ...]:
        said_fen = self.answers.get(f"{self._billed(asked)}{FEN}")
        demanded = (Fee(amount_fen=int(said_fen), basis="", when=text("pay.here")),) if said_fen else ()
        return (*fees_due(self.service, facts, self.machine.clock.today()), *demanded)

    def _billed(self, asked: list[int]) -> str:
        return next((name for at in asked if (name := self.service.steps[at].billed)), "")

    @property
    def bills(self) -> tuple[str, ...]:
        """The department's numbers of what it demands, and is paid besides the fees."""
        return tuple(self.answers.get(self._billed(self.asked()), "").split())

    @property
    def pays_here(self) -> bool:
        """Whether the fees are paid at this machine, and not on their way back."""
        return not self.pays_back and any(self.service.steps[at].kind == "pay" for at in self.asked())

    def asks_by_itself(self, kind: str) -> bool:
        """Whether a step of this kind is asked here, whatever else the person does in this visit.

        A payment is asked where something is due: what is paid already calls for no other service's money.
        """
        asked, facts = self._judged(by_itself=True)
        is_asked_here = kind in [self.service.steps[at].kind for at in asked]
        return is_asked_here and (kind != "pay" or bool(self._due(asked, facts)))

    def _is_asked_of_another(self, kind: str) -> bool:
        return any(part.asks_by_itself(kind) for part in (self.whole.going if self.whole else ()) if part is not self)

    def _judged(self, *, by_itself: bool = False) -> tuple[list[int], dict[str, Any]]:
        """The places of the steps that are asked, and all that is known at their end."""
        facts, today = self.known_facts(), self.machine.clock.today()
        found = []
        for at, spec in enumerate(self.service.steps):
            goes_along = spec.with_others and not by_itself and self._is_asked_of_another(spec.kind)
            if goes_along or (not spec.never_by_itself and is_asked(spec, facts, today)):
                found.append(at)
                said = self.records[at].answers if at in self.records else {}
                facts |= said_as_facts(said)
        return found, facts

    def known_facts(self) -> dict[str, Any]:
        """What the department said, what the card tells, and what this machine can do."""
        return self.facts | self._card_facts() | self._machine_facts()

    def _machine_facts(self) -> dict[str, bool]:
        """Those that a condition of this service asks for."""
        steps = self.service.steps
        rules = [rule for spec in steps for rule in (*spec.conditions, *(r for _, r in spec.conditions_inside()))]
        asked = {rule.fact.removeprefix(MACHINE) for rule in rules if rule.fact.startswith(MACHINE)}
        can = self.machine.peripherals.is_usable
        return {f"{MACHINE}{n}": self.machine.link.online if n == "online" else can(n) for n in asked}

    def _card_facts(self) -> dict[str, Any]:
        card, clock = self.visit.card, self.machine.clock
        if card is None:
            return {}
        today = clock.today() if clock.knows_date else None
        return card_facts(kind=card.kind, sex=card.sex, birth=card.birth, valid_to=card.valid_to, today=today)

    async def review_rows(self) -> list[Fact]:
        """What every step asked so far has to say for the review, with the way to change what "back" could reach."""
        rows: list[Fact] = []
        for at in self.asked():
            spec = self.service.steps[at]
            tell = getattr(kind_named(spec.kind), "review_rows", None)
            change = Action(id=f"change:{at}", label=text("review.change")) if at in self.trail else None
            found = await tell(self, spec) if tell and at < self.position else []
            rows += [Fact(label=row.label, value=row.value, action=change) for row in found]
        return rows

    def change(self, action: str) -> bool:
        """Whether ``action`` is a "change" of the review; the next step is then the one that asked."""
        what, _, at = action.partition(":")
        if what != "change" or not at.isdecimal() or int(at) not in self.trail:
            return False
        self.changing = int(at)
        return True

    async def ask(self, kind: str, question: Any) -> Answered | Unreachable | Refused:
        """A live question to the city. Raises RuntimeError in a step that says of itself that it asks nobody."""
        if self.spec is not None and self.spec.offline_in(self.service) == "local":
            raise RuntimeError(f"the step {self.spec.kind} is local and asks nobody")
        return await self.machine.ask(kind, question)

    def bind(self) -> None:
        """From here on nothing of before is gone back to."""
        self.trail.clear()
        self.bound_at = self.position

    # -- pages ----------------------------------------------------------------------------------------------------

    def page(self, kind: str, title: Text, *blocks: Block, lead: Text = NOTHING, **extra: Any) -> Page:
        """A step page of this journey with its header dots and the usual bar: exit, back, next."""
        actions = extra.pop("actions") if "actions" in extra else self.bar()
        if self.bound_at is not None and not self.trail:
            actions = tuple(action for action in actions if action != self._back())
        return Page(
            kind=kind,
            title=title,
            lead=lead,
            blocks=blocks,
            service=self.service.key,
            line=self.machine.catalogue.lines[self.service.line],
            icon=self.service.icon,
            steps=self.marks(),
            chips=self.machine.chips(),
            is_free=self.filed or self.spec is None or self.spec.about.is_free,
            actions=actions,
            **extra,
        )

    def bar(self, forward: Text | None = None, *, back: bool = True) -> tuple[Action, ...]:
        """The action bar: exit left, back in the middle where there is a way back, next right."""
        found = [Action(id="exit", label=text("action.exit"), style="exit", icon="sign-out")]
        if back:
            found.append(self._back())
        if forward is None or forward:
            found.append(Action(id="next", label=forward or text("action.next"), style="primary"))
        return tuple(found)

    @staticmethod
    def _back() -> Action:
        return Action(id="back", label=text("action.back"), style="secondary", icon="caret-left")

    def marks(self) -> tuple[StepMark, ...]:
        """One dot per distinct mark of the steps that are asked, in order."""
        if self.whole is not None:
            return self.whole.marks()
        order = list(dict.fromkeys(m for at in self.asked() if (m := self.service.steps[at].about.mark)))
        here = self.spec.about.mark if self.spec else ""
        at = order.index(here) if here in order else len(order)
        names = ("done", "now", "waiting")
        return tuple(
            StepMark(label=text(f"mark.{m}"), state=names[0 if i < at else 1 if i == at else 2])
            for i, m in enumerate(order)
        )


async def run(visit: Visit, service: Service) -> Outcome:
    """The whole journey: BACK when the person left by its first page, else LEAVE.

    VisitEnded passes through; a surprise, or a store that fails, leads to a page that says what is safe.
    """
    return await run_journey(Journey(visit, service, new_id()))


async def run_journey(journey: Journey) -> Outcome:
    """The same for one that was made already."""
    visit, service = journey.visit, journey.service
    visit.machine.publish("journey", service=service.key, visit=visit.id, state="begin")
    visit.half_done = HalfDone(journey)
    try:
        return await _run(journey)
    except StoreError as error:
        log.error("store_failed", step=_kind(journey), service=service.key, error=type(error).__name__)
        await visit.tell(_safe_page(journey) if journey.filed else not_filed(error))
        return Outcome.LEAVE
    finally:
        visit.half_done = visit.left = None
        visit.machine.publish("journey", service=service.key, visit=visit.id, state="end")


async def _run(journey: Journey) -> Outcome:
    await journey.begin()
    if not await without_slip.goes_on(journey.visit, journey.service, partial(_no_slip_page, journey)):
        return Outcome.BACK
    outcome, went_back = Outcome.NEXT, False
    _to_step(journey, 0)
    while journey.spec is not None and outcome is not Outcome.LEAVE:
        outcome = await _perform(journey, journey.spec)
        if went_back and outcome is Outcome.SKIP:
            # It has nothing to show any more (a face that was compared): sent on, the person would not have moved.
            outcome = Outcome.BACK
        went_back = outcome is Outcome.BACK and _step_back(journey)
        if outcome is Outcome.BACK and not went_back and journey.bound_at is None:
            return outcome
        if outcome in (Outcome.NEXT, Outcome.SKIP):
            if not await taken_up(journey):
                return Outcome.LEAVE
            _step_on(journey, outcome)
    if journey.filed or outcome is not Outcome.LEAVE:
        for each in journey.services:
            journey.visit.typed.pop(each.key, None)
    return Outcome.LEAVE


def _no_slip_page(journey: Journey, hero: Hero) -> Page:
    return journey.page("no_slip", journey.service.name, hero, actions=journey.bar(text("no_slip.go_on")))


async def _perform(journey: Journey, spec: StepSpec) -> Outcome:
    try:
        if away := device_away(spec, journey.machine.peripherals):
            return await _without_device(journey, away)
        is_barred = spec.offline_in(journey.service) == "ends" and not journey.machine.link.online
        outcome = Outcome.OFFLINE if is_barred else await journey.perform(spec)
        return await _without_network(journey, spec) if outcome is Outcome.OFFLINE else outcome
    except (VisitEnded, StoreError):
        raise
    except Exception as error:
        # The step boundary: the one place where a surprise is caught, named by ids only, and answered with safety.
        log.error(
            "step_crashed",
            step=spec.kind,
            service=journey.service.key,
            case_id=journey.case_id,
            error=type(error).__name__,
            where=place_of(error),
        )
        journey.machine.publish("step_crashed", step=spec.kind, service=journey.service.key)
        await journey.visit.tell(_safe_page(journey))
        return Outcome.LEAVE


async def _without_network(journey: Journey, spec: StepSpec) -> Outcome:
    """A step that can do without goes on and it is told; else the journey ends with the reason."""
    if spec.offline_in(journey.service) != "goes_on":
        lead = _with_nearest(journey, text("live.lead"))
        await _end_here(journey, message("needs_network", "wifi-slash", "warn", text("live.title"), lead))
        return Outcome.LEAVE
    journey.offline = True
    hero = Hero(icon="wifi-slash", level="warn", title=text("offline.title"), lead=text("offline.lead"))
    page = journey.page("offline_notice", text("offline.title"), hero, actions=journey.bar(text("offline.go_on")))
    answer = await journey.visit.show(page)
    return Outcome.BACK if answer.action == "back" else Outcome.NEXT


async def _without_device(journey: Journey, name: str) -> Outcome:
    log.warning("step_needs_device", step=_kind(journey), service=journey.service.key, device=name)
    lead = _with_nearest(journey, text("device_away.lead"))
    await _end_here(journey, message("device_away", "power-plug", "warn", text("device_away.title"), lead))
    return Outcome.LEAVE


async def _end_here(journey: Journey, page: Page) -> None:
    """It cannot go on here; at another machine it can, with what was said, if the person wants."""
    visit = journey.visit
    kept = HalfDone(journey)
    has_something = kept.has_something()
    answer = await visit.show(replace(page, actions=(KEEP, *page.actions)) if has_something else page)
    if has_something and answer.action == KEEP.id:
        await kept.keep()


def _with_nearest(journey: Journey, lead: Text) -> Text:
    """The same, and where it can be done instead."""
    where = journey.machine.nearby.words(journey.service)
    return joined(lead, where) if where else lead


def _safe_page(journey: Journey) -> Page:
    filed = text("fault.filed", number=" ".join(map(unbroken, journey.numbers)))
    lead = filed if journey.filed else text("fault.nothing_filed")
    return message("fault", "warning-circle", "error", text("fault.title"), lead)


def _kind(journey: Journey) -> str:
    return journey.spec.kind if journey.spec else ""


def _step_back(journey: Journey) -> bool:
    """To the step before that showed something; False when there is none."""
    asked = journey.asked()
    journey.trail = [at for at in journey.trail if at in asked]
    if not journey.trail:
        return False
    journey.position = journey.trail.pop()
    return True


def _step_on(journey: Journey, outcome: Outcome) -> None:
    if journey.changing is not None:
        journey.position, journey.changing = journey.changing, None
        journey.trail = [at for at in journey.trail if at < journey.position]
        return
    if outcome is Outcome.NEXT and journey.position != journey.bound_at:
        journey.trail.append(journey.position)
    if journey.filed:
        journey.trail.clear()
    _to_step(journey, journey.position + 1)


def _to_step(journey: Journey, first: int) -> None:
    """The first step from this place on that is asked; nothing stays of those that are not asked any more."""
    asked = journey.asked()
    journey.records = {at: record for at, record in journey.records.items() if at in asked}
    journey.position = next((at for at in asked if at >= first), len(journey.service.steps))
