"""Which times the counters offer: what comes with the program, or what the city has put in its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib import resources
from itertools import chain, count
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta
from msgspec.structs import replace
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub import events
from hub.typed import Hour
from hub.working_days import working_day
from kiosk import shapes
from kiosk.clock import LOCAL, local
from kiosk.messages.bounds import MOST_COUNTERS

_SETTING = "slot_plan"


class Counter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One counter, by the line's key: ``places`` people each ``minutes`` from each of ``begins`` on (local time)."""

    key: Annotated[str, Meta(min_length=1, max_length=40)]
    letter: Annotated[str, Meta(pattern="^[A-Z]$")]
    minutes: Annotated[int, Meta(ge=5, le=240)]
    places: Annotated[int, Meta(ge=1, le=99)]
    begins: Annotated[tuple[Hour, ...], Meta(min_length=1, max_length=96)]


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``plan.toml`` with its ``counters``."""

    open_days: Annotated[int, Meta(ge=1, le=60)]
    notice_minutes: Annotated[int, Meta(ge=0, le=1440)]
    hold_minutes: Annotated[int, Meta(ge=5, le=240)]
    counters: Annotated[tuple[Counter, ...], Meta(min_length=1, max_length=MOST_COUNTERS)]

    def counter(self, key: str) -> Counter | None:
        """The counter of this key."""
        return next((each for each in self.counters if each.key == key), None)


class Opening(NamedTuple):
    """One time at one counter; ``number`` is its place among those of a day, from 0."""

    begins_at: datetime
    ends_at: datetime
    number: int


def openings(plan: Plan, counter: Counter, now: datetime) -> list[Opening]:
    """What can still be had, the soonest first."""
    soonest = now + timedelta(minutes=plan.notice_minutes)
    days = _open_days(local(now).date(), plan.open_days)
    return [each for day in days for each in _of_day(counter, day) if each.begins_at >= soonest]


def _open_days(today: date, count: int) -> Iterator[date]:
    day = today
    while count:
        if working_day(day)[0]:
            yield day
            count -= 1
        day += timedelta(days=1)


def _of_day(counter: Counter, day: date) -> Iterator[Opening]:
    for number, begin in enumerate(sorted(set(counter.begins))):
        begins_at = datetime.combine(day, time.fromisoformat(begin), tzinfo=LOCAL)
        yield Opening(begins_at, begins_at + timedelta(minutes=counter.minutes), number)


def ticket(counter: Counter, opening: Opening, place: int, given: Collection[str]) -> str:
    """The number that is called at the counter: none of those that are ``given`` for the same day.

    Each place has its own; where one of another plan has it already, the first behind all of them.
    """
    own = opening.number * counter.places + place
    tickets = (f"{counter.letter}{number:03d}" for number in chain([own], count(_places_of_day(counter) + 1)))
    return next(each for each in tickets if each not in given)


def _places_of_day(counter: Counter) -> int:
    return len(set(counter.begins)) * counter.places


@cache
def usual() -> Plan:
    """What comes with the program: the counter of each line lies in its department's folder."""
    tables = [(resources.files("hub.slots") / "plan.toml").read_text("utf-8")]
    for folder in sorted(resources.files("hub.departments").iterdir(), key=lambda each: each.name):
        own = folder / "counter.toml"
        if own.is_file():
            tables.append(f'[[counters]]\nkey = "{folder.name}"\n{own.read_text("utf-8")}')
    return read("\n".join(tables).encode())


def read(raw: bytes) -> Plan:
    """A plan as TOML. Raises msgspec.DecodeError or ValidationError for what is none, ValueError for a second key."""
    plan = shapes.from_toml(raw, Plan)
    keys, letters = {each.key for each in plan.counters}, {each.letter for each in plan.counters}
    if len(plan.counters) > min(len(keys), len(letters)):
        raise ValueError("two counters have the same key or letter; give each its own")
    return replace(plan, counters=tuple(replace(each, begins=tuple(sorted(each.begins))) for each in plan.counters))


def written(plan: Plan) -> str:
    """The same as TOML, for a person to change; none of its texts needs an escape but the keys."""
    values = msgspec.to_builtins(plan)
    tables = ["", *("[[counters]]\n" + _lines(each) for each in values.pop("counters"))]
    return _lines(values) + "\n".join(tables)


def _lines(values: dict[str, Any]) -> str:
    # What JSON says of a text, a number and a list of texts, TOML reads too.
    return "".join(f"{name} = {msgspec.json.encode(value).decode()}\n" for name, value in values.items())


async def plan_of(conn: AsyncConnection) -> Plan:
    """As the city has set it."""
    rows = await conn.execute("select value from setting where name = %s", [_SETTING])
    row = await rows.fetchone()
    return shapes.convert(row[0], Plan) if row else usual()


async def set_plan(conn: AsyncConnection, plan: Plan, now: datetime, by: str) -> None:
    """What was given out before stays given out."""
    await conn.execute(
        "insert into setting values (%s, %s) on conflict (name) do update set value = excluded.value",
        [_SETTING, Jsonb(msgspec.to_builtins(plan))],
    )
    await events.record(conn, now, actor=f"supervisor:{by}", kind="slot_plan_set", counters=len(plan.counters))
