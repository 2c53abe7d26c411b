"""Judges facts against a service's checks. Kiosk and departments use this one function, so they cannot disagree."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any

from kiosk.catalogue.model import DATE_OPS, BundlePart, Check, Condition, Fee, Limit, LimitIf, Service, StepSpec
from kiosk.clock import full_years, months_later

Facts = Mapping[str, Any]
ANSWERS, CARD, CARD_AGE = "answers.", "card.", "card.age"
OF_AGE = 18
"""民法典 art. 17, 27: from then on nobody has a guardian, and may act for others."""
MACHINE = "machine."
"""Before the kind of a device that this machine has and that works now; ``machine.online``: the city answers."""
CARD_FACTS = ("card.kind", "card.sex", CARD_AGE, "card.valid_to")
_PLAIN_OPS = frozenset({"is", "at_most", "at_least"})
"""They would take yes for 1 and no for 0."""
_BETWEEN = re.compile(r"[\s,;/|+、]+")


def failed_checks(service: Service, facts: Facts, today: date) -> list[str]:
    """Ids of all checks that do not hold, in catalogue order: everything missing is told at once (一次性告知).

    A fact that the department did not send, or in a form that nobody knows, fails its check: nothing is granted on
    what is not known.
    """
    return [c.id for c in service.checks if _applies(c, facts, today) and not holds(c, facts, today)]


def is_due(service: Service, facts: Facts, today: date) -> bool:
    """Whether it is to be shown as due: on a fact that the department did not send nothing is due."""
    due = service.due
    return due is not None and bool(due.when) and all(holds(each, facts, today) for each in due.when)


def fees_due(service: Service, facts: Facts, today: date) -> tuple[Fee, ...]:
    """The fees of somebody of whom this is known, and who answered so (``answers.<name>``)."""
    return tuple(fee for fee in service.fees if all(holds(each, facts, today) for each in fee.conditions))


def limits_for(service: Service, facts: Facts, today: date) -> tuple[Limit | None, Limit | None]:
    """The law's limit and the promised one, for somebody of whom this is known."""
    other = _other_limits(service, facts, today)
    return (other.law, other.promise) if other else (service.limit_law, service.limit_promise)


def is_collected(service: Service, facts: Facts, today: date) -> bool:
    """Whether the case of somebody of whom this is known ends when something is taken away (取件)."""
    other = _other_limits(service, facts, today)
    return service.is_collected and not (other and other.nothing_to_collect)


def _other_limits(service: Service, facts: Facts, today: date) -> LimitIf | None:
    return next((each for each in service.limits_if if holds(each.only_if, facts, today)), None)


