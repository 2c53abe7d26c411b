"""我的待办 of one person at the hub, with 100,000 people loaded, beside the same queries in plain psycopg.

The people are the made-up population, seeded by the departments themselves and then copied in the database under other
numbers. Both take turns on the same computer: the hub's own answer through its gateway, and the very statements that it
sent, one after the other on one connection. It must ask all departments with at most 5 queries.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor, sql
from psycopg_pool import AsyncConnectionPool

from hub.answers import due
from hub.context import Hub
from hub.database import prepare
from hub.departments import departments
from hub.gateway import Gateway
from hub.keys import HubKeys, load_or_make_keys
from hub.people.generated import population
from hub.postgres import OwnPostgres
from hub.published import at_start
from hub.work import make_jobs
from kiosk.clock import Clock
from kiosk.messages.questions import DueQuestion

DAY = date(2027, 1, 12)
PEOPLE = 100_000
LIMIT_MS = 50.0
TARGET_RATIO = 1.5
MOST_QUERIES = 5
_PERSON = ("id_number", "owner", "driver", "plate", "vin")
_COLUMNS = """
    select c.table_schema, c.table_name, c.column_name, c.data_type,
        bool_or(t.constraint_type in ('PRIMARY KEY', 'UNIQUE')) as is_unique,
        bool_or(t.constraint_type = 'FOREIGN KEY') as is_foreign, c.is_identity = 'YES' as counts_itself
    from information_schema.columns c
    left join information_schema.key_column_usage k using (table_schema, table_name, column_name)
    left join information_schema.table_constraints t using (table_schema, table_name, constraint_name)
    where c.table_schema = any(%s) group by 1, 2, 3, 4, 7, c.ordinal_position order by 1, 2, c.ordinal_position"""
asked: list[tuple[Any, Any]] = []


class Recording(AsyncCursor):
    """Keeps what is asked, to ask it again."""

    async def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
        asked.append((query, params))
        return await super().execute(query, params, **more)


def load_people(dsn: str) -> list[str]:
    """The made-up people and their copies; all numbers."""
    people = population(departments().values(), DAY)
    numbers = [person["card"]["number"] for person in people]

    async def seed() -> None:
        async with await AsyncConnection.connect(dsn) as conn:
            for department in departments().values():
                await department.seed(conn, people)

    asyncio.run(seed())
    copies = -(-PEOPLE // len(numbers))
    with psycopg.connect(dsn, autocommit=True) as conn:
        for statement in copying(conn):
            conn.execute(statement, {"copies": copies})
        conn.execute("vacuum analyze")
    return [f"{number}.{n}" for number in numbers for n in range(1, copies + 1)]


def copying(conn: psycopg.Connection) -> Iterator[sql.Composed]:
    """One statement for each table about people: every row again under the numbers of the copies."""
    tables: dict[tuple[str, str], list[tuple]] = {}
    for schema, table, *column in conn.execute(_COLUMNS, [[*departments()]]):
        tables.setdefault((schema, table), []).append(tuple(column))
    for (schema, table), columns in tables.items():
        if not {name for name, *_ in columns} & set(_PERSON):
            continue
        # A key with the person's number in it is another one with that alone.
        is_told_by_person = any(name in _PERSON and is_unique for name, _, is_unique, *_ in columns)
        found = [(name, copied(name, *about, is_told_by_person=is_told_by_person)) for name, *about in columns]
        own = [(name, value) for name, value in found if value is not None]
        yield sql.SQL("insert into {} ({}) select {} from {} t, generate_series(1, %(copies)s) n").format(
            sql.Identifier(schema, table),
            sql.SQL(", ").join(sql.Identifier(name) for name, _ in own),
            sql.SQL(", ").join(value for _, value in own),
            sql.Identifier(schema, table),
        )


def copied(
    name: str, kind: str, is_unique: bool, is_foreign: bool, counts_itself: bool, *, is_told_by_person: bool
) -> sql.Composable | None:
    """A column of a copy; None for one that numbers itself."""
    column = sql.Identifier("t", name)
    if counts_itself:
        return None
    if kind == "text" and not is_foreign and (name in _PERSON or (is_unique and not is_told_by_person)):
        return sql.SQL("{} || '.' || n").format(column)
    return sql.SQL("gen_random_uuid()") if kind == "uuid" and is_unique else column


async def measure(dsn: str, keys: HubKeys, numbers: list[str], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of hub and plain psycopg, by turns, and how many queries one answer took."""
    times: dict[str, list[float]] = {"hub": [], "plain": [], "queries": []}
    kwargs = {"autocommit": True, "cursor_factory": Recording}
    pool = AsyncConnectionPool(dsn, min_size=4, max_size=12, open=False, kwargs=kwargs)
    async with pool, await AsyncConnection.connect(dsn, autocommit=True) as plain:
        hub = Hub(pool, keys, Clock(DAY), at_start(dsn, DAY), Gateway(pool, departments()), make_jobs(dsn))
        for number in [*numbers[:20], *numbers[:rounds]]:
            asked.clear()
            started = time.perf_counter()
            await due(hub, DueQuestion(number))
            times["hub"].append((time.perf_counter() - started) * 1000)
            times["queries"].append(len(asked))
            started = time.perf_counter()
            for query, params in asked:
                await (await plain.execute(query, params)).fetchall()
            times["plain"].append((time.perf_counter() - started) * 1000)
    return {name: each[20:] for name, each in times.items()}


def row_of(case: str, times: list[float], **more: float) -> dict[str, Any]:
    """A line of the table."""
    ordered = sorted(times)
    figures = {"min": ordered[0], "median": statistics.median(ordered), "p95": ordered[int(len(ordered) * 0.95)]}
    return {"benchmark": "due_list", "case": case, "unit": "ms", **{k: round(v, 3) for k, v in figures.items()}, **more}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, OwnPostgres(Path(folder) / "data") as postgres:
        keys = load_or_make_keys(Path(folder) / "keys")
        prepare(postgres.dsn)
        numbers = load_people(postgres.dsn)
        random.Random(99).shuffle(numbers)
        times = asyncio.run(measure(postgres.dsn, keys, numbers, options.rounds))
    plain = row_of("plain psycopg, one after the other", times["plain"])
    hub = row_of(f"hub, {len(numbers):,} people", times["hub"], limit=LIMIT_MS, target=TARGET_RATIO)
    hub["ratio"] = round(hub["median"] / plain["median"], 3)
    queries = int(max(times["queries"]))
    for row in (plain, hub):
        print(json.dumps(row) if options.json else row)
    print(f"at most {queries} queries for an answer (limit {MOST_QUERIES})")
    kept = hub["p95"] <= LIMIT_MS and hub["ratio"] <= TARGET_RATIO and queries <= MOST_QUERIES
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
