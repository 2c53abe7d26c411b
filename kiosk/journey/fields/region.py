"""A division, chosen from province to township: one touch for each, nothing to type."""

from __future__ import annotations

from collections.abc import Mapping

from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.fields.kinds import FormField
from kiosk.journey.fields.own_pages import OwnPages
from kiosk.pages import Action, Tile, Tiles
from kiosk.text import NOTHING, Text, text

_LEVELS = (2, 4, 6, 9, 12)
"""How many digits of a code stand for province, city, county, township, village (GB/T 2260, GB/T 10114)."""
_CHOSEN = "region:"


def stem(code: str) -> str:
    """The digits of a code that say something: 990100 is the 9901 of its counties."""
    for digits in _LEVELS:
        if len(code) <= 6 and not code[digits:].strip("0"):
            return code[:digits]
    return code


def below(divisions: Mapping[str, Text], within: str) -> list[str]:
    """The codes of the divisions right below one ("" for the provinces), in their order."""
    stems = {stem(code): code for code in divisions if stem(code).startswith(within) and stem(code) != within}
    return sorted(code for s, code in stems.items() if not any(_is_between(other, within, s) for other in stems))


def _is_between(other: str, within: str, found: str) -> bool:
    return other not in (within, found) and found.startswith(other)


def path_of(divisions: Mapping[str, Text], code: str) -> list[str]:
    """The codes from the province down to this one, itself included."""
    return sorted((c for c in divisions if stem(code).startswith(stem(c))), key=lambda c: len(stem(c)))


def words_of(divisions: Mapping[str, Text], code: str) -> Text:
    """Its full name: from the largest down in Chinese, the other way round in English."""
    names = [divisions[each] for each in path_of(divisions, code)]
    return Text("".join(name.zh for name in names), ", ".join(name.en for name in reversed(names)))


async def _ask_region(journey: Journey, title: Text, field: FormField) -> Outcome:
    """One level after the other until there is none below; "back" goes up one level."""
    divisions = journey.machine.catalogue.divisions
    way: list[str] = []
    while True:
        here = stem(way[-1]) if way else field.within
        found = below(divisions, here)
        if way and not found:
            journey.keep(field.name, way[-1], words_of(divisions, way[-1]))
            return Outcome.NEXT
        lead = text("region.chosen", what=words_of(divisions, way[-1])) if way else field.hint or text("region.lead")
        tiles = tuple(
            Tile(action=Action(id=f"{_CHOSEN}{code}", label=divisions[code], icon="map-pin")) for code in found
        )
        block = Tiles(title=field.label, tiles=tiles, columns=2)
        page = journey.page("region", title, block, lead=lead, actions=journey.bar(NOTHING))
        answer = await journey.visit.show(page)
        if answer.action.startswith(_CHOSEN):
            way.append(answer.action.removeprefix(_CHOSEN))
        elif way:
            way.pop()
        else:
            return Outcome.BACK


REGION = OwnPages(_ask_region)
