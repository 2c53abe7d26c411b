"""One service against the lines, departments, icons and devices that there are, and against itself."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import structs

from kiosk.catalogue.check import known
from kiosk.catalogue.check.conditions import condition_findings, unsent, wider
from kiosk.catalogue.check.fees import fee_findings
from kiosk.catalogue.check.foregone import contradictions, in_vain
from kiosk.catalogue.check.public import public_findings
from kiosk.catalogue.check.steps import answers_of
from kiosk.catalogue.finding import NAMED, Finding, Path, field_of, is_name, one_of
from kiosk.catalogue.model import KnownDepartment, KnownFact, Limit, Line, Service
from kiosk.catalogue.rules import OF_AGE
from kiosk.messages.handover import TOGETHER
from kiosk.text import Text

_MOST_DAYS = 3660
_WEEK = 7 / 5
_FILES = "file"
_AGE = "age"
_NOTHING: Mapping[str, KnownFact] = {}


class Around(NamedTuple):
    """What a service may name. ``divisions`` None: unknown."""

    lines: Mapping[str, Line]
    departments: Mapping[str, KnownDepartment]
    divisions: Mapping[str, Text] | None

    def facts(self, service: Service) -> Mapping[str, KnownFact]:
        """What its department sends."""
        known_one = self.departments.get(self.department(service))
        return known_one.facts if known_one else _NOTHING

    def department(self, service: Service) -> str:
        """Its own, or that of its line."""
        line = self.lines.get(service.line)
        return service.department or (line.department if line else "")


def service_findings(service: Service, around: Around) -> Iterator[Finding]:
    """Everything that its types do not say."""
    yield from _names(service, around)
    yield from _who(service)
    yield from _limits(service)
    yield from fee_findings(service)
    yield from _rules(service, around)
    yield from _unused(service, around.department(service))
    yield from public_findings(service, around.lines.get(service.line))


def _names(service: Service, around: Around) -> Iterator[Finding]:
    yield from key_findings(service.key, "T02")
    if service.line not in around.lines:
        yield Finding(("line",), f"no line {service.line!r}", f"{one_of(around.lines, service.line)} (lines.toml)")
    department = around.department(service)
    if department and department not in around.departments:
        fix = f"{one_of(around.departments, department)} (departments.toml)"
        yield Finding(("department",), f"no department {department!r}", fix)
    yield from icon_findings(service.icon)
    if around.divisions is not None:
        yield from _nowhere(service, around.divisions)
    for number, device in enumerate(service.devices):
        if device not in known.devices():
            yield Finding(("devices", number), f"no device {device!r}", one_of(sorted(known.devices()), device))
        if device in service.devices[:number]:
            yield Finding(("devices", number), f"{device} stands there twice", "name it once")
    effects = around.departments[department].effects if department in around.departments else {}
    if service.effect and service.effect not in effects:
        said = f"{department or 'no department'} has no effect {service.effect!r}"
        yield Finding(("effect",), said, f"{one_of(effects, service.effect)} (departments.toml)")


def _nowhere(service: Service, divisions: Iterable[str]) -> Iterator[Finding]:
    """A choice among divisions of which there is none."""
    for number, spec in enumerate(service.steps):
        for place, within in spec.divisions_within():
            if not any(code.startswith(within) and code[len(within) :].strip("0") for code in divisions):
                said = f"there is no division within {within!r}" if within else "there are no divisions"
                yield Finding(("steps", number, *place), said, "write how codes of divisions.toml begin, or add them")


def key_findings(key: str, like: str) -> Iterator[Finding]:
    """A key of a service or bundle that no message could name, or that names something else there."""
    if not re.fullmatch("[A-Za-z0-9]{1,16}", key):
        yield Finding(("key",), f"{key!r} is not letters and digits only", f"write one like {like}")
    elif key == TOGETHER:
        yield Finding(("key",), f"{key!r} stands for services that a person ticked", f"write one like {like}")


def icon_findings(icon: str) -> Iterator[Finding]:
    """An icon that no page can draw."""
    if known.icons() and icon not in known.icons():
        yield Finding(("icon",), f"no icon {icon!r}", f"{one_of(known.icons(), icon)[:80]} (phosphoricons.com)")


def _who(service: Service) -> Iterator[Finding]:
    who = service.applicant
    if who.min_age < 0:
        yield Finding(("applicant", "min_age"), "below 0", "write the youngest age in full years")
    elif who.min_age > who.max_age:
        yield Finding(("applicant", "min_age"), f"nobody is {who.min_age} to {who.max_age}", "swap them")
    if not who.cards:
        yield Finding(("applicant", "cards"), "no card is accepted", 'name one, as ["resident"]')
    if len(set(who.cards)) < len(who.cards):
        yield Finding(("applicant", "cards"), "names a card twice", "name it once")
    if service.guardian_below < 0:
        yield Finding(("guardian_below",), "below 0", "write from which age on nobody needs a guardian, 0 for none")
    elif service.guardian_below > OF_AGE:
        yield Finding(("guardian_below",), f"who is {OF_AGE} needs no guardian", f"write {OF_AGE} or less")
    elif service.guardian_below and not service.has_step("second_card"):
        yield Finding(("guardian_below",), "no step asks for the guardian", "add a step second_card, or remove it")
    for name in ("flags", "delivery", "believed"):
        said = getattr(service, name)
        if len(set(said)) < len(said):
            yield Finding((name,), "names something twice", "name it once")


def _limits(service: Service) -> Iterator[Finding]:
    pairs: list[tuple[tuple[Path, Limit | None], tuple[Path, Limit | None]]] = [
        ((("limit_law",), service.limit_law), (("limit_promise",), service.limit_promise))
    ]
    for number, other in enumerate(service.limits_if):
        at: Path = ("limits_if", number)
        pairs.append((((*at, "law"), other.law), ((*at, "promise"), other.promise)))
    for (law_at, law), (promise_at, promise) in pairs:
        wrong = [
            Finding((*path, "n"), f"{limit.n:g} days are no time limit", "write 0 for at once, or the whole days")
            for path, limit in ((law_at, law), (promise_at, promise))
            if limit and not (math.isfinite(limit.n) and limit.n == int(limit.n) and 0 <= limit.n <= _MOST_DAYS)
        ]
        yield from wrong
        if not wrong and law and promise and _days(promise) > _days(law):
            said = f"longer than {field_of(law_at)}"
            yield Finding((*promise_at, "n"), said, "promise what the law asks, or sooner")


def _days(limit: Limit) -> float:
    """At least so many natural days; one working day is one day where both are few."""
    return limit.n if limit.unit == "d" or limit.n <= 1 else limit.n * _WEEK


def _rules(service: Service, around: Around) -> Iterator[Finding]:
    facts = _of_those_let_in(service, around.facts(service))
    lacks = unsent(around.department(service))
    asked = {**facts, **answers_of(service)} if any(check.only_if for check in service.checks) else facts
    found = list(_doubled("checks", [check.id for check in service.checks]))
    for number, check in enumerate(service.checks):
        if not is_name(check.id):
            found.append(Finding(("checks", number, "id"), f"{check.id!r} is no name", NAMED))
    for number, check in enumerate(service.checks):
        found += condition_findings(check, facts, ("checks", number), lacks)
        if check.from_day and (check.from_day not in facts or facts[check.from_day].type != "date"):
            said = f"{lacks} date {check.from_day!r}"
            dates = [name for name, fact in facts.items() if fact.type == "date"]
            found.append(Finding(("checks", number, "from_day"), said, one_of(dates, check.from_day)))
        if check.only_if:
            found += condition_findings(check.only_if, asked, ("checks", number, "only_if"), lacks)
            if not found and (said := in_vain(check, facts[check.fact])):
                found.append(Finding(("checks", number, "value"), said, "mend one of the two, or remove the check"))
    due = service.due
    for number, rule in enumerate(due.when if due else ()):
        found += condition_findings(rule, facts, ("due", "when", number), lacks)
    yield from found
    if not found:
        always = ((("checks", number), check) for number, check in enumerate(service.checks) if check.only_if is None)
        yield from contradictions(always, facts)
        yield from _due(service, facts)


def _of_those_let_in(service: Service, facts: Mapping[str, KnownFact]) -> Mapping[str, KnownFact]:
    """The same facts of whom ``[applicant]`` lets in: they are so old."""
    if _AGE not in facts:
        return facts
    who = service.applicant
    return {**facts, _AGE: structs.replace(facts[_AGE], least=who.min_age, most=who.max_age)}


def _due(service: Service, facts: Mapping[str, KnownFact]) -> Iterator[Finding]:
    due = service.due
    if due is None:
        return
    if not due.when:
        yield Finding(("due",), "says no when: nobody is ever told", "add when = [{ fact = …, op = …, value = … }]")
    yield from contradictions(((("due", "when", number), rule) for number, rule in enumerate(due.when)), facts)
    for number, rule in enumerate(due.when):
        if check := wider(rule, service.checks):
            said = f"due for some whom the check {check.id} refuses"
            yield Finding(("due", "when", number, "value"), said, f"write {check.value!r} or less")
    if due.until and (due.until not in facts or facts[due.until].type != "date"):
        dates = [name for name, fact in facts.items() if fact.type == "date"]
        yield Finding(("due", "until"), f"{due.until!r} is no date that the department sends", one_of(dates, due.until))


def _unused(service: Service, department: str) -> Iterator[Finding]:
    """What stands there and changes nothing."""
    files, judges = service.has_step(_FILES), service.has_step(_FILES) or service.has_step("eligibility")
    for name, is_used, fix in (
        ("checks", judges, "add the steps eligibility or file, or remove the checks"),
        ("effect", files, "add a step file, or remove it"),
        ("is_collected", files, "add a step file, or remove it"),
        ("due", bool(department), "name the department whose facts make it due"),
        ("what_next_offline", service.offline != "live", "remove it: a live service is not offered without a network"),
    ):
        if getattr(service, name) and not is_used:
            yield Finding((name,), "is used by nothing", fix)
    if service.offline == "info" and files:
        yield Finding(("offline",), "something is filed, which is more than to inform", 'write "register" or "live"')
    if "post" in service.delivery and not service.has_step("delivery"):
        yield Finding(("delivery",), "nobody asks whereto it is posted", "add a step delivery, or take post out")
    if service.checks and service.has_step("pay") and not service.has_step("eligibility"):
        yield Finding(
            ("checks",), "it is paid before anybody judges them", "add a step eligibility before the step pay"
        )
    if service.offline == "register" and not files:
        yield Finding(("offline",), "nothing is filed, so nothing is registered", 'write "info" or "live"')


def _doubled(name: str, ids: Iterable[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for number, each in enumerate(ids):
        if each in seen:
            yield Finding((name, number, "id"), f"{each!r} stands there twice", "give each its own id")
        seen.add(each)
