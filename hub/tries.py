"""Tries at receipt numbers, which can be guessed: how many a machine and a case allow before they wait."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Any, LiteralString

from psycopg import AsyncConnection

from hub.context import Hub

OF_A_MACHINE = 30
MACHINE_WINDOW = timedelta(hours=1)
WRONG_CODES_OF_A_CASE = 10
CASE_WINDOW = timedelta(days=1)
"""With 10 million codes: one case is found by trying in 2,700 years, any case by one machine in 38."""


async def begin(hub: Hub, conn: AsyncConnection, kiosk_id: str, number: str, *, with_code: bool) -> tuple[int, int]:
    """Notes a try before it is judged, so that tries at the same moment see each other; its id and the wait in seconds.

    A wait above 0: the try is not judged, and not counted either. Whoever has the card waits for nothing.
    """
    now = hub.clock.now()
    await conn.execute("delete from slip_try where at < %s", [now - CASE_WINDOW])
    rows = await conn.execute(
        "insert into slip_try (kiosk_id, receipt_number, with_code, at) values (%s, %s, %s, %s) returning id",
        [kiosk_id, number, with_code, now],
    )
    (this,) = await rows.fetchone() or (0,)
    machine = await _at(conn, _OF_MACHINE, kiosk_id, now - MACHINE_WINDOW, this, OF_A_MACHINE - 1)
    case = await _at(conn, _OF_CASE, number, now - CASE_WINDOW, this, WRONG_CODES_OF_A_CASE - 1) if with_code else None
    ends = [at + window for at, window in ((machine, MACHINE_WINDOW), (case, CASE_WINDOW)) if at is not None]
    wait_s = max(1, ceil((max(ends) - now).total_seconds())) if ends else 0
    if wait_s:
        await forget(conn, this)
    return this, wait_s


_OF_MACHINE = "select at from slip_try where kiosk_id = %s and at > %s and id <> %s order by at desc limit 1 offset %s"
_OF_CASE = (
    "select at from slip_try where receipt_number = %s and with_code and at > %s and id <> %s "
    "order by at desc limit 1 offset %s"
)


async def _at(conn: AsyncConnection, query: LiteralString, *values: Any) -> datetime | None:
    rows = await conn.execute(query, values)
    row = await rows.fetchone()
    return row[0] if row else None


async def forget(conn: AsyncConnection, this: int) -> None:
    """The try was none: it opened what it asked for."""
    await conn.execute("delete from slip_try where id = %s", [this])
