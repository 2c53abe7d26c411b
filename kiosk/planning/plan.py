"""Compiles any set of services into one plan: what is common is done once, what is one service's own for it alone.

Every service keeps the order of its own steps. Pure: services in, plan out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kiosk.catalogue.model import Asked, Service, StepSpec


class Place(NamedTuple):
    """A step of one of the services: which service, which of its steps."""

    part: int
    step: int


class Planned(NamedTuple):
    """One step of the plan, with every place that it stands for; ``is_one``: done for all of them at once."""

    kind: str
    places: tuple[Place, ...]
    is_one: bool


class Plan(NamedTuple):
    """``services`` in the order in which they are filed; ``after``: by key, the services that one rests on."""

    services: tuple[Service, ...]
    steps: tuple[Planned, ...]
    after: Mapping[str, tuple[str, ...]] = {}

    def spec(self, place: Place) -> StepSpec:
        """The step at a place."""
        return self.services[place.part].steps[place.step]


def plan_of(services: Sequence[Service], after: Mapping[str, Sequence[str]] | None = None) -> Plan:
    """One plan of several services. ``after``: which of them come after which others, by key."""
    needs = {key: tuple(names) for key, names in (after or {}).items()}
    ordered = _ordered(services, needs)
    places: dict[Hashable, list[Place]] = {}
    ways: list[list[Hashable]] = []
    for part, service in enumerate(ordered):
        way = list(_names(part, service))
        ways.append(way)
        for step, name in enumerate(way):
            places.setdefault(name, []).append(Place(part, step))
    steps = tuple(_planned(ordered, tuple(places[name])) for name in _merged(ways))
    return Plan(ordered, steps, needs)


def _ordered(services: Sequence[Service], after: Mapping[str, Sequence[str]]) -> tuple[Service, ...]:
    """Each after those that it rests on, else as given."""
    ways = [[*(name for name in after.get(s.key, ()) if any(o.key == name for o in services)), s.key] for s in services]
    by_key = {service.key: service for service in services}
    return tuple(by_key[str(key)] for key in _merged(ways))


def _names(part: int, service: Service) -> Iterator[Hashable]:
    """For each step what it has in common with steps of other services; of its own there is no second one."""
    seen: Counter[Hashable] = Counter()
    for step, spec in enumerate(service.steps):
        how = spec.about.together
        name: Hashable = (part, step) if how == "each" else (spec.kind,) if how == "once" else (spec.kind, spec.alike())
        seen[name] += 1
        yield (name, seen[name])


def _planned(services: Sequence[Service], places: tuple[Place, ...]) -> Planned:
    spec = services[places[0].part].steps[places[0].step]
    return Planned(spec.kind, places, spec.about.together == "once")


def _merged(ways: Sequence[Sequence[Hashable]]) -> Iterator[Hashable]:
    """One order that keeps that of every way, the earlier way first where they leave it open.

    Where two ways contradict each other the earlier one is kept.
    """
    left = [list(way) for way in ways]
    while any(left):
        heads = [way[0] for way in left if way]
        ready = [head for head in heads if not any(head in way[1:] for way in left)]
        chosen = (ready or heads)[0]
        yield chosen
        left = [[name for name in way if name != chosen] for way in left]


class Effort(NamedTuple):
    """What a plan asks of a person at most."""

    reads: int
    signatures: int
    payments: int
    forms: int
    questions: int


def data_asked(plan: Plan) -> list[Asked]:
    """Every datum that the plan asks for, each as often as it is asked."""
    found: list[Asked] = []
    for planned in plan.steps:
        specs = [plan.spec(place) for place in planned.places]
        asked = [each._replace(place=()) for spec in specs for each in spec.asks_for()]
        found += list(dict.fromkeys(asked)) if planned.is_one else asked[: len(specs[0].asks_for())]
    return found


def effort(plan: Plan) -> Effort:
    """The most that is asked: steps with a condition are counted."""
    kinds = Counter(planned.kind for planned in plan.steps)
    reads = sum(plan.spec(planned.places[0]).about.reads_card for planned in plan.steps)
    return Effort(reads, kinds["sign"], kinds["pay"], kinds["form"], len(data_asked(plan)))
