"""Checks against facts: every defect at once, unknown facts grant nothing, dates by natural days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec import structs

from kiosk.catalogue.loader import load
from kiosk.catalogue.model import Applicant, Condition
from kiosk.catalogue.rules import check_named, elements, failed_checks, holds, is_due, needs_date, unfit, unfit_second
from kiosk.clock import full_years, months_later

TODAY = date(2027, 1, 12)
GOOD: dict[str, Any] = {
    "expires_on": "2027-03-28",
    "licence_state": "normal",
    "licence_class": "C1",
    "violations_unsettled": 0,
    "accidents_open": 0,
    "points": 3,
    "medical_on": "2026-12-01",
    "age": 68,
}


PERMIT: dict[str, Any] = {"permit_state": "normal", "still_resident": True}


def failed(today: date = TODAY, **changes: Any) -> list[str]:
    return failed_checks(load().services["T01"], {**GOOD, **changes}, today)


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


@pytest.mark.parametrize("fact", sorted(GOOD))
def test_a_fact_that_nobody_knows_grants_nothing(fact: str) -> None:
    assert failed(**{fact: None}) != []


@pytest.mark.parametrize(("age", "passed", "missing"), [(69, None, []), (70, None, ["ability_test"]), (70, True, [])])
def test_the_ability_test_is_asked_from_seventy_on(age: int, passed: bool | None, missing: list[str]) -> None:
    assert failed(age=age, ability_test_passed=passed) == missing


@pytest.mark.parametrize(
    ("op", "value", "fact"),
    [("is", True, 1), ("is", False, 0), ("is", 0, False), ("at_most", 11, True), ("at_least", 1, True)],
)
def test_yes_is_no_number_and_a_number_is_no_yes(op: Any, value: Any, fact: Any) -> None:
    assert not holds(Condition(fact="f", op=op, value=value), {"f": fact}, TODAY)
    assert holds(Condition(fact="f", op=op, value=value), {"f": type(value)(fact)}, TODAY)


def test_a_check_that_only_a_newer_department_knows_has_no_words_here() -> None:
    service = load().services["T01"]
    assert check_named(service, "window_open") is not None
    assert check_named(service, "of_tomorrow") is None


@pytest.mark.parametrize(
    ("day", "months", "end"),
    [
        ("2026-03-01", 6, "2026-09-01"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2023-08-30", 6, "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-03-01", -1, "2026-02-01"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-01-15", -1, "2025-12-15"),
        ("9999-12-31", 6, "9999-12-31"),
        ("0001-01-01", -6, "0001-01-01"),
    ],
)
def test_a_month_ends_on_the_same_day_or_on_the_months_last(day: str, months: int, end: str) -> None:
    assert months_later(date.fromisoformat(day), months) == date.fromisoformat(end)


@pytest.mark.parametrize(
    ("medical_on", "today", "is_good"),
    [
        ("2026-03-01", "2026-09-01", True),
        ("2026-03-01", "2026-09-02", False),
        ("2026-08-31", "2027-02-28", True),
        ("2026-08-31", "2027-03-01", False),
        # 183 days were more than six months here.
        ("2027-01-01", "2027-07-01", True),
        ("2027-01-01", "2027-07-02", False),
    ],
)
def test_a_medical_certificate_is_good_for_six_calendar_months(medical_on: str, today: str, is_good: bool) -> None:
    missing = failed(date.fromisoformat(today), medical_on=medical_on)
    assert ("medical_recent" not in missing) == is_good


@pytest.mark.parametrize(
    ("valid_to", "opens"),
    [("2026-03-01", "2026-02-01"), ("2026-03-31", "2026-02-28"), ("2027-02-05", "2027-01-05")],
)
def test_a_permits_last_month_opens_on_the_same_day_of_the_month_before(valid_to: str, opens: str) -> None:
    first, facts = date.fromisoformat(opens), {**PERMIT, "permit_valid_to": valid_to}
    assert failed_checks(load().services["H13"], facts, first) == []
    assert failed_checks(load().services["H13"], facts, first - timedelta(days=1)) == ["window_open"]


@pytest.mark.parametrize(("expires_on", "last"), [("2023-05-06", "2024-05-06"), ("2024-02-29", "2025-02-28")])
def test_a_licence_is_renewed_until_a_calendar_year_after_its_end(expires_on: str, last: str) -> None:
    day = date.fromisoformat(last)
    assert "window_not_over" not in failed(day, expires_on=expires_on)
    assert "window_not_over" in failed(day + timedelta(days=1), expires_on=expires_on)


@pytest.mark.parametrize(
    ("birth", "today", "years"),
    [
        ("2008-02-29", "2026-02-27", 17),
        ("2008-02-29", "2026-02-28", 18),
        ("2008-02-29", "2028-02-28", 19),
        ("2008-02-29", "2028-02-29", 20),
        ("2010-06-15", "2026-06-14", 15),
        ("2010-06-15", "2026-06-15", 16),
    ],
)
def test_age_is_counted_in_calendar_years_also_for_who_was_born_on_29_february(
    birth: str, today: str, years: int
) -> None:
    assert full_years(date.fromisoformat(birth), date.fromisoformat(today)) == years


@pytest.mark.parametrize("held", ["C1", "C1E", "C1E D", "c1e", "C1,D", "C1/C6", "C5", "Ｃ１Ｅ", "C4DEF", "C1DM"])
def test_each_class_of_a_small_car_licence_is_taken(held: str) -> None:
    assert failed(licence_class=held) == []


@pytest.mark.parametrize("held", ["A1", "A1A2D", "A2E", "B2D", "C1B2", "B1", "A3", "C1N", "C9", "C1X", "Z", "?", " "])
def test_one_class_that_the_counter_renews_or_nobody_knows_is_enough(held: str) -> None:
    assert failed(licence_class=held) == ["licence_class"]


def test_combined_values_are_taken_apart() -> None:
    code = "[ABC][1-6]|[DEFMNP]"
    assert elements("A1A2D", code) == ["A1", "A2", "D"]
    assert elements("C1E D", code) == ["C1", "E", "D"]
    assert elements("C9D", code) == ["C9", "D"]
    assert elements(["C1", "E"], code) == ["C1", "E"]
    assert elements("超分，逾期未检验") == ["超分", "逾期未检验"]


@pytest.mark.parametrize("state", ["overdue,suspended", "normal,locked", "超分、逾期未检验", ["normal", "suspended"]])
def test_a_combined_state_holds_only_if_each_part_does(state: Any) -> None:
    assert failed(licence_state=state) == ["licence_normal"]
    assert failed_checks(
        load().services["H13"], {**PERMIT, "permit_valid_to": "2027-01-31", "permit_state": state}, TODAY
    ) == ([] if state == ["normal", "suspended"] else ["permit_held"])


@pytest.mark.parametrize(
    ("fact", "value", "missing"),
    [
        ("points", "many", "points_below_12"),
        ("expires_on", "long", "window_open"),
        ("medical_on", 7, "medical_recent"),
        ("violations_unsettled", None, "violations_settled"),
        ("age", "seventy", "ability_test"),
        ("age", None, "ability_test"),
    ],
)
def test_a_fact_in_a_form_that_nobody_knows_grants_nothing_and_stops_nothing(
    fact: str, value: Any, missing: str
) -> None:
    assert missing in failed(**{fact: value})


def test_what_the_card_itself_speaks_against_is_told_together() -> None:
    service = load().services["H13"]
    card: dict[str, Any] = {"card_kind": "resident", "birth": date(1990, 1, 1), "valid_to": None, "today": TODAY}
    assert unfit(service, **card) == []
    assert unfit(service, **{**card, "valid_to": TODAY}) == []
    assert unfit(service, **{**card, "valid_to": TODAY - timedelta(days=1)}) == ["card_expired"]
    assert unfit(service, **{**card, "birth": None, "card_kind": "passport"}) == ["card_kind", "age"]


@pytest.mark.parametrize(
    ("birth", "fits"),
    [("2011-01-13", False), ("2011-01-12", True), ("1967-01-12", True), ("1966-01-13", True), ("1966-01-12", False)],
)
def test_who_has_just_reached_the_age_may_and_who_is_a_year_too_old_may_not(birth: str, fits: bool) -> None:
    service = structs.replace(load().services["H13"], applicant=Applicant(min_age=16, max_age=60))
    card: dict[str, Any] = {"card_kind": "resident", "birth": date.fromisoformat(birth), "valid_to": None}
    assert unfit(service, **card, today=TODAY) == ([] if fits else ["age"])


@pytest.mark.parametrize(
    ("is_same", "birth", "valid_to", "reasons"),
    [
        (False, date(2009, 1, 12), None, []),
        (False, date(2009, 1, 13), TODAY, ["second_minor"]),
        (False, None, None, ["second_minor"]),
        (False, date(1980, 1, 1), TODAY - timedelta(days=1), ["second_expired"]),
        (True, date(2012, 1, 1), date.min, ["second_same", "second_minor", "second_expired"]),
    ],
)
def test_who_came_along_is_judged_by_one_rule_at_the_machine_and_in_the_city(is_same, birth, valid_to, reasons) -> None:
    assert unfit_second(is_same=is_same, birth=birth, valid_to=valid_to, today=TODAY) == reasons


def test_a_window_needs_the_date_also_where_no_card_is_read() -> None:
    service = load().services["T01"]
    assert needs_date(service)
    without_card = structs.replace(service, steps=())
    assert needs_date(without_card), "it has windows"
    assert not needs_date(structs.replace(without_card, checks=()))


def test_a_service_that_does_not_say_when_is_due_for_nobody() -> None:
    service = load().services["T01"]
    assert service.due is not None
    silent = structs.replace(service, due=structs.replace(service.due, when=()))
    assert not is_due(silent, GOOD, TODAY)


@pytest.mark.parametrize(
    ("key", "changes", "due"),
    [
        ("T01", {}, True),
        ("T01", {"expires_on": "2027-04-12"}, True),
        ("T01", {"expires_on": "2027-04-13"}, False),
        ("T01", {"expires_on": "2026-01-12"}, True),
        ("T01", {"expires_on": "2026-01-11"}, False),
        ("T01", {"licence_state": "normal,suspended"}, False),
        ("T01", {"licence_state": None}, False),
        ("T01", {"expires_on": "some day"}, False),
        ("H13", {"permit_valid_to": "2027-02-12"}, True),
        ("H13", {"permit_valid_to": "2027-02-13"}, False),
        ("E13", {"trips_left": 1, "valid_until": "2027-01-12"}, True),
        ("E13", {"trips_left": 0, "valid_until": "2027-01-12"}, False),
        ("E13", {"trips_left": 1, "valid_until": "2027-01-11"}, False),
        ("E13", {}, False),
        ("C01", {}, False),
    ],
)
def test_what_is_due_is_said_by_the_services_own_data(key: str, changes: dict[str, Any], due: bool) -> None:
    assert is_due(load().services[key], {**GOOD, **changes}, TODAY) is due
