"""电子监控违法自助处理 rule by rule: what each still allows, and the first that it does not."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from hub.departments.traffic.fines import late_fen, pay_until
from hub.departments.traffic.records import Car, Record, Violation
from hub.departments.traffic.self_handling import FIGURES, RULES, Driver, records_that_count, refused

ME, OWNER, PLATE = "990101198001010017", "990101197001010018", "通A·00001"
SEEN = Violation(
    *("1", PLATE, datetime(2026, 12, 1, 8), "", "", "", True, "traffic", 0),
    fine_fen=20000,
    points=3,
)
CAR = Car("V1", PLATE, ME, "small_car", "private", 5, "normal")
LENT = replace(CAR, owner=OWNER, records=[Record(ME, PLATE, date(2026, 11, 30))])
DRIVER = Driver(ME, "normal", 0, 0)
BORROWER = DRIVER._replace(records=LENT.records)


def record(day: str, plate: str = PLATE, person: str = ME) -> Record:
    return Record(person, plate, date.fromisoformat(day))


def others(count: int) -> list[str]:
    return [f"other{n}" for n in range(count)]


# reason, what is changed of violation, car and driver: allowed, and refused.
TABLE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("violation_on_site", {"is_off_site": True}, {"is_off_site": False}),
    ("violation_fine", {"fine_fen": 20000}, {"fine_fen": 20100}),
    ("violation_points", {"points": 6}, {"points": 7}),
    ("violation_total", {"points": 3, "driver.points": 8}, {"points": 3, "driver.points": 9}),
    ("violation_total", {"points": 0, "driver.points": 12}, {"points": 1, "driver.points": 11}),
    ("violation_car_kind", {"car.kind": "small_nev"}, {"car.kind": "large_bus"}),
    ("violation_commercial", {"car.used": "private"}, {"car.used": "commercial"}),
    ("violation_review_car", {"car.drivers": [ME, *others(2)]}, {"car.drivers": others(3)}),
    ("violation_review_car", {"points": 0, "car.drivers": others(3)}, {"points": 1, "car.drivers": others(3)}),
    (
        "violation_review_licence",
        {"driver.plates": frozenset((PLATE, *others(2)))},
        {"driver.plates": frozenset(others(3))},
    ),
    *(
        ("violation_licence", {"points": 0, "driver.licence_state": state}, {"driver.licence_state": state})
        for state in (
            *("revoked", "withdrawn", "cancelled", "stopped", "overdue", "unreviewed", "seized", "withheld"),
            *("recoverable", "suspended", "locked", "moved_out", "full_points", "normal,locked", "unheard_of", ""),
        )
    ),
    ("violation_studies", {"driver.studies": 2}, {"driver.studies": 3}),
    ("violation_speed", {"over_speed_percent": 50}, {"over_speed_percent": 51}),
    *(("violation_source", {"source": "traffic"}, {"source": source}) for source in ("city", "airport", "railway")),
]
LENT_TABLE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("violation_other_car", {}, {"driver.records": []}),
    ("violation_before_record", {"at": datetime(2026, 12, 1)}, {"at": datetime(2026, 11, 30, 23, 59)}),
    # Three cars of others at once.
    *(
        (
            "violation_record_limit",
            {"driver.records": [*before[1:], record("2026-11-30")]},
            {"driver.records": [*before, record("2026-11-30")]},
        )
        for before in [[record("2025-02-01", "A"), record("2026-03-01", "B"), record("2026-04-01", "C")]]
    ),
    # One request a day: of two on one day the first counts.
    (
        "violation_record_limit",
        {"driver.records": [record("2026-11-29", "A"), record("2026-11-30")]},
        {"driver.records": [record("2026-11-30", "A"), record("2026-11-30")]},
    ),
    # A car has three who are not its owner.
    (
        "violation_record_limit",
        {"car.records": [record("2026-01-01", person="a"), record("2026-01-02", person="b"), *LENT.records]},
        {"car.records": [*(record(f"2026-01-0{n}", person=f"p{n}") for n in (1, 2, 3)), *LENT.records]},
    ),
    # For somebody else's car the licence counts, with or without points.
    ("violation_licence", {"points": 0}, {"points": 0, "driver.licence_state": "overdue"}),
]


def reasons(changed: dict[str, Any], car: Car, driver: Driver) -> list[str]:
    of: dict[str, dict[str, Any]] = {"violation": {}, "car": {}, "driver": {}}
    for name, value in changed.items():
        what, _, field = name.rpartition(".")
        of[what or "violation"][field] = value
    return refused(replace(SEEN, **of["violation"]), replace(car, **of["car"]), driver._replace(**of["driver"]))


@pytest.mark.parametrize(
    ("reason", "allowed", "barred", "car", "driver"),
    [(*row, CAR, DRIVER) for row in TABLE] + [(*row, LENT, BORROWER) for row in LENT_TABLE],
)
def test_each_rule_allows_up_to_its_edge_and_refuses_beyond(
    reason: str, allowed: dict[str, Any], barred: dict[str, Any], car: Car, driver: Driver
) -> None:
    assert reasons(allowed, car, driver) == []
    assert reasons(barred, car, driver) == [reason]


def test_every_rule_is_in_the_table_and_all_reasons_are_told_together() -> None:
    assert {row[0] for row in (*TABLE, *LENT_TABLE)} == set(RULES)
    assert reasons({"fine_fen": 50000, "points": 12, "car.used": "commercial"}, CAR, DRIVER) == [
        *("violation_fine", "violation_points", "violation_total", "violation_commercial"),
    ]


def test_of_six_requests_in_a_year_the_sixth_counts_for_nothing() -> None:
    roomy = replace(FIGURES, records_at_once=9)
    asked = [record(f"2026-0{month}-01", str(month)) for month in range(1, 7)]
    assert records_that_count(asked, roomy) == asked[:5]
    assert records_that_count([*asked[:5], record("2027-01-01", "6")], roomy)[-1].plate == "6"


@pytest.mark.parametrize(
    ("today", "added"),
    [("2027-01-16", 0), ("2027-01-17", 600), ("2027-01-26", 6000), ("2027-02-20", 20000), ("2028-01-01", 20000)],
)
def test_a_fine_grows_from_the_sixteenth_day_on_and_never_beyond_itself(today: str, added: int) -> None:
    decided = date(2027, 1, 1)
    assert pay_until(decided) == date(2027, 1, 16)
    assert late_fen(20000, decided, date.fromisoformat(today)) == added
