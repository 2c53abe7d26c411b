"""Nearby 附近可办: the halls around, what their machines and counters do now; from the last answer when offline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kiosk.catalogue.model import About, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.messages.places import Place
from kiosk.nearby import bilingual, distance
from kiosk.pages import Block, Fact, Facts, Notice
from kiosk.text import Text, listed, text

_SHOWN = 4


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(mark="result", is_free=True, together="each", pages=1, taps=1)


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Ask once more, then show what is known."""
    known = journey.machine.nearby
    await known.look()
    page = journey.page(
        "nearby",
        text("nearby.title"),
        *_blocks(journey),
        lead=text("nearby.lead"),
        actions=journey.bar(text("action.done")),
    )
    answer = await journey.visit.show(page)
    return Outcome.BACK if answer.action == "back" else Outcome.NEXT


def _blocks(journey: Journey) -> Iterator[Block]:
    known = journey.machine.nearby
    if not known.places:
        yield Notice(level="info", icon="info", text=text("nearby.none"), detail=text("nearby.none_lead"))
        return
    if not known.is_now:
        yield Notice(level="warn", icon="wifi-slash", text=text("nearby.old", at=known.hour()))
    yield Facts(rows=tuple(_row(journey, place) for place in known.places[:_SHOWN]))


def _row(journey: Journey, place: Place) -> Fact:
    head = text("nearby.where", place=bilingual(place.name), distance=distance(place))
    return Fact(label=head, value=_joined(_what(journey, place), _when(place)))


def _what(journey: Journey, place: Place) -> Text:
    said = [text("nearby.machine_does", n=len(place.machine))] if place.machine else []
    lines = [line.name for key, line in journey.machine.catalogue.lines.items() if key in place.counter]
    said += [text("nearby.counter_does", lines=listed(lines))] if lines else []
    return _joined(*said)


def _when(place: Place) -> Text:
    return text("nearby.when", address=bilingual(place.address), hours=bilingual(place.hours))


def _joined(*lines: Text) -> Text:
    return Text("\n".join(line.zh for line in lines), "\n".join(line.en for line in lines))
