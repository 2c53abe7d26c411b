"""What the catalogue may ask of a department and what the department does: both sides agree, and services are data."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import date
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec.structs import replace

from hub.database import prepare
from hub.department import Application, Decision, Department, EffectUnknown, Facts, Unfit, due_of
from hub.departments import departments
from hub.people.generated import population
from kiosk.catalogue.loader import load
from kiosk.catalogue.model import Service
from kiosk.messages.content import Applicant
from kiosk.messages.envelope import new_key
from kiosk.messages.questions import DueFact
from tests.hub.fixtures import PEOPLE, TODAY, number_of

CATALOGUE = load()
MADE_UP = population(departments().values(), TODAY)
TYPES: dict[str, Callable[[Any], bool]] = {
    "text": lambda fact: isinstance(fact, str),
    "date": lambda fact: date.fromisoformat(fact).isoformat() == fact,
    "number": lambda fact: isinstance(fact, int | float) and not isinstance(fact, bool),
    "yes_no": lambda fact: isinstance(fact, bool),
    "list": lambda fact: isinstance(fact, str | list),
}
Ask = Callable[[Callable[[psycopg.AsyncConnection], Awaitable[Any]]], Any]


@pytest.fixture(scope="module")
def records(database: str) -> str:
    """A database with the people's records."""
    prepare(database)
    run(database, seed)
    return database


@pytest.fixture
def ask(records: str) -> Iterator[Ask]:
    yield lambda work: run(records, work)
    run(records, seed)


