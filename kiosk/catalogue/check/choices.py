"""Choices of which every option is for some only: somebody would stand before a page with nothing to touch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kiosk.catalogue.check.conditions import condition_findings
from kiosk.catalogue.check.foregone import OTHER, uncovered
from kiosk.catalogue.finding import Finding, Path
from kiosk.catalogue.model import Check, Condition, KnownFact, Service
from kiosk.catalogue.rules import ANSWERS, CARD, MACHINE

_KNOWN_HERE = (ANSWERS, CARD, MACHINE)
_FIX = "leave one option without only_if, or say in the step's only_if who is asked"


def choice_findings(service: Service, at: int, facts: Mapping[str, KnownFact]) -> Iterator[Finding]:
    """Of the step at this place; paths begin in its own table.

    Told is what is certain: options about one fact that leave out a value of it, and options by what a department says
    where it need not have said anything. Options about several facts are the author's to think through.
    """
    for place, options in service.steps[at].offers():
        rules = [rule for conditions in options for rule in conditions]
        if not all(options) or not all(_is_sound(rule, facts) for rule in rules):
            continue
        unsaid = sorted({rule.fact for rule in rules if not rule.fact.startswith(_KNOWN_HERE)})
        is_judged = service.offline == "live" and "eligibility" in service.kinds_before(at)
        if unsaid and not is_judged:
            said = f"nothing can be chosen while nobody has said {unsaid[0]}"
            yield Finding(place, said, "leave one option without only_if")
        elif len({rule.fact for rule in rules}) == 1 and all(len(conditions) == 1 for conditions in options):
            yield from _left_out(service, at, place, rules, facts[rules[0].fact])


def _is_sound(rule: Check | Condition, facts: Mapping[str, KnownFact]) -> bool:
    """Whether it can be tried out; what is wrong with it is told where it stands."""
    return rule.op != "among" and not any(condition_findings(rule, facts, (), ""))


def _left_out(service: Service, at: int, place: Path, rules: list[Condition], fact: KnownFact) -> Iterator[Finding]:
    name = rules[0].fact
    checks = [check for check in service.checks if check.fact == name and check.only_if is None]
    asked = [rule for rule in service.steps[at].conditions if rule.fact == name]
    others = [*asked, *(checks if "eligibility" in service.kinds_before(at) else ())]
    sound = [rule for rule in others if _is_sound(rule, {name: fact})]
    # "" is the answer that was not given.
    left = [each for each in uncovered(rules, sound, fact) if each != ""]
    if left:
        named = next((repr(each) for each in left if each != OTHER), "of another value")
        yield Finding(place, f"nothing can be chosen by who has {name} {named}", _FIX)
