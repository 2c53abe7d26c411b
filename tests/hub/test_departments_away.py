"""A department that is away, slow, hanging or wrong: what does not need it goes on, and lists say who is silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import msgspec
import psycopg
import pytest

from hub import answers, gateway
from hub.database import open_pool, prepare
from hub.department import Department, Facts
from hub.gateway import DepartmentDown, Gateway
from hub.keys import load_or_make_keys
from kiosk.catalogue.loader import load
from kiosk.clock import Clock
from kiosk.messages.encoding import decode
from kiosk.messages.questions import (
    MOST_FACTS,
    Document,
    DocumentsQuestion,
    DueQuestion,
    EligibilityAnswer,
    EligibilityQuestion,
)
from tests.hub.fixtures import TODAY, Machine, RunningHub, number_of
from tests.waiting import HANG_S, eventually

ZHAO = number_of("zhao")
DOCUMENT = Document("passport", "E9****05", date(2029, 8, 11), "valid", [])
T = "traffic"


@pytest.fixture(autouse=True)
def day_one(hub: RunningHub) -> Iterator[None]:
    hub.demo("DELETE", "faults")
    hub.demo("POST", "reset")
    yield
    hub.demo("DELETE", "faults")


@contextmanager
def away(hub: RunningHub) -> Iterator[None]:
    hub.demo("POST", "faults", down=[T])
    yield
    hub.demo("DELETE", "faults")


@contextmanager
def hanging(hub: RunningHub) -> Iterator[None]:
    """Whoever asks for a licence waits for ever, as at a system that has stopped in the middle."""
    with psycopg.connect(hub.dsn) as conn:
        conn.execute("lock table traffic.licence in access exclusive mode")
        yield
        conn.rollback()


@pytest.fixture(params=[away, hanging])
def without_traffic(request: pytest.FixtureRequest, hub: RunningHub, machine: Machine) -> Iterator[None]:
    with request.param(hub):
        yield
    eventually(lambda: machine.ask("due", id_number=ZHAO).silent == [], "traffic answers again")


@pytest.mark.usefixtures("without_traffic")
def test_what_does_not_need_traffic_is_answered_as_always(hub: RunningHub, machine: Machine) -> None:
    documents = machine.ask("documents", id_number=ZHAO)
    assert (len(documents.documents), documents.silent) == (1, [])
    assert machine.ask("eligibility", service="H13", id_number=number_of("chen")).failed == ["still_resident"]
    due = machine.ask("due", id_number=number_of("wang"))
    assert ([item.service for item in due.items], due.silent) == (["H13", "E13"], [T])
    number = f"H-{machine.kiosk_id}"
    machine.file_case("li", "H13", number)
    machine.wait_for(number, "accepted")
    assert machine.ask("progress", id_number=number_of("li")).cases[0].service == "H13"
    assert machine.status_of("eligibility", service="T01", id_number=ZHAO) == 503
    assert hub.machine().call("POST", "/v1/heartbeats", b"{}").status_code == 200


def test_a_case_that_came_meanwhile_is_decided_as_soon_as_the_department_answers(
    hub: RunningHub, machine: Machine
) -> None:
    numbers = [f"T-{n}-{machine.kiosk_id}" for n in range(6)]
    with hanging(hub):
        for number in numbers:
            machine.file_case("zhao", "T01", number)
            machine.wait_for(number, "delivered")
        machine.file_case("wang", "H13", f"H-{machine.kiosk_id}")
        machine.wait_for(f"H-{machine.kiosk_id}", "accepted")
        assert {state for number in numbers for state in machine.states(number)} == {"delivered"}
    for number in numbers:
        eventually(lambda n=number: len(machine.states(n)) > 1, f"{number} is decided")
    # The first renewed it, so that for the others it is too early, also for those that were asked at the same moment.
    assert sorted(machine.states(number)[-1] for number in numbers) == ["accepted", *["not_accepted"] * 5]


def test_many_questions_to_a_department_that_hangs_take_nothing_from_the_others(
    hub: RunningHub, machine: Machine
) -> None:
    with hanging(hub), ThreadPoolExecutor(24) as pool:
        asked = [pool.submit(machine.ask, "due", id_number=ZHAO) for _ in range(24)]
        told = [each.result(HANG_S) for each in asked]
    assert [(answer.silent, [item.service for item in answer.items]) for answer in told] == [([T], ["E13"])] * 24
    eventually(lambda: machine.ask("due", id_number=ZHAO).silent == [], "traffic answers again")


@pytest.mark.attack(3)
def test_one_machine_that_asks_without_end_takes_no_department_from_the_others(
    hub: RunningHub, machine: Machine
) -> None:
    """Its questions were in every other machine's way until the department counted as silent, for the whole city."""
    hub.demo("POST", "faults", department_slow_s=0.4)
    asked = {"service": "T01", "id_number": ZHAO}
    with ThreadPoolExecutor(64) as pool:
        many = [pool.submit(machine.status_of, "eligibility", **asked) for _ in range(64)]
        eventually(lambda: any(each.done() for each in many), "they are under way")
        assert hub.machine().status_of("eligibility", **asked) == 200
        assert {each.result(HANG_S) for each in many} == {200}, "each has its turn"


