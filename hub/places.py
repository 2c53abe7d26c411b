"""Which hall can do what now: the city's list of halls, and what the machines there say of themselves.

A machine that has not been heard of for a while, is out of service, or does not say what it cannot do, can do nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
import structlog
from msgspec import Meta
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub import events
from hub.context import Hub
from kiosk import shapes
from kiosk.messages.bounds import MOST_COUNTERS, Word
from kiosk.messages.envelope import KioskId
from kiosk.messages.places import MOST_PLACES, NearbyAnswer, NearbyQuestion, Place, Words

HEARD_WITHIN = timedelta(minutes=5)
MOST_IN_FILE = 5000
_SETTING = "places"
_log = structlog.get_logger()
_EARTH_M = 6_371_000
_FARTHEST_M = 10_000_000
"""What is farther than the world is wide for a city has a wrong place."""


class Hall(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One ``[[place]]`` of the city's file. ``machines``: by id; ``counter``: the lines that are served there.

    As narrow as a machine's ``Place``: one hall that no machine could read would cost each of them all others.
    """

    name: Words
    address: Words = {}
    hours: Words = {}
    phone: Word = ""
    lat: Annotated[float, Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, Meta(ge=-180, le=180)] | None = None
    machines: Annotated[tuple[KioskId, ...], Meta(max_length=200)] = ()
    counter: Annotated[tuple[Word, ...], Meta(max_length=MOST_COUNTERS)] = ()

    def __post_init__(self) -> None:
        if not (self.name.get("zh") or self.name.get("en")):
            raise ValueError("a hall without a name in zh or en")


class Halls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    place: Annotated[list[Hall], Meta(max_length=MOST_IN_FILE)] = []


async def halls(conn: AsyncConnection) -> list[Hall]:
    """As the city has set them; one that a hub of before has taken and no machine can read is left out."""
    rows = await conn.execute("select value from setting where name = %s", [_SETTING])
    row = await rows.fetchone()
    return list(_readable(row[0])) if row else []


def _readable(kept: list[Any]) -> Iterator[Hall]:
    for each in kept:
        try:
            yield shapes.convert(each, Hall)
        except msgspec.ValidationError as error:
            _log.warning("hall_left_out", why=str(error))


async def set_halls(conn: AsyncConnection, wanted: Halls, now: datetime, by: str) -> None:
    """In place of those of before."""
    await conn.execute(
        "insert into setting values (%s, %s) on conflict (name) do update set value = excluded.value",
        [_SETTING, Jsonb(msgspec.to_builtins(wanted.place))],
    )
    await events.record(conn, now, actor=f"supervisor:{by}", kind="places_set", count=len(wanted.place))


async def nearby(hub: Hub, _question: NearbyQuestion, kiosk_id: str) -> NearbyAnswer:
    """The places around a machine, the nearest first, its own hall with what others there can do."""
    async with hub.pool.connection() as conn:
        known = await halls(conn)
        rows = await conn.execute(
            "select kiosk_id, heartbeat->'cannot' from kiosk where seen_at > %s and kiosk_id <> %s "
            "and (heartbeat->>'in_service')::boolean and jsonb_typeof(heartbeat->'cannot') = 'array'",
            [hub.clock.now() - HEARD_WITHIN, kiosk_id],
        )
        cannot = {machine: frozenset(map(str, words)) for machine, words in await rows.fetchall()}
    here = next((hall for hall in known if kiosk_id in hall.machines), None)
    places = [_place(hub, hall, here, cannot) for hall in known]
    places.sort(key=lambda each: each.distance_m if each.distance_m >= 0 else math.inf)
    return NearbyAnswer([each for each in places if each.machine or each.counter][:MOST_PLACES])


def _place(hub: Hub, hall: Hall, here: Hall | None, cannot: dict[str, frozenset[str]]) -> Place:
    there = [cannot[machine] for machine in hall.machines if machine in cannot]
    can = tuple(key for key in sorted(hub.catalogue.services) if any(key not in words for words in there))
    shown: dict[str, Any] = {name: getattr(hall, name) for name in ("name", "address", "hours", "phone", "counter")}
    return Place(**shown, machine=can, distance_m=_distance_m(here, hall))


def _distance_m(here: Hall | None, there: Hall) -> int:
    """In a straight line over the earth (haversine); -1 where one of the two has no place on it."""
    if here is there:
        return 0
    if here is None:
        return -1
    a, b, c, d = here.lat, here.lon, there.lat, there.lon
    if a is None or b is None or c is None or d is None:
        return -1
    half = math.sin(math.radians(c - a) / 2) ** 2
    half += math.cos(math.radians(a)) * math.cos(math.radians(c)) * math.sin(math.radians(d - b) / 2) ** 2
    found = round(2 * _EARTH_M * math.asin(math.sqrt(min(1.0, half))))
    return found if found <= _FARTHEST_M else -1
