"""Checks against facts: every defect at once, unknown facts grant nothing, dates by natural days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from kiosk.catalogue.loader import load
from kiosk.catalogue.rules import check_named, failed_checks

TODAY = date(2027, 1, 12)
GOOD: dict[str, Any] = {
    "expires_on": "2027-03-28",
    "licence_state": "normal",
    "licence_class": "C1",
    "violations_unsettled": 0,
    "points": 3,
    "medical_on": "2026-12-01",
    "age": 68,
}


def failed(**changes: Any) -> list[str]:
    return failed_checks(load().services["T01"], {**GOOD, **changes}, TODAY)


def test_nothing_is_missing_for_a_person_who_has_everything() -> None:
    assert failed() == []


@pytest.mark.parametrize(
    ("days", "missing"),
    [(90, []), (91, ["window_open"]), (0, []), (-1, []), (-365, []), (-366, ["window_not_over"])],
)
def test_the_window_opens_90_days_before_expiry_and_closes_a_year_after(days: int, missing: list[str]) -> None:
    assert failed(expires_on=str(TODAY + timedelta(days=days))) == missing


def test_all_defects_are_told_at_once_in_the_order_of_the_catalogue() -> None:
    missing = failed(points=12, violations_unsettled=2, medical_on="2026-01-01", licence_state="suspended")
    assert missing == ["licence_normal", "violations_settled", "points_below_12", "medical_recent"]


@pytest.mark.parametrize("fact", sorted(set(GOOD) - {"age"}))
def test_a_fact_that_nobody_knows_grants_nothing(fact: str) -> None:
    assert failed(**{fact: None}) != []


@pytest.mark.parametrize(("age", "passed", "missing"), [(69, None, []), (70, None, ["ability_test"]), (70, True, [])])
def test_the_ability_test_is_asked_from_seventy_on(age: int, passed: bool | None, missing: list[str]) -> None:
    assert failed(age=age, ability_test_passed=passed) == missing


def test_a_check_that_only_a_newer_department_knows_has_no_words_here() -> None:
    service = load().services["T01"]
    assert check_named(service, "window_open") is not None
    assert check_named(service, "of_tomorrow") is None
