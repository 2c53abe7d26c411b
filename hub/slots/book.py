"""The book of appointments: a place is held while its case is on the way, kept once the case is here.

A person has one at a time for each service and counter. That no place is given twice is the database's word: there is
one row for each place of a time (``one_place_at_a_time``), whichever machine asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple

from psycopg import AsyncConnection

from hub.slots.plan import Counter, Opening, Plan, ticket
from kiosk.clock import local


class Claim(NamedTuple):
    """Whose it is and for what; ``key`` is that of the case."""

    key: str
    person_ref: str
    service: str
    counter: str


class Place(NamedTuple):
    """A place that somebody has."""

    key: str
    begins_at: datetime
    ends_at: datetime
    ticket: str
    receipt_number: str = ""


async def left(
    conn: AsyncConnection, counter: Counter, openings: Sequence[Opening], now: datetime
) -> list[tuple[Opening, int]]:
    """How many places each time still has."""
    rows = await conn.execute(
        "select begins_at, count(*) from appointment where counter = %s and begins_at = any(%s) "
        "and (state = 'kept' or state = 'held' and held_until > %s) group by begins_at",
        [counter.key, [each.begins_at for each in openings], now],
    )
    taken = dict(await rows.fetchall())
    return [(each, max(0, counter.places - taken.get(each.begins_at, 0))) for each in openings]


async def hold(
    conn: AsyncConnection, plan: Plan, counter: Counter, claim: Claim, opening: Opening, now: datetime
) -> Place | None:
    """A place for a case that is not filed yet; None when the last one is gone. In the caller's transaction.

    None too for a case whose place is kept for another time, was given up, or went to a later case of its person.
    Another one that the person holds for the same thing is free again; the same case asking again has what it has.
    """
    # Persons before days, always: nobody waits for who waits for him. The numbers of a day are given one by one.
    who, when = (
        f"{claim.person_ref} {claim.service} {claim.counter}",
        f"{counter.key} {local(opening.begins_at).date()}",
    )
    for name in (who, when):
        await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 3))", [name])
    known = await _of_case(conn, claim.key)
    if known and known.begins_at == opening.begins_at:
        return known
    if await _has_had(conn, claim.key):
        return None
    await conn.execute(
        "delete from appointment where state = 'held' and (key = %s or counter = %s and held_until <= %s "
        "or person_ref = %s and service = %s and counter = %s)",
        [claim.key, counter.key, now, claim.person_ref, claim.service, claim.counter],
    )
    place = await _free_place(conn, counter, opening)
    if place is None:
        return None
    number = ticket(counter, opening, place, await _tickets_given(conn, plan, opening))
    until = now + timedelta(minutes=plan.hold_minutes)
    await conn.execute(
        "insert into appointment values (%s, %s, %s, %s, %s, %s, %s, %s, 'held', %s)",
        [*claim, opening.begins_at, opening.ends_at, place, number, until],
    )
    return Place(claim.key, opening.begins_at, opening.ends_at, number)


async def _of_case(conn: AsyncConnection, key: str) -> Place | None:
    rows = await conn.execute(
        "select key::text, begins_at, ends_at, ticket from appointment where key = %s and state in ('held', 'kept')",
        [key],
    )
    row = await rows.fetchone()
    return Place(*row) if row else None


async def _has_had(conn: AsyncConnection, key: str) -> bool:
    """Whether the case's one place is more than held: kept, or gone again. Another one is for another case."""
    rows = await conn.execute("select from appointment where key = %s and state <> 'held'", [key])
    return await rows.fetchone() is not None


async def _free_place(conn: AsyncConnection, counter: Counter, opening: Opening) -> int | None:
    """The first that nobody has."""
    rows = await conn.execute(
        "select place from appointment where counter = %s and begins_at = %s and state in ('held', 'kept')",
        [counter.key, opening.begins_at],
    )
    taken = {place for (place,) in await rows.fetchall()}
    return next((place for place in range(1, counter.places + 1) if place not in taken), None)


async def _tickets_given(conn: AsyncConnection, plan: Plan, opening: Opening) -> set[str]:
    """The numbers that somebody has for that day, also by an earlier plan."""
    begin = local(opening.begins_at).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = await conn.execute(
        "select ticket from appointment where counter = any(%s) and begins_at >= %s and begins_at < %s "
        "and state in ('held', 'kept')",
        [[each.key for each in plan.counters], begin, begin + timedelta(days=1)],
    )
    return {number for (number,) in await rows.fetchall()}


async def keep(conn: AsyncConnection, claim: Claim) -> list[str] | None:
    """The place of a case is its person's now; the keys of the cases whose places it takes the place of.

    None: it has none, or had one that was held too long.
    """
    own = await conn.execute(
        "update appointment set state = 'kept' where key = %s and state in ('held', 'kept')", [claim.key]
    )
    if not own.rowcount:
        return None
    rows = await conn.execute(
        "update appointment set state = 'moved' where state = 'kept' and person_ref = %s and service = %s "
        "and counter = %s and key <> %s returning key::text",
        [claim.person_ref, claim.service, claim.counter, claim.key],
    )
    return [key for (key,) in await rows.fetchall()]


async def comes_then(conn: AsyncConnection, claim: Claim, opening: Opening) -> bool:
    """Whether the person has a place at this counter and time already, for another case."""
    rows = await conn.execute(
        "select from appointment where person_ref = %s and counter = %s and begins_at = %s and key <> %s "
        "and state in ('held', 'kept')",
        [claim.person_ref, claim.counter, opening.begins_at, claim.key],
    )
    return await rows.fetchone() is not None


async def free(conn: AsyncConnection, key: str) -> bool:
    """Somebody else may have the place of this case; whether it had one."""
    done = await conn.execute(
        "update appointment set state = 'cancelled' where key = %s and state in ('held', 'kept')", [key]
    )
    return done.rowcount > 0


_MINE: LiteralString = (
    "select appointment.key::text, begins_at, ends_at, ticket, coalesce(receipt_number, '') from appointment "
    "left join case_file on case_file.key = appointment.key where appointment.state = 'kept' and ends_at > %s "
    "and appointment.person_ref = %s and appointment.service = %s and counter = %s"
)


async def of_person(conn: AsyncConnection, claim: Claim, now: datetime) -> Place | None:
    """The one that the person has for this."""
    rows = await conn.execute(_MINE, [now, claim.person_ref, claim.service, claim.counter])
    row = await rows.fetchone()
    return Place(*row) if row else None