@pytest.mark.parametrize("kind", ["due", "documents", "eligibility"])
def test_a_slow_department_is_waited_for(hub: RunningHub, machine: Machine, kind: str) -> None:
    hub.demo("POST", "faults", department_slow_s=0.3)
    more = {"service": "T01"} if kind == "eligibility" else {}
    assert getattr(machine.ask(kind, id_number=ZHAO, **more), "silent", []) == []


# -- the gateway itself, with departments that do as the story wants -------------------------------------------------


class Actor(Department):
    """Answers as its story says."""

    def __init__(self, key: str, act: Callable[[], Awaitable[Any]]) -> None:
        super().__init__()
        self.key = key
        self.act = act
        self.asked = 0

    async def facts(self, conn: psycopg.AsyncConnection, id_number: str, today: date) -> Facts:
        self.asked += 1
        return await self.act()

    async def documents(self, conn: psycopg.AsyncConnection, id_number: str) -> list[Document]:
        self.asked += 1
        return await self.act()


async def for_ever() -> Any:
    await asyncio.Event().wait()


def telling(value: Any) -> Callable[[], Awaitable[Any]]:
    async def act() -> Any:
        return value

    return act


async def broken() -> Any:
    raise KeyError("a record's own words")


@asynccontextmanager
async def hub_of(dsn: str, *actors: Actor) -> AsyncIterator[Any]:
    """As much of a hub as answers questions."""
    prepare(dsn, {})
    async with open_pool(dsn) as pool:
        gateway = Gateway(pool, {actor.key: actor for actor in actors})
        with TemporaryDirectory() as keys:
            yield SimpleNamespace(
                gateway=gateway, catalogue=load(), clock=Clock(TODAY), pool=pool, keys=load_or_make_keys(Path(keys))
            )


def test_departments_are_asked_at_the_same_time(database: str) -> None:
    async def story() -> None:
        all_asked = asyncio.Barrier(2)

        async def act() -> list[Document]:
            await all_asked.wait()
            return [DOCUMENT]

        async with hub_of(database, Actor("one", act), Actor("two", act)) as hub:
            found = await answers.documents(hub, DocumentsQuestion("1"))
            assert (len(found.documents), found.silent) == (2, [])

    asyncio.run(story())


def test_one_query_for_each_kind_of_record_whatever_many_services_are_due(database: str) -> None:
    async def story() -> None:
        actor = Actor(T, telling({"expires_on": "2027-03-28", "licence_state": "normal"}))
        async with hub_of(database, actor) as hub:
            renewal = hub.catalogue.services["T01"]
            for n in range(9):
                hub.catalogue.services[f"T9{n}"] = renewal
            found = await answers.due(hub, DueQuestion("1"))
            assert (len(found.items), found.silent, actor.asked) == (10, [], 1)

    asyncio.run(story())


def test_a_department_without_anything_that_can_be_due_is_not_asked(database: str) -> None:
    async def story() -> None:
        actor = Actor(T, telling({}))
        async with hub_of(database, actor) as hub:
            for service in [each for each in hub.catalogue.services.values() if each.due and each.department == T]:
                hub.catalogue.services.pop(service.key)
            assert (await answers.due(hub, DueQuestion("1"))).items == []
            assert actor.asked == 0

    asyncio.run(story())


