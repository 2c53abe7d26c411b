"""我的待办: who this is, what is due for them in all lines, most urgent first, and the way to everything else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from msgspec import structs

from devices.id_card_reader.card import IdCard
from kiosk.catalogue.model import Service
from kiosk.hub_link.client import Answered
from kiosk.lobby.home import common_tiles
from kiosk.lobby.offers import begin, given_to, line_card
from kiosk.machine import Machine
from kiosk.messages.parked import ParkedFact
from kiosk.messages.questions import DueFact, DueQuestion
from kiosk.pages import Action, Block, DueItem, DueList, LineCards, Notice, Page, Tiles
from kiosk.text import Text, listed, same, text
from kiosk.visit import Visit

TICK, TOGETHER = "tick:", "together"
_SOON_DAYS = 30
_ROOM = 2  # due items that a person usually has: nothing moves under a finger when they arrive
_SEVERAL = 2


class Due(NamedTuple):
    """What the city has said is due: None while it has said nothing.

    ``silent``: lines that did not answer in time; ``unreadable``: how many items this machine does not understand.
    """

    items: list[DueFact] | None = None
    silent: Sequence[str] = ()
    unreadable: int = 0
    is_asked: bool = False
    parked: Sequence[ParkedFact] = ()


ASKING = Due(is_asked=True)


async def what_is_due(machine: Machine, id_number: str) -> Due:
    """Asks the city."""
    reply = await machine.ask("due", DueQuestion(id_number))
    if not isinstance(reply, Answered):
        return Due()
    told, services = reply.payload, machine.catalogue.services
    known = [d for d in told.items if d.service in services]
    parked = [each for each in told.parked if each.service in services or each.is_left]
    return Due(known, told.silent, told.unreadable + len(told.items) - len(known), parked=parked)


def todo_page(machine: Machine, visit: Visit, due: Due, ticked: Collection[str] = ()) -> Page:
    """After the tap: who this is (masked), what is due across the three lines, and the way to everything else.

    ``ticked``: the keys of the due services that the person wants to do together.
    """
    card = visit.card
    name = same(visit.masked_name)
    lines = LineCards(cards=tuple(line_card(machine, line) for line in machine.catalogue.police_lines))
    return Page(
        kind="todo",
        title=text("todo.hello", name=name),
        lead=text("todo.lead"),
        icon="user-circle",
        chips=machine.chips(),
        blocks=(
            *_due_blocks(machine, due, card, ticked),
            *_nothing(machine, card),
            lines,
            Tiles(tiles=common_tiles(machine, card), columns=3),
        ),
        actions=(
            Action(id="exit", label=text("action.finish"), style="exit", icon="sign-out"),
            *([_together(len(ticked))] if ticked else []),
        ),
    )


def _nothing(machine: Machine, card: IdCard | None) -> Iterator[Block]:
    """Said where no service of any line can be begun by this person now; each says why on its line's page."""
    services = (each for line in machine.catalogue.police_lines for each in machine.catalogue.of_line(line.key))
    if not any(given_to(machine, service, card).available for service in services):
        yield Notice(level="info", icon="info", text=text("todo.nothing"), detail=text("todo.nothing_lead"))


def _together(count: int) -> Action:
    return Action(id=TOGETHER, label=text("todo.together", n=count), style="primary", icon="check-square")


def _due_blocks(machine: Machine, due: Due, card: IdCard | None, ticked: Collection[str]) -> Iterator[Block]:
    if due.items is None:
        if due.is_asked:
            yield Notice(level="info", icon="hourglass-medium", text=text("todo.asking"), room=_ROOM)
        else:
            lead = text("todo.offline_lead")
            yield Notice(level="warn", icon="wifi-slash", text=text("todo.offline"), detail=lead, room=_ROOM)
        return
    items = sorted((_due_item(machine, d, card) for d in due.items), key=lambda pair: pair[0])
    if items or not (due.unreadable or due.silent):
        shown = _tickable([item for _, item in items], ticked)
        yield DueList(title=text("todo.title"), items=shown, empty=text("todo.empty"), room=_ROOM)
    waiting = [machine.catalogue.services[each.service].name for each in due.parked if not each.is_ready]
    if waiting:
        said, lead = text("resume.waiting", services=listed(waiting)), text("resume.waiting_lead")
        yield Notice(level="info", icon="hourglass-medium", text=said, detail=lead)
    if due.unreadable:
        more, where = text("todo.unreadable", n=due.unreadable), text("todo.unreadable_lead")
        yield Notice(level="info", icon="info", text=more, detail=where)
    if due.silent:
        names = listed(map(machine.catalogue.department_name, due.silent))
        room = 0 if items or due.unreadable else _ROOM
        yield Notice(level="info", icon="hourglass-medium", text=text("todo.silent", lines=names), room=room)


def _tickable(items: list[DueItem], ticked: Collection[str]) -> tuple[DueItem, ...]:
    """Where two or more can be begun, each of them has a box; one alone is simply begun."""
    keys = {item.action.id: item.action.id.partition(":")[2] for item in items if item.action.enabled}
    if len(keys) < _SEVERAL:
        return tuple(items)
    return tuple(
        structs.replace(item, tick=_tick(keys[item.action.id], item.action, ticked)) if item.action.id in keys else item
        for item in items
    )


def _tick(key: str, begins: Action, ticked: Collection[str]) -> Action:
    is_on = key in ticked
    words = text("todo.untick" if is_on else "todo.tick", service=begins.label)
    return Action(id=f"{TICK}{key}", label=words, icon="check-square" if is_on else "square")


def _due_item(machine: Machine, due: DueFact, card: IdCard | None) -> tuple[date, DueItem]:
    today, service = machine.clock.today(), machine.catalogue.services[due.service]
    urgency = _urgency(due.due_on, today)
    item = DueItem(
        action=begin(service, given_to(machine, service, card)),
        line=machine.catalogue.lines[service.line],
        reason=_due_reason(service, due),
        urgency=urgency,  # type: ignore[arg-type]
        urgency_label=_urgency_label(urgency, due.due_on, today),
    )
    return due.due_on or date.max, item


def _due_reason(service: Service, due: DueFact) -> Text:
    """The service's reason with the department's facts; without those that did not come."""
    return service.due.reason.filled_with(due.facts) if service.due else service.summary


def _urgency(due_on: date | None, today: date) -> str:
    if due_on is None:
        return "info"
    left = (due_on - today).days
    return "overdue" if left < 0 else "soon" if left <= _SOON_DAYS else "later"


def _urgency_label(urgency: str, due_on: date | None, today: date) -> Text:
    if due_on is None:
        return text("todo.info")
    return text(f"todo.{urgency}", days=abs((due_on - today).days))
