"""Several services as one thing 一件事: which there are, and what belongs to one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kiosk.catalogue.model import Bundle, Service
from kiosk.health import Offer
from kiosk.lobby.line import COUNTER
from kiosk.lobby.offers import given_to
from kiosk.machine import Machine
from kiosk.pages import Action, Block, DueItem, DueList, Notice, Page, Tile, Tiles
from kiosk.planning.bundles import parts_of
from kiosk.text import Text, text
from kiosk.visit import Visit

BUNDLE, BUNDLES, PART = "bundle:", "bundles", "part:"


def bundles_page(machine: Machine) -> Page:
    """All of them, those that the counter decides last."""
    every = sorted(machine.catalogue.bundles.values(), key=lambda each: each.handled_at == COUNTER)
    tiles = tuple(
        Tile(action=Action(id=f"{BUNDLE}{each.key}", label=each.name, icon=each.icon), lead=each.summary)
        for each in every
    )
    return Page(
        kind="line",
        title=text("bundles.title"),
        lead=text("bundles.lead"),
        icon="stack",
        chips=machine.chips(),
        blocks=(Tiles(tiles=tiles, columns=1, wide=True),),
        actions=_bar(),
    )


def bundle_page(machine: Machine, visit: Visit, bundle: Bundle, wanted: Collection[str]) -> Page:
    """What belongs to it, what each part costs, and what may be left out; ``wanted``: the keys that are chosen."""
    items = tuple(_item(machine, visit, bundle, service, wanted) for service in parts_of(bundle, machine.catalogue))
    begin = Action(
        id="next",
        label=text("bundles.begin", n=len(wanted)),
        style="primary",
        enabled=bool(wanted),
        reason=text("bundles.none"),
    )
    return Page(
        kind="bundle",
        title=bundle.name,
        lead=bundle.elder_hint or bundle.summary,
        icon=bundle.icon,
        chips=machine.chips(),
        blocks=(*_where(bundle), DueList(title=text("bundles.parts"), items=items)),
        actions=(*_bar(), begin),
    )


def first_wanted(machine: Machine, visit: Visit, bundle: Bundle) -> set[str]:
    """What is chosen at first: what belongs to it in any case; the rest is ticked, so that nothing is lost unasked."""
    services = [each for each in parts_of(bundle, machine.catalogue) if each.key not in optional(bundle)]
    return {service.key for service in services if given_to(machine, service, visit.card).available}


def optional(bundle: Bundle) -> set[str]:
    """The keys of what the person may leave out."""
    return {part.service for part in bundle.parts if part.is_optional}


def _bar() -> tuple[Action, ...]:
    return (
        Action(id="exit", label=text("action.exit"), style="exit", icon="sign-out"),
        Action(id="back", label=text("action.back"), style="secondary", icon="caret-left"),
    )


def _where(bundle: Bundle) -> Iterator[Block]:
    if bundle.handled_at == COUNTER:
        yield Notice(level="info", icon="hand-heart", text=text("bundles.counter"), detail=text("bundles.counter_lead"))


def _item(machine: Machine, visit: Visit, bundle: Bundle, service: Service, wanted: Collection[str]) -> DueItem:
    given = given_to(machine, service, visit.card)
    may_choose = given.available and service.key in optional(bundle)
    button = Action(
        id=f"{PART}{service.key}", label=service.name, icon=service.icon, enabled=given.available, reason=given.reason
    )
    return DueItem(
        action=button,
        tick=_tick(service, may_choose, service.key in wanted, given),
        line=machine.catalogue.lines[service.line],
        reason=service.summary,
        urgency="info",
        urgency_label=machine.catalogue.lines[service.line].name,
    )


def _tick(service: Service, may_choose: bool, is_on: bool, given: Offer) -> Action:
    words: Text = text("todo.untick" if is_on else "todo.tick", service=service.name)
    icon = "check-square" if is_on else "square"
    return Action(id=f"{PART}{service.key}", label=words, icon=icon, enabled=may_choose, reason=given.reason)
