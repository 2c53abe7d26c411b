"""Judges facts against a service's checks. Kiosk and departments use this one function, so they cannot disagree."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from kiosk.catalogue.model import Check, Condition, Service

Facts = Mapping[str, Any]


def failed_checks(service: Service, facts: Facts, today: date) -> list[str]:
    """Ids of all checks that do not hold, in catalogue order: everything missing is told at once (一次性告知).

    A fact that the department did not send fails its check: nothing is granted on what is not known.
    """
    return [c.id for c in service.checks if _applies(c, facts, today) and not holds(c, facts, today)]


def holds(rule: Check | Condition, facts: Facts, today: date) -> bool:
    """Whether one condition holds. Date operators take ISO dates and count natural days from ``today``."""
    fact = facts.get(rule.fact)
    if fact is None or fact == "":
        return False
    match rule.op:
        case "is":
            return fact == rule.value
        case "one_of":
            return fact in rule.value
        case "at_most":
            return fact <= rule.value
        case "at_least":
            return fact >= rule.value
        case "days_ahead_at_most":
            return (date.fromisoformat(str(fact)) - today).days <= rule.value
        case "days_past_at_most":
            return (today - date.fromisoformat(str(fact))).days <= rule.value


def _applies(check: Check, facts: Facts, today: date) -> bool:
    return check.only_if is None or holds(check.only_if, facts, today)


def check_named(service: Service, check_id: str) -> Check | None:
    """The check with this id, or None for one that a newer department knows and we do not."""
    return next((c for c in service.checks if c.id == check_id), None)
