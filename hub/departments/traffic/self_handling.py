"""Which violations a person may settle at a machine (电子监控违法自助处理), rule by rule.

Every rule is a function of its own; the figures are data (``self_handling.toml``). What is not allowed is for a window.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from importlib import resources
from typing import NamedTuple

import msgspec

from hub.departments.traffic.records import Car, Record, Violation
from kiosk import shapes
from kiosk.catalogue.rules import elements


class Local(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a city bars besides: speed above so many per cent, pictures of others than these."""

    over_speed_percent_at_most: int
    sources: tuple[str, ...]


class Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The figures of the rules; ``…_below`` is not reached, ``…_at_most`` may be."""

    fine_at_most_fen: int
    points_at_most: int
    total_below: int
    studies_below: int
    kinds: tuple[str, ...]
    used: tuple[str, ...]
    licence_states: tuple[str, ...]
    records_at_once: int
    record_requests_a_day: int
    record_requests_a_year: int
    non_owners_of_a_car: int
    licences_of_a_car: int
    cars_of_a_licence: int
    local: Local


FIGURES = shapes.convert(
    tomllib.loads((resources.files("hub.departments.traffic") / "self_handling.toml").read_text("utf-8")), Figures
)


class Driver(NamedTuple):
    """Who settles. ``plates``: cars for whose violations this licence has answered in the last year."""

    id_number: str
    licence_state: str
    points: int
    studies: int
    records: Sequence[Record] = ()
    plates: frozenset[str] = frozenset()


class Case(NamedTuple):
    """One violation, its car, and who wants to answer for it."""

    violation: Violation
    car: Car
    driver: Driver
    figures: Figures

    @property
    def is_own(self) -> bool:
        return self.car.owner == self.driver.id_number

    @property
    def record(self) -> Record | None:
        """The record of this car for this driver, whether or not it counts."""
        return next((each for each in self.driver.records if each.plate == self.car.plate), None)

    @property
    def needs_licence(self) -> bool:
        """For a record without points of an own car the owner's card is enough."""
        return self.violation.points > 0 or not self.is_own


Rule = Callable[[Case], bool]


def records_that_count(records: Iterable[Record], figures: Figures = FIGURES) -> list[Record]:
    """Of one driver's requests, in their order, those within the limits: at once, a day, a year."""
    counted: list[Record] = []
    asked: list[date] = []
    for each in sorted(records, key=lambda record: (record.recorded_on, record.plate)):
        same_day = sum(day == each.recorded_on for day in asked)
        same_year = sum(day.year == each.recorded_on.year for day in asked)
        asked.append(each.recorded_on)
        if (
            len(counted) < figures.records_at_once
            and same_day < figures.record_requests_a_day
            and same_year < figures.record_requests_a_year
        ):
            counted.append(each)
    return counted


def _is_among_first_non_owners(case: Case) -> bool:
    """Of those who have this car on record, only the first so many count."""
    order = sorted(case.car.records, key=lambda record: (record.recorded_on, record.id_number))
    return case.record in order[: case.figures.non_owners_of_a_car]


def _off_site(case: Case) -> bool:
    return case.violation.is_off_site


def _fine(case: Case) -> bool:
    return case.violation.fine_fen <= case.figures.fine_at_most_fen


def _points(case: Case) -> bool:
    return case.violation.points <= case.figures.points_at_most


def _total(case: Case) -> bool:
    after = case.driver.points + case.violation.points
    return not case.needs_licence or after < case.figures.total_below


def _known_car(case: Case) -> bool:
    return case.is_own or case.record is not None


def _after_record(case: Case) -> bool:
    return case.is_own or case.record is None or case.violation.at.date() > case.record.recorded_on


def _record_limits(case: Case) -> bool:
    if case.is_own or case.record is None:
        return True
    return case.record in records_that_count(case.driver.records, case.figures) and _is_among_first_non_owners(case)


def _kind(case: Case) -> bool:
    return case.car.kind in case.figures.kinds


def _used(case: Case) -> bool:
    return case.car.used in case.figures.used


def _few_licences(case: Case) -> bool:
    others = set(case.car.drivers) - {case.driver.id_number}
    return not case.needs_licence or len(others) < case.figures.licences_of_a_car


def _few_cars(case: Case) -> bool:
    others = case.driver.plates - {case.car.plate}
    return not case.needs_licence or len(others) < case.figures.cars_of_a_licence


def _licence_state(case: Case) -> bool:
    if not case.needs_licence:
        return True
    held = elements(case.driver.licence_state)
    return bool(held) and all(each in case.figures.licence_states for each in held)


def _studies(case: Case) -> bool:
    return not case.needs_licence or case.driver.studies < case.figures.studies_below


def _speed(case: Case) -> bool:
    return case.violation.over_speed_percent <= case.figures.local.over_speed_percent_at_most


def _source(case: Case) -> bool:
    return case.violation.source in case.figures.local.sources


RULES: dict[str, Rule] = {
    "violation_on_site": _off_site,
    "violation_fine": _fine,
    "violation_points": _points,
    "violation_total": _total,
    "violation_other_car": _known_car,
    "violation_before_record": _after_record,
    "violation_record_limit": _record_limits,
    "violation_car_kind": _kind,
    "violation_commercial": _used,
    "violation_review_car": _few_licences,
    "violation_review_licence": _few_cars,
    "violation_licence": _licence_state,
    "violation_studies": _studies,
    "violation_speed": _speed,
    "violation_source": _source,
}
"""The reason by which each rule refuses, in the order in which a person is told."""


def refused(violation: Violation, car: Car, driver: Driver, figures: Figures = FIGURES) -> list[str]:
    """All reasons why this person cannot settle this violation at a machine; none: it can be settled."""
    case = Case(violation, car, driver, figures)
    return [reason for reason, holds in RULES.items() if not holds(case)]