def said_as_facts(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Answers as conditions name them."""
    return {f"{ANSWERS}{name}": value for name, value in answers.items()}


def unfit(service: Service, *, card_kind: str, birth: date | None, valid_to: date | None, today: date) -> list[str]:
    """What the card itself speaks against: ``card_kind``, ``card_expired``, ``age``. ``valid_to`` None: for life."""
    applicant = service.applicant
    age = -1 if birth is None else full_years(birth, today)
    found = {
        "card_kind": card_kind not in applicant.cards,
        "card_expired": valid_to is not None and valid_to < today and not applicant.expired_card,
        "age": not applicant.min_age <= age <= applicant.max_age,
    }
    return [reason for reason, is_so in found.items() if is_so]


def unfit_second(*, is_same: bool, birth: date | None, valid_to: date | None, today: date) -> list[str]:
    """Why who came along acts for nobody: ``second_same``, ``second_minor``, ``second_expired``, in this order.

    ``valid_to`` None: for life. Who has no readable birthday is no adult.
    """
    found = {
        "second_same": is_same,
        "second_minor": birth is None or full_years(birth, today) < OF_AGE,
        "second_expired": valid_to is not None and valid_to < today,
    }
    return [reason for reason, is_so in found.items() if is_so]


def needs_date(service: Service) -> bool:
    """Whether somebody who asks for it is judged by today's date: age, expiry of the card, a window."""
    applicant = service.applicant
    by_card = applicant.min_age > 0 or applicant.max_age < 200 or not applicant.expired_card
    rules = (*service.checks, *(each for step in service.steps for each in step.conditions))
    by_day = any(rule.op in DATE_OPS or rule.fact == CARD_AGE for rule in rules)
    return (service.reads_card and by_card) or by_day


def card_facts(*, kind: str, sex: str, birth: date | None, valid_to: date | None, today: date | None) -> dict[str, Any]:
    """What the conditions of a step may ask of the card; without a date (``today`` None) nobody has an age."""
    age = full_years(birth, today) if birth and today else None
    return {"card.kind": kind, "card.sex": sex, CARD_AGE: age, "card.valid_to": valid_to and valid_to.isoformat()}


def is_asked(step: StepSpec | BundlePart, facts: Facts, today: date) -> bool:
    """Whether a step, or a part of a bundle, is asked.

    ``facts``: the department's, ``card_facts``, and what was said as ``answers.<name>``.

    A step is left out only when it is known that a condition does not hold; what was not answered is no answer.
    """
    return all(
        _judged(each, facts, today) is True
        if each.fact.startswith(ANSWERS)
        else _judged(each, facts, today) is not False
        for each in step.conditions
    )


def holds(rule: Check | Condition, facts: Facts, today: date) -> bool:
    """Whether one condition holds. Date operators take ISO dates and count from ``today``.

    Days are natural days; months end on the same day of the month, or on its last (民法典 art. 202).
    """
    return _judged(rule, facts, today) is True


def _applies(check: Check, facts: Facts, today: date) -> bool:
    if check.only_if is None:
        return True
    said = _judged(check.only_if, facts, today)
    # What was not answered is no answer, as yet: before the question nobody is refused for it.
    return said is True if check.only_if.fact.startswith(ANSWERS) else said is not False


def _judged(rule: Check | Condition, facts: Facts, today: date) -> bool | None:
    """None: it cannot be said, because the fact is missing or in an unknown form."""
    fact = facts.get(rule.fact)
    if fact is None or fact == "":
        return None
    if rule.op in _PLAIN_OPS and isinstance(fact, bool) is not isinstance(rule.value, bool):
        return None
    try:
        return _compared(rule, fact, facts, today)
    except (TypeError, ValueError):
        return None


def _compared(rule: Check | Condition, fact: Any, facts: Facts, today: date) -> bool:
    match rule.op:
        case "is":
            return fact == rule.value
        case "one_of":
            return fact in rule.value
        case "each_one_of":
            return bool(elements(fact, rule.code)) and not unfit_elements(rule, fact)
        case "among":
            return fact in elements(facts.get(rule.value) or "")
        case "at_most":
            return fact <= rule.value
        case "at_least":
            return fact >= rule.value
        case "days_ahead_at_most":
            return (date.fromisoformat(str(fact)) - today).days <= rule.value
        case "days_past_at_most":
            return (today - date.fromisoformat(str(fact))).days <= rule.value
        case "months_ahead_at_most":
            return today >= months_later(date.fromisoformat(str(fact)), -rule.value)
        case "months_past_at_most":
            return today <= months_later(date.fromisoformat(str(fact)), rule.value)


def elements(fact: Any, code: str = "") -> list[str]:
    """The single values of a combined one: ``C1E`` → ``C1``, ``E``; what ``code`` does not know stands by itself.

    ``code`` is a pattern for values that are written without anything between them (准驾车型, GA/T 16).
    """
    if isinstance(fact, list | tuple):
        return [one for part in fact for one in elements(part, code)]
    words = [word for word in _BETWEEN.split(unicodedata.normalize("NFKC", str(fact))) if word]
    if not code:
        return words
    return [one for word in words for one in re.findall(f"(?:{code})|(?:(?!{code}).)+", word.upper())]


def unfit_elements(rule: Check | Condition, fact: Any) -> list[str]:
    """Which of the values that are held do not fit an ``each_one_of``."""
    return [one for one in elements(fact, rule.code) if one not in rule.value]


def check_named(service: Service, check_id: str) -> Check | None:
    """The check with this id, or None for one that a newer department knows and we do not."""
    return next((c for c in service.checks if c.id == check_id), None)
