"""What is missing of a machine's numbers and when it raises an alarm, on a database that no running hub looks at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeVar

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from hub import gap_alarm
from hub.database import prepare
from hub.gaps import Gap, findings, gaps, note_all_sent
from kiosk.messages.envelope import new_key

T = TypeVar("T")
START = datetime(2027, 1, 12, 2, tzinfo=UTC)
DAY_S = 24 * 3600
_machines = count(1)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass
class Numbers:
    """One machine's numbers as the hub's database knows them. All times in seconds after the start."""

    conn: psycopg.Connection
    kiosk_id: str = field(default_factory=lambda: f"k-{next(_machines):04}")

    def __post_init__(self) -> None:
        self.sql("insert into kiosk (kiosk_id, public_key, enrolled_at) values (%s, 'key', %s)", self.kiosk_id, START)
        self.sql("insert into kiosk_chain (kiosk_id, chain) values (%s, 1)", self.kiosk_id)

    def sql(self, query: str, *values: object) -> list[tuple]:
        done = self.conn.execute(query, values)
        return done.fetchall() if done.description else []

    def run(self, doing: Callable[[psycopg.AsyncConnection], Awaitable[T]]) -> T:
        async def run() -> T:
            async with await psycopg.AsyncConnection.connect(self.conn.info.dsn, autocommit=True) as conn:
                return await doing(conn)

        return asyncio.run(run())

    def online(self, seq: int, came: float, key: str = "", *, by_file: bool = False, prev: str = "aa") -> None:
        self.sql(
            "insert into envelope values (%s, nextval('hub_seq'), %s, %s, 'case', null, '', '', 'aa', %s, %s, '', %s)",
            *(key or new_key(), self.kiosk_id, seq, prev, at(came), by_file),
        )

    def by_file(self, seq: int, came: float) -> None:
        self.online(seq, came, by_file=True)

    def paper(self, seq: int, came: float, key: str = "", digest: str = "aa") -> None:
        values = key or new_key(), self.kiosk_id, seq, digest, at(came)
        self.sql("insert into paper_copy values (%s, %s, %s, %s, '', %s)", *values)

    def all_sent(self, last_seq: int, came: float) -> None:
        self.run(lambda conn: note_all_sent(conn, self.kiosk_id, 1, last_seq, at(came)))

    def open(self, now: float) -> list[Gap]:
        return [gap for gap in self.run(lambda conn: gaps(conn, at(now))) if gap.kiosk_id == self.kiosk_id]

    def missing(self, now: float) -> list[tuple[int, int]]:
        return [(gap.first, gap.last) for gap in self.open(now)]

    def look(self, now: float) -> None:
        self.run(lambda conn: gap_alarm.look(conn, at(now)))

    def alarms(self) -> list[tuple[str, int, int]]:
        return self.sql(
            "select kind, (data->>'first')::int, (data->>'last')::int from event where kiosk_id = %s order by id",
            self.kiosk_id,
        )


@pytest.fixture(scope="module")
def conn(database: str) -> Iterator[psycopg.Connection]:
    prepare(database)
    with psycopg.connect(database, autocommit=True) as conn:
        yield conn


@pytest.fixture
def numbers(conn: psycopg.Connection) -> Numbers:
    return Numbers(conn)


def test_a_gap_opens_a_minute_after_a_later_number_that_came_online(numbers: Numbers) -> None:
    numbers.online(1, 0)
    numbers.online(4, 10)
    assert numbers.missing(69) == []
    assert numbers.open(70) == [Gap(numbers.kiosk_id, 2, 3, at(10))]


def test_a_gap_opens_a_day_after_a_later_number_that_came_by_file(numbers: Numbers) -> None:
    numbers.by_file(3, 0)
    assert numbers.missing(DAY_S - 1) == []
    assert numbers.missing(DAY_S) == [(1, 2)]


@pytest.mark.parametrize(("online", "opens"), [(100, 160), (DAY_S - 10, DAY_S)])
def test_of_file_and_network_the_earlier_opens_the_gap(numbers: Numbers, online: int, opens: int) -> None:
    numbers.by_file(2, 0)
    numbers.online(3, online)
    assert numbers.missing(opens - 1) == []
    assert numbers.open(opens) == [Gap(numbers.kiosk_id, 1, 1, at(0))]


def test_a_case_that_came_back_from_paper_is_not_missing(numbers: Numbers) -> None:
    numbers.online(4, 0)
    numbers.paper(2, 0)
    assert numbers.missing(60) == [(1, 1), (3, 3)]


def test_paper_is_a_later_number_too(numbers: Numbers) -> None:
    numbers.paper(2, 0)
    assert numbers.missing(DAY_S - 1) == []
    assert numbers.missing(DAY_S) == [(1, 1)]


def test_paper_that_was_refused_makes_no_number_known(numbers: Numbers) -> None:
    key = new_key()
    numbers.online(1, 0, key)
    numbers.paper(2, 0, key, digest="bb")
    numbers.online(3, 0)
    assert numbers.missing(60) == [(2, 2)]


def test_what_a_machine_with_nothing_waiting_has_sent_is_missing_at_once(numbers: Numbers) -> None:
    numbers.online(1, 0)
    numbers.all_sent(3, 5)
    assert numbers.open(5) == [Gap(numbers.kiosk_id, 2, 3, at(5))]
    numbers.all_sent(2, 7)
    assert numbers.open(7) == [Gap(numbers.kiosk_id, 2, 3, at(5))], "what was said once stays true"
    numbers.online(4, 8)
    assert numbers.missing(8) == [(2, 3)]
    for seq in (2, 3):
        numbers.online(seq, 9)
    assert numbers.missing(9) == []


Arrival = tuple[int, str, int]
arrivals = st.lists(
    st.tuples(st.sampled_from([0, 30, 60, 100, DAY_S]), st.sampled_from(list("ofps")), st.integers(1, 9)), max_size=9
)


def by_the_words(seen: list[tuple[float, Arrival]], now: float) -> set[int]:
    """The rule of the contract, number by number."""
    known = {seq for _, (_, how, seq) in seen if how != "s"}
    waits_s = {"o": 60, "f": DAY_S, "p": DAY_S, "s": 0}
    used = [(seq if how == "s" else seq - 1, came + waits_s[how]) for came, (_, how, seq) in seen]
    return {n for n in range(1, 10) if n not in known and any(n <= last and due <= now for last, due in used)}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arrivals)
def test_whatever_comes_in_whatever_order_the_rule_holds(conn: psycopg.Connection, steps: list[Arrival]) -> None:
    numbers, now, seen = Numbers(conn), 0.0, []
    ways = {"o": numbers.online, "f": numbers.by_file, "p": numbers.paper, "s": numbers.all_sent}
    for step in steps:
        wait_s, how, seq = step
        now += wait_s
        if how == "s" or seq not in {known for _, (_, way, known) in seen if way != "s"}:
            ways[how](seq, now)
            seen.append((now, step))
        numbers.look(now)
        found = [n for gap in numbers.open(now) for n in range(gap.first, gap.last + 1)]
        assert sorted(found) == sorted(by_the_words(seen, now))
        alarmed = {}
        for kind, first, last in numbers.alarms():
            alarmed.update(dict.fromkeys(range(first, last + 1), kind))
        assert set(found) <= {n for n, kind in alarmed.items() if kind == "gap_open"}


def test_what_is_whole_is_not_read_again(numbers: Numbers) -> None:
    for seq in (1, 2, 4):
        numbers.online(seq, 0)
    numbers.look(0)
    whole = "select whole_to from kiosk_chain where kiosk_id = %s"
    assert numbers.sql(whole, numbers.kiosk_id) == [(2,)]
    numbers.online(3, 1)
    numbers.look(1)
    assert numbers.sql(whole, numbers.kiosk_id) == [(4,)]


def test_an_alarm_is_raised_once_by_however_many_look_and_ends_once(numbers: Numbers) -> None:
    numbers.online(3, 0)
    numbers.look(59)
    assert numbers.alarms() == []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(numbers.look, [60] * 4))
    assert numbers.alarms() == [("gap_open", 1, 2)]
    for seq in (1, 2):
        numbers.online(seq, 61)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(numbers.look, [61] * 4))
    assert numbers.alarms() == [("gap_open", 1, 2), ("gap_closed", 1, 2)]


def test_an_alarm_is_an_error_in_the_log(numbers: Numbers) -> None:
    numbers.online(2, 0)
    with capture_logs() as lines:
        numbers.look(60)
        numbers.look(61)
    mine = [line for line in lines if line["kiosk_id"] == numbers.kiosk_id]
    assert mine == [
        {"event": "gap_open", "log_level": "error", "kiosk_id": numbers.kiosk_id, "chain": 1, "first": 1, "last": 1},
    ]


def test_a_gap_that_is_partly_filled_keeps_its_one_alarm_until_all_is_there(numbers: Numbers) -> None:
    numbers.online(6, 0)
    numbers.look(60)
    for seq in (3, 1, 2, 5):
        numbers.online(seq, 61)
        numbers.look(200)
        assert numbers.alarms() == [("gap_open", 1, 5)]
    numbers.online(4, 300)
    numbers.look(300)
    assert numbers.alarms() == [("gap_open", 1, 5), ("gap_closed", 1, 5)]


def test_a_gap_that_grows_raises_an_alarm_for_what_was_added(numbers: Numbers) -> None:
    numbers.all_sent(2, 0)
    numbers.look(0)
    numbers.all_sent(5, 10)
    numbers.look(10)
    assert numbers.alarms() == [("gap_open", 1, 2), ("gap_open", 3, 5)]


def test_a_break_between_two_that_came_at_the_same_instant_is_noted_once(numbers: Numbers) -> None:
    """Neither transaction of the inbox could see the other."""
    numbers.online(1, 0)
    numbers.online(2, 0, prev="bb")
    numbers.online(3, 0)
    broken = "select data->>'seq' from event where kind = 'chain_broken' and kiosk_id = %s"
    for now in (1, 2):
        numbers.look(now)
        assert numbers.sql(broken, numbers.kiosk_id) == [("2",)]


def test_gaps_and_breaks_are_told_in_words(numbers: Numbers) -> None:
    for seq in (2, 5):
        numbers.online(seq, 0)
    numbers.sql(
        "insert into event (at, actor, kind, kiosk_id, data) values (%s, 'hub', 'chain_broken', %s, %s)",
        *(at(3), numbers.kiosk_id, '{"seq": 5}'),
    )
    found = [each for each in numbers.run(lambda conn: findings(conn, at(60))) if each.kiosk_id == numbers.kiosk_id]
    assert [(each.what, each.since) for each in found] == [
        ("missing 1", at(0)),
        ("missing 3–4", at(0)),
        ("chain broken at 5", at(3)),
    ]
