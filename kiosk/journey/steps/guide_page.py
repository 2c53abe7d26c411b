"""Guide page 办事指南: what everybody may know of a service, without a card. It looks the same at every machine."""

from __future__ import annotations

from typing import ClassVar, Literal

from kiosk.catalogue.guide import guide
from kiosk.catalogue.model import About, Line, Service, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Action, Fact, Facts, Page, Tile, Tiles
from kiosk.text import NOTHING, Text, text


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``of`` ``this``: the service that it stands in · ``any``: that which the person chooses."""

    about: ClassVar[About] = About(is_free=True, together="each")

    of: Literal["this", "any"] = "this"


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Show it until the person goes on, or back."""
    return await (_chosen_guide(journey) if spec.of == "any" else _shown(journey, journey.service))


async def _chosen_guide(journey: Journey) -> Outcome:
    """From the lines to one line's services to a guide, and the same way back."""
    while True:
        answer = await journey.visit.show(_lines_page(journey))
        line = journey.machine.catalogue.lines.get(answer.action.removeprefix("guide_line:"))
        if line is None:
            return Outcome.BACK if answer.action == "back" else Outcome.NEXT
        if await _of_line(journey, line) is Outcome.NEXT:
            return Outcome.NEXT


async def _of_line(journey: Journey, line: Line) -> Outcome:
    while True:
        answer = await journey.visit.show(_services_page(journey, line))
        service = journey.machine.catalogue.services.get(answer.action.removeprefix("guide_of:"))
        if service is None:
            return Outcome.BACK
        if await _shown(journey, service) is Outcome.NEXT:
            return Outcome.NEXT


async def _shown(journey: Journey, service: Service) -> Outcome:
    answer = await journey.visit.show(guide_page(journey, service))
    return Outcome.BACK if answer.action == "back" else Outcome.NEXT


def guide_page(journey: Journey, service: Service) -> Page:
    """The public facts of one service."""
    rows = tuple(Fact(label=row.label, value=_joined(row.lines)) for row in guide(service) if row.key != "name")
    actions = journey.bar(text("action.done"))
    return journey.page("guide_page", service.name, Facts(rows=rows), lead=text("guide.service_lead"), actions=actions)


def _joined(lines: tuple[Text, ...]) -> Text:
    return Text("\n".join(line.zh for line in lines), "\n".join(line.en for line in lines))


def _lines_page(journey: Journey) -> Page:
    lines = journey.machine.catalogue.lines.values()
    tiles = tuple(
        Tile(action=Action(id=f"guide_line:{line.key}", label=line.name, icon=line.icon), line=line) for line in lines
    )
    return _tiles_page(journey, text("guide_page.title"), tiles)


def _services_page(journey: Journey, line: Line) -> Page:
    tiles = tuple(
        Tile(
            action=Action(id=f"guide_of:{service.key}", label=service.name, icon=service.icon),
            line=line,
            lead=service.summary,
        )
        for service in journey.machine.catalogue.of_line(line.key)
    )
    return _tiles_page(journey, line.name, tiles)


def _tiles_page(journey: Journey, title: Text, tiles: tuple[Tile, ...]) -> Page:
    block = Tiles(tiles=tiles, columns=2, wide=True)
    return journey.page("guide_list", title, block, lead=text("guide_page.lead"), actions=journey.bar(NOTHING))
