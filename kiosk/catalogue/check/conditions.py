"""Conditions: facts that somebody sends, an operator that fits them, and a value that they can have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kiosk.catalogue.check.foregone import contradictions, foregone
from kiosk.catalogue.check.patterns import pattern_fault
from kiosk.catalogue.finding import Finding, Path, one_of
from kiosk.catalogue.model import DATE_OPS, BundlePart, Check, Condition, Fee, KnownFact, StepSpec
from kiosk.catalogue.rules import elements

Rule = Check | Condition
_OPS = {
    "text": {"is", "one_of", "each_one_of", "among"},
    "list": {"each_one_of"},
    "number": {"is", "one_of", "at_most", "at_least"},
    "yes_no": {"is"},
    "date": set(DATE_OPS),
}
_VALUES = {"text": (str, "a text"), "list": (str, "a text"), "number": (int, "a whole number")}
_YES_NO = (bool, "true or false")
_LISTS = ("one_of", "each_one_of")
_CHOICES = (*_LISTS, "is")


def condition_findings(rule: Rule, facts: Mapping[str, KnownFact], path: Path, lacks: str) -> Iterator[Finding]:
    """Of one condition; ``lacks``: who does not send what is missing, in words as "nobody sends a"."""
    fact = facts.get(rule.fact)
    if fact is None:
        yield Finding((*path, "fact"), f"{lacks} fact {rule.fact!r}", one_of(facts, rule.fact))
        return
    if rule.op not in _OPS[fact.type]:
        kind = fact.type.replace("_", " or ")
        yield Finding((*path, "op"), f"{rule.op} does not fit {rule.fact}, a {kind}", one_of(sorted(_OPS[fact.type])))
        return
    if rule.op == "among":
        lists = [name for name, each in facts.items() if each.type == "list"]
        if rule.value not in lists:
            yield Finding((*path, "value"), f"{lacks} list {rule.value!r}", one_of(lists, str(rule.value)))
        return
    wrong = [*_code(rule, path), *_value(rule, fact, path)]
    yield from wrong
    if not wrong and (said := foregone(rule, fact)):
        yield Finding((*path, "value"), said, "compare with a value that tells people apart, or remove it")


def unsent(department: str) -> str:
    """The beginning of what is said of a fact that it does not send."""
    return f"{department} sends no" if department else "no department sends a"


def placed(owner: StepSpec | Fee | BundlePart, path: Path) -> list[tuple[Path, Condition]]:
    """The conditions of what stands at ``path``, each with its own place."""
    is_list = isinstance(owner.only_if, tuple)
    place: Path = (*path, "only_if")
    return [((*place, number) if is_list else place, rule) for number, rule in enumerate(owner.conditions)]


def together_findings(
    rules: Sequence[tuple[Path, Rule]], facts: Mapping[str, KnownFact], lacks: str
) -> Iterator[Finding]:
    """Of conditions that must all hold."""
    if not rules:
        return
    found = [each for path, rule in rules for each in condition_findings(rule, facts, path, lacks)]
    yield from found or contradictions(rules, facts)


def _code(rule: Rule, path: Path) -> Iterator[Finding]:
    if not rule.code:
        return
    if rule.op != "each_one_of":
        yield Finding((*path, "code"), "only each_one_of uses it", "remove it")
    # By itself, and as part of a larger one, twice: elements().
    elif fault := pattern_fault(rule.code) or pattern_fault(2 * f"(?:{rule.code})"):
        yield Finding((*path, "code"), *fault)
    else:
        for number, each in enumerate(rule.value if isinstance(rule.value, list) else []):
            if elements(each, rule.code) != [each]:
                yield Finding((*path, "value", number), f"{each!r} is not one value by code", "correct it or code")


def _value(rule: Rule, fact: KnownFact, path: Path) -> Iterator[Finding]:
    path = (*path, "value")
    if rule.op in DATE_OPS:
        if not _is(rule.value, int) or rule.value < 0:
            yield Finding(path, f"{rule.value!r} is no number of days or months", "write a whole number")
        return
    if rule.op in _LISTS and (not isinstance(rule.value, list) or not rule.value):
        yield Finding(path, f"{rule.op} wants a list", f"write value = [{rule.value!r}]" if rule.value else "fill it")
        return
    kind, words = _VALUES.get(fact.type, _YES_NO)
    for number, each in enumerate(rule.value if rule.op in _LISTS else [rule.value]):
        place = (*path, number) if rule.op in _LISTS else path
        if not _is(each, kind):
            yield Finding(place, f"{each!r} is not {words}, as {rule.fact} is", f"write {words}")
        elif fact.values and each not in fact.values:
            yield Finding(place, f"{rule.fact} is never {each!r}", one_of(fact.values, each))
    if rule.op in _LISTS and len(set(map(str, rule.value))) < len(rule.value):
        yield Finding(path, "names something twice", "name it once")


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _choices(rule: Rule) -> set[str]:
    return set(map(str, rule.value if isinstance(rule.value, list) else [rule.value]))


def wider(due: Rule, checks: Sequence[Check]) -> Check | None:
    """The check that refuses some of those for whom it is due."""
    same = [check for check in checks if (check.fact, check.op) == (due.fact, due.op) and check.only_if is None]
    return next((check for check in same if _is_wider(due, check)), None)


def _is_wider(due: Rule, check: Check) -> bool:
    if due.op in _CHOICES:
        return not _choices(due) <= _choices(check)
    return due.value < check.value if due.op == "at_least" else due.value > check.value
