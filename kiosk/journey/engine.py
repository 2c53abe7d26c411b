"""Runs one service for one visit: order, back, skip and the edges that every step has.

A step kind is one file of ``steps/`` with ``ABOUT`` and ``async def step(journey, spec) -> Outcome``; the engine finds
it by the kind's name in the catalogue and knows none of them.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from kiosk.cases import CaseState, new_id, new_slip_code, unbroken
from kiosk.catalogue.model import Service, StepSpec
from kiosk.health import files
from kiosk.journey import without_slip
from kiosk.logs import place_of
from kiosk.pages import Action, Block, Page, StepMark
from kiosk.refusals import not_filed
from kiosk.text import NOTHING, Text, text
from kiosk.visit import Visit, VisitEnded, message
from offline_cache.errors import StoreError

if TYPE_CHECKING:
    # By name only: maintenance reads cards through these steps and must not load what seals and opens.
    from kiosk.machine import Machine
    from kiosk.slips.second_copy import SecondCopy

log = structlog.get_logger()


class Outcome(Enum):
    """How a step ended. SKIP is NEXT for a step that showed nothing, so that "back" passes over it."""

    NEXT = "next"
    SKIP = "skip"
    BACK = "back"
    LEAVE = "leave"


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the journey table says of a step kind: its dot in the header, and where its edges lead."""

    mark: str
    offline: str = "goes on: needs no network"
    jam: str = "uses no device"


@dataclass
class Journey:
    """One service inside a visit. The ids exist from the first step on and never change."""

    visit: Visit
    service: Service
    case_id: str
    receipt_number: str
    slip_code: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Text] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    trail: list[int] = field(default_factory=list)
    position: int = 0
    goto: str = ""
    offline: bool = False
    filed: bool = False
    state: CaseState = CaseState.STORED
    promised_on: date | None = None
    notes: tuple[str, ...] = ()
    signature: bytes = b""
    second_copy: SecondCopy | None = None

    @property
    def machine(self) -> Machine:
        return self.visit.machine

    def page(self, kind: str, title: Text, *blocks: Block, lead: Text = NOTHING, **extra: Any) -> Page:
        """A step page of this journey with its header dots and the usual bar: exit, back, next."""
        extra.setdefault("actions", self.bar())
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
            **extra,
        )

    def bar(self, forward: Text | None = None, *, back: bool = True) -> tuple[Action, ...]:
        """The action bar: exit left, back in the middle where there is a way back, next right."""
        found = [Action(id="exit", label=text("action.exit"), style="exit", icon="sign-out")]
        if back:
            found.append(Action(id="back", label=text("action.back"), style="secondary", icon="caret-left"))
        if forward is None or forward:
            found.append(Action(id="next", label=forward or text("action.next"), style="primary"))
        return tuple(found)

    def marks(self) -> tuple[StepMark, ...]:
        """One dot per distinct mark of the service's steps, in order."""
        kinds = [about(s.kind).mark for s in self.service.steps]
        order = [m for m in dict.fromkeys(kinds) if m]
        here = kinds[self.position] if self.position < len(kinds) else ""
        at = order.index(here) if here in order else len(order)
        names = ("done", "now", "waiting")
        return tuple(
            StepMark(label=text(f"mark.{m}"), state=names[0 if i < at else 1 if i == at else 2])
            for i, m in enumerate(order)
        )


def about(kind: str) -> About:
    """What a step kind says of itself. Raises ModuleNotFoundError for a kind without a file."""
    return importlib.import_module(f"kiosk.journey.steps.{kind}").ABOUT


async def run(visit: Visit, service: Service) -> Outcome:
    """The whole journey: BACK when the person left by its first page, else LEAVE.

    VisitEnded passes through; a surprise or a failing store in a step leads to the safe page. Raises StoreError when
    there is no number for it.
    """
    number = await visit.machine.next_receipt_number() if files(service) else ""
    journey = Journey(visit, service, new_id(), number, new_slip_code() if number else "")
    visit.machine.publish("journey", service=service.key, visit=visit.id, state="begin")
    outcome = Outcome.NEXT
    try:
        if not await without_slip.goes_on(journey):
            return Outcome.BACK
        while journey.position < len(service.steps) and outcome is not Outcome.LEAVE:
            outcome = await _perform(journey, service.steps[journey.position])
            _move(journey, outcome)
        if outcome is Outcome.BACK:
            return outcome
        if journey.filed or outcome is not Outcome.LEAVE:
            visit.typed.pop(service.key, None)
        return Outcome.LEAVE
    finally:
        visit.machine.publish("journey", service=service.key, visit=visit.id, state="end")


async def _perform(journey: Journey, spec: StepSpec) -> Outcome:
    module = importlib.import_module(f"kiosk.journey.steps.{spec.kind}")
    try:
        return await module.step(journey, spec)
    except VisitEnded:
        raise
    except StoreError as error:
        log.error("store_failed", step=spec.kind, service=journey.service.key, error=type(error).__name__)
        await journey.visit.tell(_safe_page(journey) if journey.filed else not_filed(error))
        return Outcome.LEAVE
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


def _safe_page(journey: Journey) -> Page:
    filed = text("fault.filed", number=unbroken(journey.receipt_number))
    lead = filed if journey.filed else text("fault.nothing_filed")
    return message("fault", "warning-circle", "error", text("fault.title"), lead)


def _move(journey: Journey, outcome: Outcome) -> None:
    if outcome is Outcome.BACK:
        if journey.trail:
            journey.position = journey.trail.pop()
        else:
            journey.position = len(journey.service.steps)
    elif outcome in (Outcome.NEXT, Outcome.SKIP):
        if outcome is Outcome.NEXT:
            journey.trail.append(journey.position)
        if journey.filed:
            journey.trail.clear()
        journey.position = _target(journey)
        journey.goto = ""


def _target(journey: Journey) -> int:
    """The next position; a review's "change" button names the step to go back to by its kind and name."""
    for i, spec in enumerate(journey.service.steps):
        if journey.goto and journey.goto == f"{spec.kind}:{spec.name}":
            journey.trail = [p for p in journey.trail if p < i]
            return i
    return journey.position + 1
