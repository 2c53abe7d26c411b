"""The pages around the journeys: attract and home, 我的待办, a line's services, the end of a visit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from devices.id_card_reader.card import IdCard
from kiosk.catalogue.model import Line, Service
from kiosk.health import Offer, offer
from kiosk.hub_link.client import Answered
from kiosk.machine import Machine
from kiosk.messages.questions import DueFact, DueQuestion
from kiosk.pages import (
    Action,
    Block,
    CardPrompt,
    DueItem,
    DueList,
    Fact,
    Facts,
    Hero,
    LineCard,
    LineCards,
    Notice,
    Page,
    Tile,
    Tiles,
)
from kiosk.refusals import card_problem
from kiosk.roster import READER
from kiosk.text import NOTHING, Text, listed, same, text
from kiosk.visit import Visit, settings_actions

_SOON_DAYS = 30
_TOP = 4
_ROOM = 2  # due items that a person usually has: nothing moves under a finger when they arrive


def home_page(machine: Machine, visit: Visit, *, card_lies_there: bool, trouble: Text = NOTHING) -> Page:
    """What the machine is for, and "put your ID card on the reader"."""
    closed = machine.out_of_service
    blocks: list = []
    if closed:
        blocks += _closed(machine)
    elif card_lies_there:
        blocks.append(
            Notice(
                level="warn",
                icon="identification-card",
                text=text("home.take_card"),
                detail=text("home.take_card_lead"),
            )
        )
    elif trouble:
        blocks.append(Notice(level="warn", icon="warning", text=trouble))
    elif not machine.peripherals.is_usable(READER):
        blocks.append(Notice(level="warn", icon="warning", text=text("card.reader_lost")))
    if not machine.link.online:
        blocks.append(
            Notice(level="warn", icon="wifi-slash", text=text("home.offline"), detail=text("home.offline_lead"))
        )
    if not closed:
        blocks += [
            CardPrompt(title=text("card.title"), lead=text("home.card_lead")),
            LineCards(cards=tuple(_line_card(machine, line) for line in machine.catalogue.police_lines)),
            Tiles(title=text("home.common"), columns=3, tiles=_tiles(machine, machine.catalogue.common)),
        ]
    return Page(
        kind="home",
        layout="home",
        title=text("home.title"),
        lead=same(machine.config.machine.hall),
        spoken=text("card.title"),
        chips=machine.chips(),
        blocks=tuple(blocks),
        actions=settings_actions(visit.settings),
        brand=Action(id="brand", label=text("home.title"), icon="shield-check"),
        timeout_s=0,
    )


def _closed(machine: Machine) -> list[Block]:
    """Why nothing can be done here, since when, and where it can be done instead."""
    rows = [
        Fact(label=text("home.closed_where"), value=text("home.closed_lead")),
        Fact(label=text("home.closed_phone"), value=same(machine.catalogue.help_phone)),
        Fact(label=text("home.closed_filed"), value=text("home.closed_filed_safe")),
    ]
    if machine.out_of_service_since:
        rows.insert(0, Fact(label=text("home.closed_since"), value=same(machine.out_of_service_since)))
    title = text("home.closed", reason=text(f"home.closed_{machine.out_of_service}"))
    return [Hero(icon="wrench", level="warn", title=title, lead=text("home.closed_sorry")), Facts(rows=tuple(rows))]


def _line_card(machine: Machine, line: Line) -> LineCard:
    services = machine.catalogue.of_line(line.key)
    return LineCard(
        action=Action(id=f"line:{line.key}", label=line.name, icon=line.icon),
        line=line,
        items=tuple(s.name for s in services[:_TOP]),
        count=text("home.count", n=len(services)),
    )


def _tiles(machine: Machine, services: list[Service], card: IdCard | None = None) -> tuple[Tile, ...]:
    return tuple(tile(machine, s, card) for s in services)


def _offer(machine: Machine, service: Service) -> Offer:
    online, knows_date = machine.link.online, machine.clock.knows_date
    trouble = machine.filing_trouble()
    return offer(service, machine.peripherals, online=online, knows_date=knows_date, filing_trouble=trouble)


def tile(machine: Machine, service: Service, card: IdCard | None = None) -> Tile:
    """A service as a tile, grey with the reason when it cannot end or is not for the holder of ``card``."""
    given = _given(machine, service, card)
    action = Action(
        id=f"service:{service.key}", label=service.name, icon=service.icon, enabled=given.available, reason=given.reason
    )
    return Tile(action=action, line=machine.catalogue.lines[service.line], lead=given.hint or service.summary)


def _given(machine: Machine, service: Service, card: IdCard | None) -> Offer:
    if card is not None and machine.clock.knows_date and service.reads_card:
        problem = card_problem(card, service, machine.clock.today())
        if problem:
            return Offer(reason=problem[0])
    return _offer(machine, service)


def line_page(machine: Machine, visit: Visit, key: str) -> Page:
    """All services of one line."""
    line = machine.catalogue.lines[key]
    tiles = _tiles(machine, machine.catalogue.of_line(key), visit.card)
    return Page(
        kind="line",
        title=line.name,
        lead=text("line.lead"),
        line=line,
        icon=line.icon,
        chips=machine.chips(),
        blocks=(Tiles(tiles=tiles, columns=1, wide=True),),
        actions=(
            Action(id="exit", label=text("action.exit"), style="exit", icon="sign-out"),
            Action(id="back", label=text("action.back"), style="secondary", icon="caret-left"),
        ),
    )


class Due(NamedTuple):
    """What the city has said is due: None while it has said nothing.

    ``silent``: lines that did not answer in time; ``unreadable``: how many items this machine does not understand.
    """

    items: list[DueFact] | None = None
    silent: Sequence[str] = ()
    unreadable: int = 0
    is_asked: bool = False


ASKING = Due(is_asked=True)


async def what_is_due(machine: Machine, id_number: str) -> Due:
    """Asks the city."""
    reply = await machine.ask("due", DueQuestion(id_number))
    if not isinstance(reply, Answered):
        return Due()
    told, services = reply.payload, machine.catalogue.services
    known = [d for d in told.items if d.service in services]
    return Due(known, told.silent, told.unreadable + len(told.items) - len(known))


def todo_page(machine: Machine, visit: Visit, due: Due) -> Page:
    """After the tap: who this is (masked), what is due across the three lines, and what this person can start."""
    card = visit.card
    name = same(visit.masked_name)
    every = _tiles(machine, machine.catalogue.of_police_lines, card)
    open_, shut = [t for t in every if t.action.enabled], [t for t in every if not t.action.enabled]
    blocks: list = [*_due_blocks(machine, due, card)]
    if open_:
        blocks.append(_wide(text("todo.all"), open_, len(every)))
    else:
        blocks.append(Notice(level="info", icon="info", text=text("todo.nothing"), detail=text("todo.nothing_lead")))
    blocks.append(Tiles(title=NOTHING, tiles=_tiles(machine, machine.catalogue.common), columns=3))
    if shut:
        blocks.append(_wide(text("todo.not_now"), shut, len(every)))
    return Page(
        kind="todo",
        title=text("todo.hello", name=name),
        lead=text("todo.lead"),
        icon="user-circle",
        chips=machine.chips(),
        blocks=tuple(blocks),
        actions=(Action(id="exit", label=text("action.finish"), style="exit", icon="sign-out"),),
    )


def _wide(title: Text, tiles: list[Tile], of: int) -> Tiles:
    return Tiles(title=title, tiles=tuple(tiles), columns=1 if of < 4 else 2, wide=True)


def _due_blocks(machine: Machine, due: Due, card: IdCard | None) -> Iterator[Block]:
    if due.items is None:
        if due.is_asked:
            yield Notice(level="info", icon="hourglass-medium", text=text("todo.asking"), room=_ROOM)
        else:
            lead = text("todo.offline_lead")
            yield Notice(level="warn", icon="wifi-slash", text=text("todo.offline"), detail=lead, room=_ROOM)
        return
    items = sorted((_due_item(machine, d, card) for d in due.items), key=lambda pair: pair[0])
    if items or not (due.unreadable or due.silent):
        shown = tuple(item for _, item in items)
        yield DueList(title=text("todo.title"), items=shown, empty=text("todo.empty"), room=_ROOM)
    if due.unreadable:
        more, where = text("todo.unreadable", n=due.unreadable), text("todo.unreadable_lead")
        yield Notice(level="info", icon="info", text=more, detail=where)
    if due.silent:
        names = listed(map(machine.catalogue.department_name, due.silent))
        room = 0 if items or due.unreadable else _ROOM
        yield Notice(level="info", icon="hourglass-medium", text=text("todo.silent", lines=names), room=room)


def _due_item(machine: Machine, due: DueFact, card: IdCard | None) -> tuple[date, DueItem]:
    today, service = machine.clock.today(), machine.catalogue.services[due.service]
    given = _given(machine, service, card)
    urgency = _urgency(due.due_on, today)
    item = DueItem(
        action=Action(
            id=f"service:{service.key}",
            label=service.name,
            icon=service.icon,
            enabled=given.available,
            reason=given.reason,
        ),
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
