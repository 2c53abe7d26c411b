"""A line's page: its services under the words that people use, the most used first; those of the counter apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kiosk.catalogue.model import Line, Service
from kiosk.lobby.offers import tiles
from kiosk.machine import Machine
from kiosk.pages import Action, Notice, Page, Tiles
from kiosk.text import NOTHING, Text, text
from kiosk.visit import Visit

_TWO_COLUMNS_FROM = 5
COUNTER = "window"


def line_page(machine: Machine, visit: Visit, key: str) -> Page:
    """All services of one line."""
    line = machine.catalogue.lines[key]
    services = machine.catalogue.of_line(key)
    columns = 2 if len(services) >= _TWO_COLUMNS_FROM else 1
    blocks = tuple(
        Tiles(title=title, tiles=tiles(machine, found, visit.card), columns=columns, wide=True)
        for title, found in _grouped(line, services)
    )
    nothing = Notice(level="info", icon="info", text=text("line.nothing"))
    return Page(
        kind="line",
        title=line.name,
        lead=text("line.lead"),
        line=line,
        icon=line.icon,
        chips=machine.chips(),
        blocks=blocks or (nothing,),
        actions=(
            Action(id="exit", label=text("action.exit"), style="exit", icon="sign-out"),
            Action(id="back", label=text("action.back"), style="secondary", icon="caret-left"),
        ),
    )


def _grouped(line: Line, services: Sequence[Service]) -> Iterator[tuple[Text, list[Service]]]:
    """Groups with what this machine does, the most used group first; then the rest; then what the counter does."""
    here = [each for each in services if each.handled_at != COUNTER]
    found = [(group.name, [each for each in here if each.key in group.services]) for group in line.groups]
    found = sorted((each for each in found if each[1]), key=lambda each: services.index(each[1][0]))
    named = {each.key for _, members in found for each in members}
    if rest := [each for each in here if each.key not in named]:
        found.append((text("line.others") if found else NOTHING, rest))
    if counter := [each for each in services if each.handled_at == COUNTER]:
        found.append((text("line.at_the_counter"), counter))
    yield from found