@pytest.mark.parametrize("act", [broken, for_ever, telling(5), telling([DOCUMENT, 5]), telling([object()])])
def test_who_fails_hangs_or_talks_nonsense_is_silent_and_the_others_are_heard(
    database: str, monkeypatch, act: Callable[[], Awaitable[Any]]
) -> None:
    monkeypatch.setattr(gateway, "ANSWER_WITHIN_S", 0.5)

    async def story() -> None:
        async with hub_of(database, Actor("good", telling([DOCUMENT])), Actor("bad", act)) as hub:
            found = await answers.documents(hub, DocumentsQuestion("1"))
            assert (found.documents, found.silent) == ([DOCUMENT], ["bad"])
            with pytest.raises(DepartmentDown):
                await answers.answer(hub, "documents", DocumentsQuestion("1"), "K-1", version=2)
        async with hub_of(database, Actor("bad", act)) as hub:
            with pytest.raises(DepartmentDown):
                await answers.documents(hub, DocumentsQuestion("1"))

    asyncio.run(story())


@pytest.mark.parametrize("told", [None, 5, "x", [("points", 1)]])
def test_facts_that_are_no_table_are_no_answer(database: str, told: Any) -> None:
    async def story() -> None:
        async with hub_of(database, Actor(T, telling(told))) as hub:
            with pytest.raises(DepartmentDown):
                await answers.eligibility(hub, EligibilityQuestion("T01", "1"))

    asyncio.run(story())


@pytest.mark.parametrize(
    ("fact", "read"),
    [
        (date(2027, 1, 12), "2027-01-12"),
        (("C1", "E"), ["C1", "E"]),
        (True, True),
        (0, 0),
        (0.5, 0.5),
        (None, None),
        (2**60, None),
        ("\0", None),
        ({"deep": 1}, None),
        (object(), None),
        (["C1", "a\0b"], None),
        (["x"] * 30_000, None),
        (float("nan"), None),
        (float("-inf"), None),
    ],
)
def test_a_fact_that_nobody_can_read_is_left_out_and_its_check_fails(database: str, fact: Any, read: Any) -> None:
    async def story() -> None:
        async with hub_of(database, Actor(T, telling({"points": fact, "violations_unsettled": 0}))) as hub:
            told = await answers.eligibility(hub, EligibilityQuestion("T01", "1"))
            assert told.facts == {"violations_unsettled": 0} | ({} if read is None else {"points": read})
            is_number = isinstance(read, int | float) and not isinstance(read, bool)
            assert ("points_below_12" in told.failed) == (not is_number)

    asyncio.run(story())


@pytest.mark.parametrize("name", ["a\0b", "a" * 65, "a\nb"])
def test_a_fact_whose_name_nobody_can_read_costs_no_other(database: str, name: str) -> None:
    facts = {name: 1, "violations_unsettled": 0}

    async def story() -> None:
        async with hub_of(database, Actor(T, telling(facts))) as hub:
            told = await answers.eligibility(hub, EligibilityQuestion("T01", "1"))
            assert told.facts == {"violations_unsettled": 0}

    asyncio.run(story())


def test_of_too_many_facts_a_machine_is_told_as_many_as_it_reads(database: str) -> None:
    async def story() -> None:
        async with hub_of(database, Actor(T, telling({f"k{n}": n for n in range(5000)}))) as hub:
            told = await answers.eligibility(hub, EligibilityQuestion("T01", "1"))
            assert len(decode(msgspec.json.encode(told), EligibilityAnswer).facts) == MOST_FACTS

    asyncio.run(story())


def test_who_was_silent_again_and_again_is_left_alone_for_a_while_and_then_asked_again(
    database: str, monkeypatch
) -> None:
    monkeypatch.setattr(gateway, "ANSWER_WITHIN_S", 0.1)
    monkeypatch.setattr(gateway, "PAUSE_S", 1e9)

    async def story() -> None:
        actor = Actor(T, for_ever)
        async with hub_of(database, actor) as hub:
            question = EligibilityQuestion("T01", "1")
            for n in range(gateway.AT_ONCE):
                assert actor.asked == n
                with pytest.raises(DepartmentDown):
                    await answers.eligibility(hub, question)
            actor.act = telling({})
            with pytest.raises(DepartmentDown):
                await answers.eligibility(hub, question)
            assert actor.asked == gateway.AT_ONCE
            hub.gateway._lines[T].paused_until_s = 0.0
            monkeypatch.setattr(gateway, "ANSWER_WITHIN_S", HANG_S)
            await answers.eligibility(hub, question)
            # One answer, and it is trusted again: a single silence later leaves nobody waiting.
            monkeypatch.setattr(gateway, "ANSWER_WITHIN_S", 0.1)
            actor.act = for_ever
            with pytest.raises(DepartmentDown):
                await answers.eligibility(hub, question)
            actor.act = telling({})
            monkeypatch.setattr(gateway, "ANSWER_WITHIN_S", HANG_S)
            await answers.eligibility(hub, question)

    asyncio.run(story())
