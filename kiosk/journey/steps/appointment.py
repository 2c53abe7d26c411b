"""Appointment 预约取号: a day, a time, and the number that is called at the counter. The city gives the places out.

A place is held for the case of this journey; it is the person's once the case has reached the city.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import ClassVar

from kiosk.cases import CaseState, unbroken
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Offline, Service, StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.content import APPOINTMENT
from kiosk.messages.hall import Slot, SlotsAnswer, SlotsQuestion
from kiosk.pages import Action, Answer, Block, Fact, Facts, Hero, Notice, Page, Tile, Tiles
from kiosk.slips.model import Row
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import message

_NAME, _TICKET, _COUNTER = APPOINTMENT, "appointment_ticket", "counter"
_DAY, _TIME = "day:", "time:"


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At the counter of the service's line, or that of the answer ``counter`` where something asks for one before."""

    about: ClassVar[About] = About(mark="fill", offline="ends", pages=2, taps=2)

    def offline_in(self, service: Service) -> Offline:
        """What is filed anyway is filed without a time, which the counter agrees on by telephone."""
        return "ends" if service.offline == "live" else "goes_on"

    def asks_for(self) -> tuple[Asked, ...]:
        """When, in local time, and the number that is called."""
        return Asked(_NAME), Asked(_TICKET)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """It is a person's, and a line has the counter."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody is known who comes to it", "put a step identify before it")
        if not service.department and not _asks_counter(service, at):
            yield Finding((), "nobody knows at which counter", f"ask before for the answer {_COUNTER!r}: a line's key")


def _asks_counter(service: Service, at: int) -> bool:
    return any(asked.name == _COUNTER for spec in service.steps[:at] for asked in spec.asks_for())


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """When."""
    return [Fact(label=text("slots.time"), value=journey.labels[_NAME])] if _NAME in journey.labels else []


def slip_rows(journey: Journey, _spec: Spec) -> list[Row]:
    """When, and the number; neither is promised before the city has the case."""
    when = journey.labels.get(_NAME)
    if when is None:
        return []
    if CaseState.before_acceptance(journey.state):
        return [Row(text("slots.time"), text("slots.wanted", when=when))]
    return [
        Row(text("slots.time"), when),
        Row(text("slots.ticket"), same(journey.answers[_TICKET])),
        Row(text("slots.counter"), _counter_words(journey)),
    ]


def _counter_words(journey: Journey) -> Text:
    """Where to go: the counter that was chosen, or that of the service's line."""
    catalogue, key = journey.machine.catalogue, journey.service.department
    return journey.labels.get(_COUNTER) or text("slots.of_department", name=catalogue.department_name(key))


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """The person's own appointment first, where there is one; else, or to change it, a day and a time."""
    offer = await _ask_slots(journey, "offer")
    if isinstance(offer, Outcome):
        return offer
    if offer.mine is not None:
        outcome = await _own(journey, offer.mine)
        if outcome is not Outcome.NEXT:
            return outcome
    return await _choose(journey, offer)


async def _ask_slots(journey: Journey, action: str, begins_at: str = "") -> SlotsAnswer | Outcome:
    card = journey.visit.card
    question = SlotsQuestion(
        action,  # pyright: ignore[reportArgumentType] - one of three words of this file
        journey.service.key,
        journey.answers.get(_COUNTER, journey.service.line),
        card.number if card else "",
        journey.case_id if action == "take" else "",
        begins_at,
    )
    is_final = action == "cancel"
    hero = Hero(
        icon="calendar-check",
        level="info",
        title=text("slots.cancelling" if is_final else "slots.asking"),
        busy=True,
    )
    # Nobody walks away from what they have cancelled without hearing of it.
    bar = () if is_final else journey.bar(NOTHING)
    page = journey.page("checking", text("slots.title"), hero, actions=bar, timeout_s=0)
    reply = await journey.visit.show_while(page, lambda: journey.ask("slots", question))
    if isinstance(reply, Answer):
        return Outcome.BACK
    return reply.payload if isinstance(reply, Answered) else Outcome.OFFLINE


async def _own(journey: Journey, mine: Slot) -> Outcome:
    """NEXT: another time is wanted; the present one stays until the new one is filed."""
    while True:
        answer = await journey.visit.show(_own_page(journey, mine))
        if answer.action == "next":
            return Outcome.NEXT
        if answer.action != "cancel":
            return Outcome.BACK if answer.action == "back" else Outcome.LEAVE
        if (await journey.visit.show(_sure_page(journey, mine))).action != "cancel":
            continue
        said = await _ask_slots(journey, "cancel")
        if isinstance(said, SlotsAnswer):
            told = text("slots.cancelled", when=_when(mine))
            await journey.visit.tell(message("slot_cancelled", "calendar-x", "ok", told, text("slots.cancelled_lead")))
            return Outcome.LEAVE
        # The city may have heard it: that nothing was done is not known.
        words = text("slots.cancel_unknown"), text("slots.cancel_unknown_lead")
        await journey.visit.tell(message("slot_cancel_unknown", "calendar-x", "warn", *words))
        return Outcome.LEAVE


