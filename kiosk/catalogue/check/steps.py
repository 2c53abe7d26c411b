"""The steps of a service one after the other: each says itself what is wrong with it, and nothing comes too late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import get_args

from msgspec import structs

from kiosk.catalogue.check import known as around
from kiosk.catalogue.check.choices import choice_findings
from kiosk.catalogue.check.conditions import condition_findings, placed, together_findings
from kiosk.catalogue.check.filed import filed_findings
from kiosk.catalogue.finding import NAMED, Finding, Path, is_name, one_of
from kiosk.catalogue.model import AT_HUB, CardKind, KnownFact, Service, StepSpec
from kiosk.catalogue.rules import ANSWERS, CARD, CARD_AGE, MACHINE

CARD_FACTS = {
    "card.kind": KnownFact(type="text", about="of which kind the card is", values=get_args(CardKind)),
    "card.sex": KnownFact(type="text", about="GB/T 2261.1", values=("0", "1", "2", "9")),
    CARD_AGE: KnownFact(type="number", about="full years today"),
    "card.valid_to": KnownFact(type="date", about="last day of the card; none for one that is valid for life"),
}

_SHOWING = ("review", "sign")
"""The kinds of steps that show what was said."""


def step_findings(service: Service, department: str, facts: Mapping[str, KnownFact]) -> Iterator[Finding]:
    """Of all steps; ``facts``: what the department sends."""
    if not service.steps:
        yield Finding((), "has no steps", "add [[steps]]")
    who = service.applicant
    age = structs.replace(CARD_FACTS[CARD_AGE], least=who.min_age, most=who.max_age)
    known = {**facts, **CARD_FACTS, CARD_AGE: age, **_machine_facts(), **_unjudged(service)}
    before: tuple[str, ...] = ()
    for number, spec in enumerate(service.steps):
        path: Path = ("steps", number)
        if spec.about.is_once and spec.kind in before:
            yield Finding(path, f"a second {spec.kind} is never reached with anything to do", "remove it")
        yield from _conditions(spec, known, path)
        yield from _below(path, spec.faults(service, number))
        yield from _asked_too_late(spec, before, path)
        yield from _unknown_names(spec, known, path)
        yield from _below(path, choice_findings(service, number, known))
        for asked in spec.asks_for():
            if not is_name(asked.name):
                yield Finding((*path, *asked.place), f"{asked.name!r} is no name", NAMED)
            if ANSWERS + asked.name in known:
                place = (*path, *asked.place)
                yield Finding(place, f"the answer {asked.name!r} is asked twice", "give each its own name")
            known[ANSWERS + asked.name] = KnownFact(type="text", about="an answer", values=asked.values)
        before = before if spec.never_by_itself else (*before, spec.kind)
    yield from filed_findings(service)
    yield from _of_fees_and_limits(service, known)
    if service.has_step("file") and not department and AT_HUB.isdisjoint(spec.kind for spec in service.steps):
        yield Finding(("department",), "nobody decides what is filed", "name a department, or a line that has one")


def _unknown_names(spec: StepSpec, known: Mapping[str, KnownFact], path: Path) -> Iterator[Finding]:
    for place, name in spec.named():
        if name not in known:
            said = f"neither a step before it nor the department says {name!r}"
            yield Finding((*path, *place), said, one_of(known, name))


@cache
def _machine_facts() -> Mapping[str, KnownFact]:
    has = {name: KnownFact(type="yes_no", about="this machine has one, and it works") for name in around.devices()}
    has["online"] = KnownFact(type="yes_no", about="the city answers")
    return {f"{MACHINE}{name}": fact for name, fact in has.items()}


def answers_of(service: Service) -> dict[str, KnownFact]:
    """All that is answered in it, as facts."""
    asked = [asked for spec in service.steps for asked in spec.asks_for()]
    known = {ANSWERS + each.name: KnownFact(type="text", about="an answer", values=each.values) for each in asked}
    return {**known, **_unjudged(service)}


def _unjudged(service: Service) -> dict[str, KnownFact]:
    """Answers for who reads steps without their kinds, as a hub does: whoever signs has judged them."""
    if {type(spec) for spec in service.steps} != {StepSpec}:
        return {}
    rules = [rule for each in (*service.steps, *service.fees) for rule in each.conditions]
    rules += [check.only_if for check in service.checks if check.only_if]
    answers = KnownFact(type="text", about="an answer")
    return {rule.fact: answers for rule in rules if rule.fact.startswith(ANSWERS)}


def _of_fees_and_limits(service: Service, known: Mapping[str, KnownFact]) -> Iterator[Finding]:
    owners = [placed(fee, ("fees", number)) for number, fee in enumerate(service.fees)]
    owners += [[(("limits_if", at, "only_if"), limit.only_if)] for at, limit in enumerate(service.limits_if)]
    for rules in owners:
        # The department decides about both, and sees neither the card nor the machine.
        unseen = [(path, rule) for path, rule in rules if rule.fact.startswith((CARD, MACHINE))]
        for path, rule in unseen:
            said = f"{rule.fact} is known here only: at the department it is nobody's"
            yield Finding((*path, "fact"), said, "take a fact of the department, or an answer")
        if not unseen:
            yield from together_findings(rules, known, "neither a step nor the department sends a")


def _conditions(spec: StepSpec, known: Mapping[str, KnownFact], path: Path) -> Iterator[Finding]:
    rules = placed(spec, path)
    if type(spec) is StepSpec:
        # A hub knows no kinds, and so no answers: that was judged by who signed.
        rules = [(place, rule) for place, rule in rules if not rule.fact.startswith(ANSWERS)]
    yield from together_findings(rules, known, "nobody before this step sends a")
    for below, rule in spec.conditions_inside():
        yield from condition_findings(rule, known, (*path, *below), "nobody before this step sends a")


def _below(path: Path, findings: Iterator[Finding]) -> Iterator[Finding]:
    for place, what, fix in findings:
        yield Finding((*path, *place), what, fix)


def _asked_too_late(spec: StepSpec, before: tuple[str, ...], path: Path) -> Iterator[Finding]:
    if "file" in before and (spec.asks_for() or spec.adds()):
        yield Finding(path, "comes after file, which files the answers", "put it before file")
    elif (shown := next((kind for kind in _SHOWING if kind in before), "")) and any(
        asked.is_reviewed for asked in spec.asks_for()
    ):
        yield Finding(path, f"comes after {shown}, which shows the answers", f"put it before {shown}")
