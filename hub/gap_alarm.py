"""The alarm for numbers that are missing: events ``gap_open`` and ``gap_closed``, each once, and a line in the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg.rows import class_row

from hub import events
from hub.gaps import Gap, gaps, note_breaks, note_whole_chains

_ONE_AT_A_TIME = 0x544F4E48
_log = structlog.get_logger()


async def look(conn: AsyncConnection, now: datetime) -> None:
    """Raises an alarm for what is newly open and ends those that are over. Any process may look, as often as it likes.

    An alarm stands for its numbers until none of them is missing: when 3 of 1–5 arrives, the alarm 1–5 stays and none
    is raised for 1–2 and 4–5. For a gap that grows at its end an alarm is raised for what was added.
    """
    async with conn.transaction():
        await conn.execute("select pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        alarms = await _alarms(conn)
        found = await gaps(conn, now)
        opened, closed = _untold_gaps(found, alarms), _closed(found, alarms)
        for gap in opened:
            await conn.execute("insert into gap_alarm values (%s, %s, %s, %s, %s)", gap)
            await _record(conn, now, "gap_open", gap)
        for gap in closed:
            await conn.execute(
                "delete from gap_alarm where kiosk_id = %s and chain = %s and first = %s",
                [gap.kiosk_id, gap.chain, gap.first],
            )
            await _record(conn, now, "gap_closed", gap)
        await note_breaks(conn, now)
        await note_whole_chains(conn)
    for gap in opened:
        _log.error("gap_open", **_gap_as_told(gap))
    for gap in closed:
        _log.info("gap_closed", **_gap_as_told(gap))


def _gap_as_told(gap: Gap) -> dict[str, Any]:
    return {"kiosk_id": gap.kiosk_id, "chain": gap.chain, "first": gap.first, "last": gap.last}


_ALARMS = "select kiosk_id, first, last, since, chain from gap_alarm order by kiosk_id, chain, first"


async def _alarms(conn: AsyncConnection) -> list[Gap]:
    """The open ones, by machine and number."""
    async with conn.cursor(row_factory=class_row(Gap)) as cursor:
        await cursor.execute(_ALARMS)
        return await cursor.fetchall()


async def _record(conn: AsyncConnection, now: datetime, kind: str, gap: Gap) -> None:
    await events.record(conn, now, actor="hub", kind=kind, **_gap_as_told(gap))


def _untold_gaps(found: Iterable[Gap], alarms: Iterable[Gap]) -> list[Gap]:
    """What no alarm tells yet."""
    told = _by_chain(alarms)
    opened = []
    for gap in found:
        first = gap.first
        for alarm in told[gap.kiosk_id, gap.chain]:
            if alarm.first <= first:
                first = max(first, alarm.last + 1)
        if first <= gap.last:
            opened.append(gap._replace(first=first))
    return opened


def _closed(found: Iterable[Gap], alarms: Iterable[Gap]) -> list[Gap]:
    """The alarms of which no number is missing any more."""
    missing = _by_chain(found)
    return [alarm for alarm in alarms if not any(_meet(alarm, gap) for gap in missing[alarm.kiosk_id, alarm.chain])]


def _by_chain(all_gaps: Iterable[Gap]) -> defaultdict[tuple[str, int], list[Gap]]:
    chains: defaultdict[tuple[str, int], list[Gap]] = defaultdict(list)
    for gap in all_gaps:
        chains[gap.kiosk_id, gap.chain].append(gap)
    return chains


def _meet(one: Gap, other: Gap) -> bool:
    return one.first <= other.last and other.first <= one.last
