"""Compiles any set of services into one plan: what is common is done once, what is one service's own for it alone.

Every service keeps the order of its own steps. Pure: services in, plan out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from kiosk.catalogue.finding import AGAIN
from kiosk.catalogue.kinds import kind_named
from kiosk.catalogue.model import Asked, Service, StepSpec
from kiosk.catalogue.rules import ANSWERS
from kiosk.messages.content import SECOND_ANSWER

_SECOND = f"{ANSWERS}{SECOND_ANSWER}"


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


def plan_of(
    services: Sequence[Service], after: Mapping[str, Sequence[str]] | None = None, share: Collection[str] = ()
) -> Plan:
    """One plan of several services. ``after``: which of them come after which others, by key.

    ``share``: answers that they have in common, whatever each of them says of the question.
    """
    needs = {key: tuple(names) for key, names in (after or {}).items()}
    ordered = _ordered(services if len(services) == 1 else [*map(_apart, services)], needs)
    ways = [list(_way(part, service, share)) for part, service in enumerate(ordered)]
    steps = [_planned(ordered, places) for places in _merged(ways, lambda place: _joins(ordered, place))]
    return Plan(ordered, tuple(steps), needs)


def _apart(service: Service) -> Service:
    """With what several services may have in common as steps of its own."""
    return structs.replace(service, steps=tuple(each for spec in service.steps for each in spec.apart()))


def _ordered(services: Sequence[Service], after: Mapping[str, Sequence[str]]) -> tuple[Service, ...]:
    """Each after those that it rests on, else as given."""
    done: list[Service] = []
    left = list(services)
    while left:
        keys = {service.key for service in left}
        ready = [each for each in left if not keys & set(after.get(each.key, ()))]
        done.append((ready or left)[0])
        left.remove(done[-1])
    return tuple(done)


Way = list[tuple[Hashable, Place]]


def _way(part: int, service: Service, share: Collection[str]) -> Iterator[tuple[Hashable, Place]]:
    """Its steps, each with what it has in common with steps of other services; of its own there is no second one."""
    seen: Counter[Hashable] = Counter()
    for step, spec in enumerate(service.steps):
        name = _common_name(spec, Place(part, step), share)
        seen[name] += 1
        yield (name, seen[name]), Place(part, step)


def _common_name(spec: StepSpec, own: Place, share: Collection[str]) -> Hashable:
    how = spec.about.together
    shared = tuple(each.name for each in spec.asks_for() if each.name in share)
    if shared and how == "alike":
        return spec.kind, shared
    return own if how == "each" else spec.kind if how == "once" else (spec.kind, spec.alike())


def _planned(services: Sequence[Service], places: tuple[Place, ...]) -> Planned:
    spec = services[places[0].part].steps[places[0].step]
    return Planned(spec.kind, places, spec.about.together == "once")


def _joins(services: Sequence[Service], place: Place) -> bool:
    """Whether a second step of its kind costs nothing: it leaves out what the first has asked."""
    return _join_of(services[place.part].steps[place.step].kind) is not None


def _merged(ways: Sequence[Way], is_cheap: Callable[[Place], bool]) -> Iterator[tuple[Place, ...]]:
    """One order that keeps that of every way, the earlier way first where they leave it open.

    Where two ways contradict each other a common step is done twice, rather one that then asks less.
    """
    left = [list(way) for way in ways]
    while any(left):
        heads = [way[0] for way in left if way]
        ready = [head for head in heads if not any(head[0] == name for way in left for name, _ in way[1:])]
        cheap = [head for head in heads if is_cheap(head[1])]
        chosen = (ready or cheap or heads)[0][0]
        yield tuple(way[0][1] for way in left if way and way[0][0] == chosen)
        left = [way[1:] if way and way[0][0] == chosen else way for way in left]


Joined = tuple[StepSpec, list[dict[str, str]]]
"""A step's data for all its places, and for each place what its answers are called there."""


def _join_of(kind: str) -> Callable[[Sequence[StepSpec], Sequence[StepSpec]], Joined] | None:
    return getattr(kind_named(kind), "joined_spec", None)


def joined(plan: Plan, asked: Callable[[int], Sequence[Place]], at: int) -> Joined:
    """The data of a step for all whom it is asked; ``asked`` gives the places of a step that count now.

    What an earlier step of its kind asks already is not asked again.
    """
    step = plan.steps[at]
    specs = [plan.spec(place) for place in asked(at) or step.places]
    join = _join_of(step.kind) if step.is_one else None
    if join is None:
        return specs[0], [{each.name: each.name for each in spec.asks_for()} for spec in specs]
    before = [n for n in range(at) if plan.steps[n].kind == step.kind and asked(n)]
    return join(specs, [joined(plan, asked, n)[0] for n in before])


class Effort(NamedTuple):
    """What a plan asks of a person at most."""

    reads: int
    signatures: int
    payments: int
    forms: int
    questions: int
    pages: int
    taps: int


def data_asked(plan: Plan) -> list[Asked]:
    """Every datum that the plan asks for, each as often as it is asked; steps with a condition are counted."""
    specs = (joined(plan, lambda n: plan.steps[n].places, at)[0] for at in range(len(plan.steps)))
    return [each._replace(name=each.name.partition(AGAIN)[0], place=()) for spec in specs for each in spec.asks_for()]


def effort(plan: Plan) -> Effort:
    """The most that is asked of who comes for themselves.

    Steps with a condition are counted; those for who comes along, and forms that have nothing left to ask, are not.
    """
    counted = [at for at, step in enumerate(plan.steps) if not all(plan.spec(p).never_by_itself for p in step.places)]
    specs = [joined(plan, lambda n: plan.steps[n].places, at)[0] for at in counted]
    specs = [spec for spec in specs if all(each.fact != _SECOND for each in spec.conditions)]
    kinds = Counter(spec.kind for spec in specs if _join_of(spec.kind) is None or spec.asks_for())
    toil = [spec.toil_together() if len(plan.services) > 1 else spec.toil() for spec in specs]
    pages, taps = (sum(each) for each in zip(*toil, strict=True)) if toil else (0, 0)
    reads = sum(spec.about.reads_card for spec in specs)
    return Effort(reads, kinds["sign"], kinds["pay"], kinds["form"], len(data_asked(plan)), pages, taps)
