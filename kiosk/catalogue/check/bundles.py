"""A bundle against the services that there are, and against itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kiosk.catalogue.check.conditions import placed, together_findings, unsent
from kiosk.catalogue.check.services import Around, icon_findings, key_findings
from kiosk.catalogue.check.steps import CARD_FACTS
from kiosk.catalogue.finding import Finding, Path, one_of
from kiosk.catalogue.model import Bundle, BundlePart, Service, StepSpec
from kiosk.catalogue.rules import ANSWERS
from kiosk.messages.content import MOST_BEFORE


def bundle_findings(bundle: Bundle, stem: str, services: Mapping[str, Service], around: Around) -> Iterator[Finding]:
    """Everything that its types do not say. ``stem``: the name of its file."""
    if bundle.key != stem:
        yield Finding(("key",), f"{bundle.key!r} stands in the file {stem}.toml", f"write {stem!r}, or rename it")
    yield from key_findings(bundle.key, "B02")
    if bundle.key in services:
        yield Finding(("key",), f"{bundle.key!r} is a service's key", "give each its own")
    yield from icon_findings(bundle.icon)
    if not bundle.parts:
        yield Finding(("parts",), "has no services", "add parts = [{ service = … }, …]")
    named = [part.service for part in bundle.parts]
    for number, part in enumerate(bundle.parts):
        place: Path = ("parts", number)
        if part.service not in services:
            yield Finding((*place, "service"), f"no service {part.service!r}", one_of(services, part.service))
        if part.service in named[:number]:
            yield Finding((*place, "service"), f"{part.service} stands there twice", "name it once")
        for at, before in enumerate(part.after):
            if before not in named:
                yield Finding((*place, "after", at), f"{before!r} is no service of this bundle", one_of(named, before))
        if len(part.after) > MOST_BEFORE:
            yield Finding((*place, "after"), f"rests on more than {MOST_BEFORE} others", "leave out what those rest on")
        checks = [check.id for check in services[part.service].checks] if part.service in services else part.fulfilled
        for at, check in enumerate(part.fulfilled):
            if check not in checks:
                said = f"{part.service} has no check {check!r}"
                yield Finding((*place, "fulfilled", at), said, one_of(checks, check))
        yield from _twice("after", part.after, place)
        yield from _twice("fulfilled", part.fulfilled, place)
        if part.service in services:
            yield from _of_service(part, services[part.service], place, around)
    yield from _shared(bundle, services)
    yield from _circles(bundle)


def _of_service(part: BundlePart, service: Service, place: Path, around: Around) -> Iterator[Finding]:
    if not service.has_step("identify"):
        said = f"{service.key} is the same for everybody: nothing is done in it for a person"
        yield Finding((*place, "service"), said, "leave it out")
    yield from _conditions(part, service, place, around)
    yield from _said(part, service, place)


def _conditions(part: BundlePart, service: Service, place: Path, around: Around) -> Iterator[Finding]:
    """It is judged with what its own department says: before anything was answered, and by no other."""
    rules = placed(part, place)
    if rules and not service.has_step("eligibility"):
        said = f"nobody judges it: {service.key} asks no department"
        yield Finding((*place, "only_if"), said, "take it out, or add a step eligibility there")
    for path, rule in rules:
        if rule.fact.startswith(ANSWERS):
            said = "nothing has been answered yet when it is judged: nobody would have this part"
            yield Finding((*path, "fact"), said, "take a fact of its department")
    known = {**CARD_FACTS, **around.facts(service)}
    rest = [(path, rule) for path, rule in rules if not rule.fact.startswith(ANSWERS)]
    yield from together_findings(rest, known, unsent(around.department(service)))


def _shared(bundle: Bundle, services: Mapping[str, Service]) -> Iterator[Finding]:
    """What its services are said to have in common is asked by one of them."""
    steps = [spec for part in bundle.parts if part.service in services for spec in services[part.service].steps]
    asked = {each.name for spec in steps for each in spec.asks_for()}
    yield from _twice("share", bundle.share, ())
    if {type(spec) for spec in steps} == {StepSpec}:
        return  # A hub knows no kinds: whoever signs has judged it.
    for at, name in enumerate(bundle.share):
        if name not in asked:
            yield Finding(("share", at), f"none of its services asks {name!r}", one_of(asked, name))


def _twice(field: str, names: Sequence[str], place: Path) -> Iterator[Finding]:
    for at, name in enumerate(names):
        if name in names[:at]:
            yield Finding((*place, field, at), f"{name} stands there twice", "name it once")


def _said(part: BundlePart, service: Service, place: Path) -> Iterator[Finding]:
    """It answers choices that the service has, with what can be chosen."""
    chosen = {each.name: each.values for spec in service.steps if spec.kind == "choose" for each in spec.asks_for()}
    if {type(spec) for spec in service.steps} == {StepSpec}:
        return  # A hub knows no kinds: whoever signs has judged it.
    for name, value in part.said.items():
        if name not in chosen:
            yield Finding((*place, "said", name), f"{service.key} lets nobody choose {name!r}", one_of(chosen, name))
        elif value not in chosen[name]:
            yield Finding((*place, "said", name), f"{value!r} cannot be chosen", one_of(chosen[name], value))


def _circles(bundle: Bundle) -> Iterator[Finding]:
    after = {part.service: part.after for part in bundle.parts}
    names = list(after)
    for number, part in enumerate(bundle.parts):
        way = _way_back(part.service, after)
        # Each circle once: at the part of it that stands first.
        if way and part.service == min(way, key=names.index):
            said = f"comes after itself: {' → '.join((*way, part.service))}"
            yield Finding(("parts", number, "after"), said, "take one of them out")


def _way_back(start: str, after: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    ways: list[tuple[str, ...]] = [(start,)]
    seen = set()
    while ways:
        way = ways.pop()
        for before in after.get(way[-1], ()):
            if before == start:
                return way
            if before not in seen:
                seen.add(before)
                ways.append((*way, before))
    return ()
