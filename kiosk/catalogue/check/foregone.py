"""Conditions that are the same for everybody, by themselves or beside others: tried on every value that matters.

Between the values that a condition names it says the same of all, so that these, their neighbours and the ends of what
a fact can be stand for everything that a department may send.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from kiosk.catalogue.finding import Finding, Path
from kiosk.catalogue.model import DATE_OPS, Check, Condition, KnownFact
from kiosk.catalogue.rules import holds
from kiosk.clock import months_later

Rule = Check | Condition
_TODAY = date(2027, 1, 12)
"""Some day: what is judged counts from it, and is the same on all."""
_FARTHEST = timedelta(days=36525)
"""No date of a person, and no time limit, is further away than a hundred years."""
OTHER = "\0"
"""Stands for every text that no condition names."""


def foregone(rule: Rule, fact: KnownFact) -> str:
    """Why it is the same for everybody, "" when it is not."""
    values = _values(fact, [rule])
    if not values:
        return ""
    always = _holds(rule, values[0])
    # Nearly all tell the first of them from the last.
    if any(_holds(rule, value) is not always for value in reversed(values)):
        return ""
    return f"can never {'fail' if always else 'hold'}: {rule.fact} {_can_be(fact)}"


def in_vain(check: Check, fact: KnownFact) -> str:
    """Why it is the same for all of whom ``only_if`` asks it, where both are about one fact; "" when it is not."""
    if check.only_if is None or check.only_if.fact != check.fact:
        return ""
    values = _values(fact, [check, check.only_if])
    said = [it for it, is_asked in zip(_judged(check, values), _judged(check.only_if, values), strict=True) if is_asked]
    if len(set(said)) != 1:
        return ""
    return f"can never {'fail' if said[0] else 'hold'} for those of whom only_if asks it"


def contradictions(rules: Iterable[tuple[Path, Rule]], facts: Mapping[str, KnownFact]) -> Iterator[Finding]:
    """Of rules that must hold together those that cannot, and those that add nothing.

    What has no fact is left out, and what compares with a list of the person's own.
    """
    seen: dict[str, list[Rule]] = {}
    for path, rule in rules:
        if rule.fact not in facts or rule.op == "among":
            continue
        before = seen.setdefault(rule.fact, [])
        yield from _beside(path, rule, before, facts[rule.fact])
        before.append(rule)


def uncovered(options: Sequence[Rule], others: Sequence[Rule], fact: KnownFact) -> list[Any]:
    """The values of a fact for which none of these holds, of those for whom all the others do."""
    values = _values(fact, [*options, *others])
    offered, is_asked = ([_judged(rule, values) for rule in rules] for rules in (options, others))
    at = range(len(values))
    return [values[n] for n in at if all(each[n] for each in is_asked) and not any(each[n] for each in offered)]


def _beside(path: Path, rule: Rule, before: Sequence[Rule], fact: KnownFact) -> Iterator[Finding]:
    values = _values(fact, [rule, *before]) if before else []
    if not values:
        return
    said, others = _judged(rule, values), [_judged(other, values) for other in before]
    if said in others:
        yield Finding(path, f"asks of {rule.fact} what is asked before", "remove one of them")
    elif not any(all(each) for each in zip(said, *others, strict=True)):
        yield Finding((*path, "value"), f"can never hold together with what is asked of {rule.fact} before", "mend")
    elif all(each[0] or not all(each[1:]) for each in zip(said, *others, strict=True)):
        yield Finding((*path, "value"), f"can never fail where what is asked of {rule.fact} before holds", "remove it")


def _judged(rule: Rule, values: Sequence[Any]) -> list[bool]:
    return [_holds(rule, value) for value in values]


def _holds(rule: Rule, value: Any) -> bool:
    return holds(rule, {rule.fact: value}, _TODAY)


def _can_be(fact: KnownFact) -> str:
    if fact.type == "number":
        return f"is never below {fact.least}" if fact.most is None else f"is {fact.least} to {fact.most}"
    return "is no more than a hundred years away" if fact.type == "date" else "is always one of these"


def _values(fact: KnownFact, rules: Sequence[Rule]) -> list[Any]:
    """Those of a fact on which these rules can differ."""
    if fact.type == "yes_no":
        return [True, False]
    if fact.type == "date":
        return [day.isoformat() for day in _days(rules)]
    named = [each for rule in rules for each in (rule.value if isinstance(rule.value, list) else [rule.value])]
    if fact.type == "number":
        near = {fact.least, fact.most, *(each + step for each in named for step in (-1, 0, 1))} - {None}
        return sorted(n for n in near if n >= fact.least and (fact.most is None or n <= fact.most))
    texts = list(fact.values or [*dict.fromkeys(named), OTHER])
    return [[text] for text in texts] if fact.type == "list" else texts


def _days(rules: Sequence[Rule]) -> list[date]:
    found = {_TODAY, _TODAY - _FARTHEST, _TODAY + _FARTHEST}
    for rule in rules:
        # What is further away than anything can be tells nobody apart; nor is there such a day in every calendar.
        if rule.op in DATE_OPS and rule.value < _FARTHEST.days:
            way = 1 if "ahead" in rule.op else -1
            is_days = rule.op.startswith("days")
            months = min(rule.value, 1200)
            last = _TODAY + timedelta(days=way * rule.value) if is_days else months_later(_TODAY, way * months)
            found |= {last - timedelta(days=1), last, last + timedelta(days=1)}
    return sorted(day for day in found if abs(day - _TODAY) <= _FARTHEST)
