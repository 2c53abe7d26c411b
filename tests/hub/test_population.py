"""The made-up population: every check of the catalogue has somebody who passes it and somebody whom it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

import psycopg
import pytest
from msgspec import convert
from stdnum.cn import ric

from hub.database import prepare
from hub.department import Application, Facts, second_reasons
from hub.departments import departments
from hub.people.generated import hook_of, population
from kiosk.catalogue.id_card_years import card_valid_to, card_years
from kiosk.catalogue.loader import load
from kiosk.catalogue.model import Check, Service
from kiosk.catalogue.rules import ANSWERS, failed_checks, holds, is_due, unfit
from kiosk.clock import day_of, full_years
from kiosk.messages.content import FOR_LIFE, Applicant
from tests.hub.fixtures import PEOPLE, TODAY

CATALOGUE = load()
MADE_UP = population(departments().values(), TODAY)
EVERYBODY = [*PEOPLE.values(), *MADE_UP]
JUDGED = [
    s for s in CATALOGUE.services.values() if s.department in departments() and hook_of(departments()[s.department])
]
"""The services of the departments that bring their part of the population."""


@pytest.fixture(scope="module")
def known(database: str) -> dict[str, dict[str, Facts]]:
    """What every department says of everybody, by department and number."""
    prepare(database)
    return asyncio.run(_ask(database))


async def _ask(dsn: str) -> dict[str, dict[str, Facts]]:
    found: dict[str, dict[str, Facts]] = {}
    async with await psycopg.AsyncConnection.connect(dsn) as conn:
        for key, department in departments().items():
            await department.seed(conn, EVERYBODY)
            numbers = [person["card"]["number"] for person in EVERYBODY]
            found[key] = {number: await department.facts(conn, number, TODAY) for number in numbers}
    return found


def who_may_ask(service: Service) -> Iterator[dict[str, Any]]:
    """Everybody whose card and age fit."""
    for person in EVERYBODY:
        card = person["card"]
        valid_to = day_of(card.get("valid_to", ""))
        if not unfit(service, card_kind=card["kind"], birth=day_of(card["birth"]), valid_to=valid_to, today=TODAY):
            yield person


def missing(service: Service, known: dict[str, Facts]) -> list[str]:
    """What of a service nobody can show."""
    facts = [known[person["card"]["number"]] for person in who_may_ask(service)]
    found = [f"{check.id}: nobody {what}" for check in service.checks for what in _unshown(check, facts)]
    if not any(not failed_checks(service, each, TODAY) for each in facts):
        found.append("nobody passes everything")
    if service.due and len({is_due(service, each, TODAY) for each in facts}) < 2:
        found.append("due for everybody, or for nobody")
    return [f"{service.key} {each}" for each in found]


def _unshown(check: Check, facts: list[Facts]) -> Iterator[str]:
    only_if = None if is_about_what_is_said(check) else check.only_if
    asked = [each for each in facts if only_if is None or holds(only_if, each, TODAY)]
    verdicts = {holds(check, each, TODAY) for each in asked}
    yield from (words for verdict, words in ((True, "passes"), (False, "is refused")) if verdict not in verdicts)


def is_about_what_is_said(check: Check) -> bool:
    """Whether it is for who gives a certain answer, as everybody may."""
    return check.only_if is not None and check.only_if.fact.startswith(ANSWERS)


def test_every_check_has_somebody_who_passes_and_somebody_who_is_refused(known: dict[str, dict[str, Facts]]) -> None:
    assert JUDGED
    assert [each for service in JUDGED for each in missing(service, known[service.department])] == []


def test_a_child_passes_with_its_guardian_and_another_is_refused_with_a_reason(
    known: dict[str, dict[str, Facts]],
) -> None:
    people = {person["card"]["number"]: person["card"] for person in MADE_UP}
    guarded = [service for service in JUDGED if service.guardian_below > service.applicant.min_age]
    assert len(guarded) == 11
    found: dict[str, set[tuple[str, ...]]] = {}
    for service in guarded:
        for child in (person for person in MADE_UP if _years(person) < service.guardian_below):
            number, second = child["card"]["number"], convert(people[child["guardian"]], Applicant)
            if not failed_checks(service, known[service.department][number], TODAY):
                case = Application("key", convert(child["card"], Applicant), {"second_card": "guardian"}, second=second)
                found.setdefault(service.key, set()).add(tuple(second_reasons(service, case, TODAY)))
    assert [service.key for service in guarded if () not in found[service.key]] == []
    assert set().union(*found.values()) == {(), ("second_expired",)}


def _years(person: dict[str, Any]) -> int:
    return full_years(date.fromisoformat(person["card"]["birth"]), TODAY)


@pytest.mark.parametrize("today", [TODAY, date(2027, 2, 28), date(2027, 3, 1), date(2028, 2, 29)], ids=str)
def test_made_up_people_stand_on_both_sides_of_every_limit(today: date) -> None:
    people = population(departments().values(), today)
    births = {day_of(person["card"]["birth"]) for person in people}
    assert len({person["card"]["number"] for person in people}) == len(people) >= 300
    assert {1, 15, 16, 17, 18, 25, 26, 45, 46, 69, 70} <= {full_years(birth, today) for birth in births if birth}
    assert sum(birth is not None and (birth.month, birth.day) == (2, 29) for birth in births) >= 20


@pytest.mark.parametrize("person", MADE_UP[::7], ids=lambda each: each["id"])
def test_a_made_up_card_is_right_and_belongs_to_nobody(person: dict[str, Any]) -> None:
    card, birth = person["card"], day_of(person["card"]["birth"])
    assert card["number"].startswith("99")
    assert card["number"][6:14] == card["birth"]
    assert ric.calc_check_digit(card["number"]) == card["number"][17]
    assert int(card["number"][16]) % 2 == int(card["sex"]) % 2
    issued = day_of(card["valid_from"])
    assert issued
    assert birth
    assert (day_of(card["valid_to"]) if card["valid_to"] != FOR_LIFE else None) == card_valid_to(birth, issued)
    guardian = next((each for each in MADE_UP if each["card"]["number"] == person.get("guardian")), None)
    assert (guardian is not None) == (full_years(birth, TODAY) < 18)


def test_the_same_seed_makes_the_same_people() -> None:
    again = partial(population, departments().values(), TODAY)
    assert again() == MADE_UP
    assert again(seed=7) != MADE_UP


@pytest.mark.parametrize(
    ("birth", "issued", "years"),
    [
        (date(2011, 1, 13), date(2027, 1, 12), 5),
        (date(2011, 1, 12), date(2027, 1, 12), 10),
        (date(2001, 1, 13), date(2027, 1, 12), 10),
        (date(2001, 1, 12), date(2027, 1, 12), 20),
        (date(1981, 1, 13), date(2027, 1, 12), 20),
        (date(1981, 1, 12), date(2027, 1, 12), 0),
        (date(2012, 2, 29), date(2028, 2, 28), 5),
        (date(2012, 2, 29), date(2028, 2, 29), 10),
        (date(1980, 2, 29), date(2026, 2, 27), 20),
        (date(1980, 2, 29), date(2026, 2, 28), 0),
    ],
)
def test_a_card_is_valid_as_long_as_the_age_of_its_first_day_says(birth: date, issued: date, years: int) -> None:
    assert card_years(birth, issued) == years