def _own_page(journey: Journey, mine: Slot) -> Page:
    hero = Hero(icon="calendar-check", level="info", title=text("slots.mine"), lead=text("slots.mine_lead"))
    actions = (
        *journey.bar(NOTHING),
        Action(id="cancel", label=text("slots.cancel"), style="secondary", icon="calendar-x"),
        Action(id="next", label=text("slots.change"), style="primary"),
    )
    return journey.page("slot_mine", text("slots.title"), hero, Facts(rows=_rows(mine)), actions=actions)


def _sure_page(journey: Journey, mine: Slot) -> Page:
    hero = Hero(icon="calendar-x", level="warn", title=text("slots.sure"), lead=text("slots.sure_lead"))
    actions = (
        Action(id="back", label=text("slots.keep"), style="secondary"),
        Action(id="cancel", label=text("slots.cancel"), style="primary"),
    )
    return journey.page("slot_cancel", text("slots.title"), hero, Facts(rows=_rows(mine)), actions=actions)


def _rows(mine: Slot) -> tuple[Fact, ...]:
    rows = [
        Fact(label=text("slots.time"), value=_when(mine)),
        Fact(label=text("slots.ticket"), value=same(mine.ticket)),
    ]
    if mine.receipt_number:
        rows.append(Fact(label=text("result.number"), value=same(unbroken(mine.receipt_number))))
    return tuple(rows)


async def _choose(journey: Journey, offer: SlotsAnswer) -> Outcome:
    """A day, then a time of it; "back" goes to the days. A place that somebody else got first is not given twice."""
    slots, day, gone = [slot for slot in offer.slots if slot.left], "", False
    while slots:
        if not day:
            answer = await journey.visit.show(_days_page(journey, slots))
        else:
            answer = await journey.visit.show(_times_page(journey, [s for s in slots if _day(s) == day], gone))
        what, _, chosen = answer.action.partition(":")
        if f"{what}:" == _DAY and any(_day(slot) == chosen for slot in slots):
            day, gone = chosen, False
        elif f"{what}:" == _TIME and any(slot.begins_at == chosen for slot in slots):
            said = await _ask_slots(journey, "take", chosen)
            if isinstance(said, Outcome):
                return said
            if said.state == "taken" and said.mine is not None:
                _keep_slot(journey, said.mine)
                return Outcome.NEXT
            slots, gone = [slot for slot in said.slots if slot.left], True
            day = day if any(_day(slot) == day for slot in slots) else ""
        elif day:
            day = ""
        else:
            return Outcome.BACK
    return await _nothing_left(journey)


def _keep_slot(journey: Journey, mine: Slot) -> None:
    journey.keep(_NAME, mine.begins_at, _when(mine))
    journey.keep(_TICKET, mine.ticket, same(mine.ticket))


def _days_page(journey: Journey, slots: Sequence[Slot]) -> Page:
    days: dict[str, int] = {}
    for slot in slots:
        days[_day(slot)] = days.get(_day(slot), 0) + slot.left
    tiles = tuple(_tile(f"{_DAY}{day}", _day_words(day), left) for day, left in days.items())
    block = Tiles(title=text("slots.day"), tiles=tiles, columns=1, wide=True)
    return journey.page("slot_days", text("slots.title"), block, lead=text("slots.lead"), actions=journey.bar(NOTHING))


def _times_page(journey: Journey, slots: Sequence[Slot], gone: bool) -> Page:
    tiles = tuple(_tile(f"{_TIME}{slot.begins_at}", same(_hours(slot)), slot.left) for slot in slots)
    block = Tiles(title=_day_words(_day(slots[0])), tiles=tiles, columns=2, wide=True)
    told: tuple[Block, ...] = (Notice(level="warn", icon="warning-circle", text=text("slots.gone")),) if gone else ()
    lead = NOTHING if gone else text("slots.time_lead")
    return journey.page("slot_times", text("slots.title"), *told, block, lead=lead, actions=journey.bar(NOTHING))


def _tile(action: str, label: Text, left: int) -> Tile:
    return Tile(action=Action(id=action, label=label, icon="calendar-blank"), lead=text("slots.left", n=left))


async def _nothing_left(journey: Journey) -> Outcome:
    """All is full: what is nothing but the appointment ends; anything else goes on without one."""
    if not journey.service.department:
        await journey.visit.tell(
            message("slots_full", "calendar-x", "warn", text("slots.full"), text("slots.full_lead"))
        )
        return Outcome.LEAVE
    hero = Hero(icon="calendar-x", level="warn", title=text("slots.full"), lead=text("slots.full_without"))
    page = journey.page("slots_full", text("slots.title"), hero, actions=journey.bar(text("slots.go_on")))
    return Outcome.BACK if (await journey.visit.show(page)).action == "back" else Outcome.NEXT


def _day(slot: Slot) -> str:
    return slot.begins_at.partition("T")[0]


def _hours(slot: Slot) -> str:
    return f"{slot.begins_at.partition('T')[2]}–{slot.ends_at.partition('T')[2]}"


def _day_words(day: str) -> Text:
    try:
        on = date.fromisoformat(day)
    except ValueError:
        return same(day)
    weekday = text(f"promise.weekday_{on.isoweekday()}")
    return text("slots.on", month=str(on.month), day=str(on.day), weekday=weekday, date=day)


def _when(slot: Slot) -> Text:
    return text("slots.when", day=_day_words(_day(slot)), hours=_hours(slot))
