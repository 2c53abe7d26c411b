"""Choosing a plate number (T20): a pool of free numbers, a few lists for a car, one number held, then taken once.

That no number is held or taken twice is the database's word: a row of ``plate_number`` is one number, and is changed
only while it is free or the car's own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import LiteralString

import msgspec
from psycopg import AsyncConnection

from hub.department import Application, Effect, Unfit
from hub.departments.traffic.asked import known_of
from hub.departments.traffic.facts import number_reasons
from hub.departments.traffic.records import Car
from hub.departments.traffic.vehicle_effects import car_of
from kiosk import shapes
from kiosk.clock import LOCAL, local
from kiosk.messages.content import PLATE_NUMBER
from kiosk.messages.plates import PlatesAnswer, PlatesQuestion

"""The answer of a case that names it."""
GONE = "plate_number_gone"
_FREE: LiteralString = "update traffic.plate_number set vin = null, case_key = null, held_until = null, kept_to = null "


class Pool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers for cars of these kinds: ``number`` with 0, 1, 2 … up to ``most`` in its braces."""

    kinds: tuple[str, ...]
    number: str
    most: int

    @property
    def key(self) -> str:
        """By which the tables name it."""
        return self.kinds[0]


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``plate_numbers.toml``."""

    per_draw: int
    draws: int
    hold_minutes: int
    kept_days: int
    reserve: int
    released: int
    pools: tuple[Pool, ...]

    def pool(self, car: Car) -> Pool | None:
        """The one for cars of this kind."""
        return next((pool for pool in self.pools if car.kind in pool.kinds), None)


@cache
def rules() -> Rules:
    """What comes with the reference system."""
    file = resources.files("hub.departments.traffic") / "plate_numbers.toml"
    return shapes.convert(tomllib.loads(file.read_text("utf-8")), Rules)


async def told(conn: AsyncConnection, asked: PlatesQuestion, now: datetime) -> PlatesAnswer:
    """The answer of the department. A car that can have no number has no list."""
    await _free_late(conn, now)
    if asked.action == "give_back":
        await conn.execute(_FREE + "where case_key = %s and kept_to is null", [asked.key])
        return PlatesAnswer("given_back")
    car = await _car(conn, asked, local(now).date())
    pool = rules().pool(car) if car else None
    if car is None or pool is None:
        return PlatesAnswer("none")
    async with conn.transaction():
        # One question about a car at a time: two machines never draw its lists twice.
        await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 4))", [f"plates {car.vin}"])
        if asked.action == "choose":
            return await _choose_number(conn, car, asked, now)
        return await _list(conn, car, pool, asked)


_LATE: LiteralString = """
update traffic.plate_number set vin = null, case_key = null, held_until = null, kept_to = null
where number in (select number from traffic.plate_number where (held_until <= %s or kept_to < %s)
    and not exists(select from traffic.vehicle where plate = number) for update skip locked)"""


async def _free_late(conn: AsyncConnection, now: datetime) -> None:
    """What was held or kept too long is free again, but for what a car drives with."""
    await conn.execute(_LATE, [now, local(now).date()])


async def _car(conn: AsyncConnection, asked: PlatesQuestion, today: date) -> Car | None:
    """The person's own new car that is meant."""
    known = await known_of(conn, asked.id_number, today)
    cars = [car for car in known.own if not car.plate and asked.vehicle in ("", car.vin)]
    return next((car for car in cars if not number_reasons(car, today)), None)


async def _list(conn: AsyncConnection, car: Car, pool: Pool, asked: PlatesQuestion) -> PlatesAnswer:
    drawn = await _drawn(conn, car)
    wants_more = asked.action == "more" and asked.drawn >= drawn
    if not drawn or (wants_more and drawn < rules().draws):
        drawn += 1
        await _fill(conn, pool)
        await conn.execute(
            "insert into traffic.plate_draw select %(vin)s, %(drawn)s, array(select number from traffic.plate_number "
            "where kind = %(kind)s and vin is null and not exists(select from traffic.plate_draw "
            "where plate_draw.vin = %(vin)s and plate_number.number = any(numbers)) "
            "and not exists(select from traffic.vehicle where plate = number) order by random() limit %(most)s)",
            {"vin": car.vin, "drawn": drawn, "kind": pool.key, "most": rules().per_draw},
        )
    return await _offer(conn, car, "open", drawn)


