"""Plate number 选号: one of the numbers that the department offers for a new car, held until the case is filed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Service, StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.content import PLATE_NUMBER
from kiosk.messages.plates import PlatesAnswer, PlatesQuestion
from kiosk.pages import Action, Answer, Block, Fact, Hero, Notice, Page, Tile, Tiles
from kiosk.slips.model import Row
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import message

_NAME, _KEPT_TO, _CAR = PLATE_NUMBER, "plate_number_kept_to", "vehicle"
_NUMBER = "number:"
_FEW = 8
"""So many stand two in a row, in larger type."""


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own: how many numbers and lists there are is the department's. ``vehicle`` answers which car."""

    about: ClassVar[About] = About(mark="fill", offline="ends", is_once=True, together="each", pages=1, taps=1)

    def asks_for(self) -> tuple[Asked, ...]:
        """The number, and until which day it waits for the car's registration."""
        return Asked(_NAME), Asked(_KEPT_TO)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """It is somebody's."""
        if "verify" not in service.kinds_before(at):
            yield Finding((), "nobody is known whose car it is", "put the steps identify and verify before it")


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """Which number."""
    return [Fact(label=text("plates.number"), value=journey.labels[_NAME])] if _NAME in journey.labels else []


def slip_rows(journey: Journey, _spec: Spec) -> list[Row]:
    """The number with its last day."""
    if _NAME not in journey.labels:
        return []
    return [
        Row(text("plates.number"), journey.labels[_NAME]),
        Row(text("plates.kept_to"), journey.labels[_KEPT_TO]),
    ]


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Offer a list until a number is held. One that somebody else got first is not given twice."""
    told, gone = await _ask_plates(journey, "offer"), False
    while isinstance(told, PlatesAnswer) and (told.numbers or told.left):
        answer = await journey.visit.show(_page(journey, told, gone))
        what, _, number = answer.action.partition(":")
        if f"{what}:" == _NUMBER and number in told.numbers:
            told = await _choose(journey, number)
        elif answer.action == "more":
            told = await _ask_plates(journey, "more", drawn=told.drawn)
        else:
            return Outcome.BACK
        if isinstance(told, PlatesAnswer) and told.state == "held":
            return _keep_number(journey, told)
        gone = isinstance(told, PlatesAnswer) and told.state == "gone"
    if isinstance(told, Outcome):
        return told
    await journey.visit.tell(message("no_numbers", "car", "warn", text("plates.none"), text("plates.none_lead")))
    return Outcome.LEAVE


async def _choose(journey: Journey, number: str) -> PlatesAnswer | Outcome:
    # Whatever becomes of this visit, the number is not held for nobody.
    journey.machine.holds.begin(journey.case_id, journey.service.key)
    return await _ask_plates(journey, "choose", number=number)


def _keep_number(journey: Journey, held: PlatesAnswer) -> Outcome:
    journey.keep(_NAME, held.number, same(held.number))
    day = held.kept_to.isoformat() if held.kept_to else ""
    journey.keep(_KEPT_TO, day, same(day))
    return Outcome.NEXT


async def _ask_plates(journey: Journey, action: Any, **more: Any) -> PlatesAnswer | Outcome:
    card, car = journey.visit.card, journey.answers.get(_CAR, "")
    whose = {"id_number": card.number if card else "", "vehicle": car}
    question = PlatesQuestion(action, journey.service.key, journey.case_id, **whose, **more)
    hero = Hero(icon="car", level="info", title=text("plates.asking"), busy=True)
    page = journey.page("checking", text("plates.title"), hero, actions=journey.bar(NOTHING), timeout_s=0)
    reply = await journey.visit.show_while(page, lambda: journey.ask("plates", question))
    if isinstance(reply, Answer):
        return Outcome.BACK
    return reply.payload if isinstance(reply, Answered) else Outcome.OFFLINE


def _page(journey: Journey, told: PlatesAnswer, gone: bool) -> Page:
    tiles = tuple(
        Tile(action=Action(id=f"{_NUMBER}{number}", label=same(number), icon="car")) for number in told.numbers
    )
    notice: tuple[Block, ...] = (Notice(level="warn", icon="warning-circle", text=text("plates.gone")),) if gone else ()
    more = Action(id="more", label=text("plates.more", n=told.left), style="secondary", icon="arrows-clockwise")
    actions = (*journey.bar(NOTHING), *((more,) if told.left else ()))
    lead: Text = text("plates.lead") if told.left else text("plates.last_lead")
    blocks = (*notice, Tiles(tiles=tiles, columns=3 if len(tiles) > _FEW else 2, wide=True))
    return journey.page("plate_numbers", text("plates.title"), *blocks, lead=lead, actions=actions)
