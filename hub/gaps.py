"""Numbers that a machine has used and the hub has not seen: the proof that nothing was lost, or the alarm."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

ONLINE_AFTER = timedelta(seconds=60)


class Gap(NamedTuple):
    """``first``…``last`` are missing; ``since`` is when the first later number arrived."""

    kiosk_id: str
    first: int
    last: int
    since: datetime


async def gaps(conn: AsyncConnection, now: datetime, older_than: timedelta = ONLINE_AFTER) -> list[Gap]:
    """All gaps that have been open for longer than ``older_than``."""
    async with conn.cursor(row_factory=class_row(Gap)) as cursor:
        await cursor.execute(
            """select kiosk_id, before + 1 as first, seq - 1 as last, since from (
                   select kiosk_id, seq, coalesce(lag(seq) over machine, 0) as before,
                          min(received_at) over (partition by kiosk_id order by seq desc) as since
                   from envelope window machine as (partition by kiosk_id order by seq)) numbered
               where seq > before + 1 and since <= %s order by kiosk_id, first""",
            [now - older_than],
        )
        return await cursor.fetchall()