def run(dsn: str, work: Callable[[psycopg.AsyncConnection], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
            return await work(conn)

    return asyncio.run(inside())


async def seed(conn: psycopg.AsyncConnection) -> None:
    for department in departments().values():
        await department.seed(conn, PEOPLE.values())


def applicant(person: str) -> Applicant:
    card = PEOPLE[person]["card"]
    return Applicant(**{k: v for k, v in card.items() if k in Applicant.__struct_fields__})


def decide(service: Service, person: str, key: str = "") -> Callable[[psycopg.AsyncConnection], Awaitable[Decision]]:
    application = Application(key or new_key(), applicant(person), {})
    return lambda conn: departments()[service.department].decide(conn, service, application, TODAY)


def licence(person: str) -> Callable[[psycopg.AsyncConnection], Awaitable[tuple]]:
    async def look(conn: psycopg.AsyncConnection) -> tuple:
        rows = await conn.execute("select expires_on from traffic.licence where id_number = %s", [number_of(person)])
        return await rows.fetchone()

    return look


@pytest.mark.parametrize("key", departments())
def test_every_fact_that_is_sent_is_declared_with_its_type_and_every_declared_one_is_sent(ask: Ask, key: str) -> None:
    declared, sent = CATALOGUE.departments[key].facts, set()

    async def everybody(conn: psycopg.AsyncConnection) -> list[Facts]:
        await departments()[key].seed(conn, MADE_UP)
        numbers = [person["card"]["number"] for person in (*PEOPLE.values(), *MADE_UP)]
        return [await departments()[key].facts(conn, number, TODAY) for number in numbers]

    for facts in ask(everybody):
        for name, fact in facts.items():
            assert name in declared, f"{key} sends {name}, which departments.toml does not declare"
            assert TYPES[declared[name].type](fact), f"{name} of {key} is no {declared[name].type}: {fact!r}"
            assert not declared[name].values or fact in declared[name].values
        sent |= set(facts)
    assert sent == set(declared), "a declared fact that nobody has"


def test_every_department_is_declared_and_every_effect_exists() -> None:
    assert {key: set(known.effects) for key, known in CATALOGUE.departments.items()} == {
        key: set(department.effects) for key, department in departments().items()
    }


@pytest.mark.parametrize("service", [s for s in CATALOGUE.services.values() if s.department], ids=lambda s: s.key)
def test_every_service_has_its_department_here_and_an_effect_that_it_can_have(service: Service) -> None:
    assert service.effect in ("", *departments()[service.department].effects)


def test_what_acceptance_changes_is_said_by_the_service(ask: Ask) -> None:
    renewal = CATALOGUE.services["T01"]
    lost = replace(renewal, key="T02", effect="")
    assert ask(decide(lost, "zhao")).accepted
    assert ask(licence("zhao")) == (date(2027, 3, 28),)
    assert ask(decide(renewal, "zhao")).accepted
    assert ask(licence("zhao")) == (date(2037, 3, 28),)


def test_two_cases_of_one_person_at_the_same_moment_are_judged_one_after_the_other(ask: Ask, records: str) -> None:
    async def both(_: psycopg.AsyncConnection) -> list[Decision]:
        async def one() -> Decision:
            async with await psycopg.AsyncConnection.connect(records, autocommit=True) as conn:
                await all_there.wait()
                return await decide(CATALOGUE.services["T01"], "zhao")(conn)

        all_there = asyncio.Barrier(6)
        return await asyncio.gather(*[one() for _ in range(6)])

    assert sorted(len(each.reasons) for each in ask(both)) == [0, 1, 1, 1, 1, 1]
    assert ask(licence("zhao")) == (date(2037, 3, 28),)


def test_a_refused_case_changes_nothing(ask: Ask) -> None:
    assert not ask(decide(CATALOGUE.services["T01"], "sun")).accepted
    before = PEOPLE["sun"]["records"]["licence"]["expires_on"]
    assert ask(licence("sun")) == (before,)


def test_a_late_endorsement_lifts_the_suspension_of_the_permit(ask: Ask) -> None:
    async def suspend(conn: psycopg.AsyncConnection) -> None:
        await conn.execute("update household.residence_permit set state = 'suspended', valid_to = '2026-12-01'")

    async def permit(conn: psycopg.AsyncConnection) -> tuple:
        query = "select state, valid_to from household.residence_permit where id_number = %s"
        return await (await conn.execute(query, [number_of("li")])).fetchone()

    ask(suspend)
    assert ask(decide(CATALOGUE.services["H13"], "li")).accepted
    assert ask(permit) == ("normal", date(2028, 1, 12))


def test_an_effect_that_the_department_does_not_have_decides_nothing(ask: Ask) -> None:
    key, service = new_key(), replace(CATALOGUE.services["T01"], effect="licence_of_tomorrow")
    with pytest.raises(EffectUnknown, match="licence_of_tomorrow"):
        ask(decide(service, "zhao", key))
    # Nothing is half done: when the department has learned it, the same case is decided as if it came then.
    assert ask(decide(CATALOGUE.services["T01"], "zhao", key)).accepted
    assert ask(licence("zhao")) == (date(2037, 3, 28),)


def test_a_case_that_asks_for_what_cannot_be_is_refused_with_the_reasons_and_changes_nothing(ask: Ask) -> None:
    async def begin_and_refuse(conn: psycopg.AsyncConnection, application: Application) -> None:
        assert application.day == TODAY
        await conn.execute("update traffic.licence set points = 9 where id_number = %s", [application.applicant.number])
        raise Unfit("no_such_decision", "not_yours")

    department, key = type(departments()["traffic"])({"licence_renewed": begin_and_refuse}), new_key()
    application = Application(key, applicant("zhao"), {})

    def decide_again(conn: psycopg.AsyncConnection) -> Awaitable[Decision]:
        return department.decide(conn, CATALOGUE.services["T01"], application, TODAY)

    refusal = Decision(accepted=False, reasons=["no_such_decision", "not_yours"])
    assert [ask(decide_again), ask(decide_again)] == [refusal, refusal]

    async def points(conn: psycopg.AsyncConnection) -> tuple:
        rows = await conn.execute("select points from traffic.licence where id_number = %s", [number_of("zhao")])
        return await rows.fetchone()

    assert ask(points) == (PEOPLE["zhao"]["records"]["licence"]["points"],)


def test_what_is_due_hangs_on_no_name_of_a_check() -> None:
    facts: Facts = {"expires_on": "2027-03-28", "licence_state": "normal"}
    service = CATALOGUE.services["T01"]
    renamed = replace(service, checks=tuple(replace(check, id=f"x{i}") for i, check in enumerate(service.checks)))
    named = [DueFact(s.key, {"expires_on": "2027-03-28"}, date(2027, 3, 28)) for s in (service, renamed)]
    assert due_of([service, renamed], facts, TODAY) == named
    assert due_of([replace(service, due=None)], facts, TODAY) == []
    assert due_of([service], {**facts, "licence_state": "seized"}, TODAY) == []


@pytest.mark.parametrize(("until", "day"), [("", None), ("absent", None), ("licence_state", None)])
def test_without_a_last_day_it_is_due_all_the_same(until: str, day: date | None) -> None:
    service = CATALOGUE.services["T01"]
    assert service.due is not None
    facts: Facts = {"expires_on": "2027-03-28", "licence_state": "normal"}
    (item,) = due_of([replace(service, due=replace(service.due, until=until))], facts, TODAY)
    assert (item.due_on, item.facts) == (day, {"expires_on": "2027-03-28"})


def test_facts_of_another_kind_still_make_a_due_list_that_travels() -> None:
    service = CATALOGUE.services["E13"]
    (item,) = due_of([service], {"trips_left": 3, "valid_until": "2027-01-12"}, TODAY)
    assert msgspec.to_builtins(item)["facts"] == {"trips_left": "3", "valid_until": "2027-01-12"}


def test_a_department_without_records_of_a_person_tells_nothing(ask: Ask) -> None:
    found = {key: ask(lambda conn, d=d: d.facts(conn, "none", TODAY)) for key, d in departments().items()}
    # That nobody is barred, owes or waits for anything is known of everybody; the state of no document is.
    told = found.pop("exit_entry")
    usual = {"city_right": "none", "fingerprints_taken": True, "fingerprints_needed": True}
    assert {name: fact for name, fact in told.items() if fact} == usual
    assert found == {"traffic": {}, "household": {}}


def test_documents_are_asked_of_who_issues_any() -> None:
    class Silent(Department):
        key = "silent"

        async def facts(self, conn: psycopg.AsyncConnection, id_number: str, today: date) -> Facts:
            return {}

    assert not Silent().issues_documents
    assert {key for key, department in departments().items() if department.issues_documents} == {"exit_entry"}