async def _drawn(conn: AsyncConnection, car: Car) -> int:
    rows = await conn.execute("select coalesce(max(drawn), 0) from traffic.plate_draw where vin = %s", [car.vin])
    row = await rows.fetchone()
    return row[0] if row else 0


async def _offer(conn: AsyncConnection, car: Car, state: str, drawn: int) -> PlatesAnswer:
    """What of the last list can be had."""
    rows = await conn.execute(
        "select number from traffic.plate_draw join traffic.plate_number on number = any(numbers) "
        "where plate_draw.vin = %s and drawn = %s and (plate_number.vin is null or plate_number.vin = plate_draw.vin) "
        "order by number",
        [car.vin, drawn],
    )
    numbers = [number for (number,) in await rows.fetchall()]
    return PlatesAnswer(state, numbers, drawn, max(0, rules().draws - drawn))


async def _fill(conn: AsyncConnection, pool: Pool) -> None:
    """Puts the next numbers into the pool where few are left; one that a car drives with is none of them."""
    await conn.execute("insert into traffic.plate_release values (%s, 0) on conflict do nothing", [pool.key])
    rows = await conn.execute("select released from traffic.plate_release where kind = %s for update", [pool.key])
    row = await rows.fetchone()
    free = await conn.execute("select count(*) from traffic.plate_number where kind = %s and vin is null", [pool.key])
    left = await free.fetchone()
    if not row or not left or left[0] >= rules().reserve:
        return
    numbers = _numbers(pool, row[0])
    await conn.execute(
        "insert into traffic.plate_number (number, kind) select number, %s from unnest(%s::text[]) as number "
        "where not exists(select from traffic.vehicle where plate = number) on conflict do nothing",
        [pool.key, numbers],
    )
    await conn.execute(
        "update traffic.plate_release set released = released + %s where kind = %s", [len(numbers), pool.key]
    )


def _numbers(pool: Pool, after: int) -> Sequence[str]:
    return [pool.number.format(n) for n in range(after, min(after + rules().released, pool.most + 1))]


_TAKE: LiteralString = """
update traffic.plate_number
set vin = %(vin)s, case_key = %(key)s, held_until = %(held_until)s, kept_to = %(kept_to)s
where number = %(number)s and (vin is null or vin = %(vin)s) and kept_to is null
    and exists(select from traffic.plate_draw where plate_draw.vin = %(vin)s and number = any(numbers))
    and not exists(select from traffic.vehicle where plate = number)"""
"""Only a number that was on one of the car's lists, and is nobody else's."""


async def _take_number(
    conn: AsyncConnection,
    car: Car,
    key: str,
    number: str,
    held_until: datetime | None = None,
    kept_to: date | None = None,
) -> bool:
    """Whether it is the car's now; another one that the car held is free again then."""
    values = {"vin": car.vin, "key": key, "number": number, "held_until": held_until, "kept_to": kept_to}
    done = await conn.execute(_TAKE, values)
    if done.rowcount:
        await conn.execute(_FREE + "where vin = %s and number <> %s and kept_to is null", [car.vin, number])
    return done.rowcount > 0


async def _choose_number(conn: AsyncConnection, car: Car, asked: PlatesQuestion, now: datetime) -> PlatesAnswer:
    """Held for the case, where nobody was quicker."""
    until, drawn = now + timedelta(minutes=rules().hold_minutes), await _drawn(conn, car)
    if not await _take_number(conn, car, asked.key, asked.number, held_until=until):
        return await _offer(conn, car, "gone", drawn)
    return PlatesAnswer(
        "held",
        drawn=drawn,
        left=max(0, rules().draws - drawn),
        number=asked.number,
        held_min=rules().hold_minutes,
        kept_to=local(now).date() + timedelta(days=rules().kept_days),
    )


async def _taken(conn: AsyncConnection, application: Application) -> None:
    """The number is the car's until it is registered. Raises Unfit: it was held too long, and is somebody else's."""
    day = application.day
    car = await car_of(conn, application, lambda car: number_reasons(car, day), new=True)
    await _free_late(conn, datetime.combine(day, time(), tzinfo=LOCAL))
    kept_to = day + timedelta(days=rules().kept_days)
    number = str(application.answers.get(PLATE_NUMBER, ""))
    if not await _take_number(conn, car, application.key, number, kept_to=kept_to):
        raise Unfit(GONE)


PLATE_EFFECTS: dict[str, Effect] = {"plate_number_taken": _taken}
