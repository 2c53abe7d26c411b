"""Services as tiles: what this person can begin at this machine now, and why not."""

from __future__ import annotations

from collections.abc import Iterable

from devices.id_card_reader.card import IdCard
from kiosk.catalogue.model import Line, Service
from kiosk.health import Offer, offer
from kiosk.machine import Machine
from kiosk.pages import Action, LineCard, Tile
from kiosk.refusals import card_problem
from kiosk.text import NOTHING, text


def tiles(machine: Machine, services: Iterable[Service], card: IdCard | None = None) -> tuple[Tile, ...]:
    """One tile for each."""
    return tuple(tile(machine, service, card) for service in services)


def tile(machine: Machine, service: Service, card: IdCard | None = None) -> Tile:
    """A service as a tile, grey with the reason when it cannot end or is not for the holder of ``card``."""
    given = given_to(machine, service, card)
    lead = given.hint or service.summary
    return Tile(action=begin(service, given), line=machine.catalogue.lines[service.line], lead=lead)


def begin(service: Service, given: Offer) -> Action:
    """The button that begins a service."""
    return Action(
        id=f"service:{service.key}", label=service.name, icon=service.icon, enabled=given.available, reason=given.reason
    )


def given_to(machine: Machine, service: Service, card: IdCard | None) -> Offer:
    """Whether the holder of ``card`` can begin it here now; of nobody yet, whether anybody can."""
    if card is not None and machine.clock.knows_date and service.reads_card:
        problem = card_problem(card, service, machine.clock.today())
        if problem:
            return Offer(reason=problem[0])
    online, knows_date = machine.link.online, machine.clock.knows_date
    trouble = machine.filing_trouble()
    given = offer(service, machine.peripherals, online=online, knows_date=knows_date, filing_trouble=trouble)
    where = machine.nearby.where(service) if given.reason else NOTHING
    return Offer(reason=text("nearby.instead", reason=given.reason, where=where)) if where else given


def line_card(machine: Machine, line: Line, shown: int = 0) -> LineCard:
    """The way into a line, with so many of its most used services and the number of all."""
    services = machine.catalogue.of_line(line.key)
    return LineCard(
        action=Action(id=f"line:{line.key}", label=line.name, icon=line.icon),
        line=line,
        items=tuple(s.name for s in services[:shown]),
        count=text("home.count", n=len(services)),
    )
