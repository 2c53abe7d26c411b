"""Numbers that a machine has used and the hub has not seen: the proof that nothing was lost, or the alarm.

A number is known when its envelope is here or its case came back from paper. That a number was used shows in a later
one, or in a heartbeat that says that nothing waits at the machine any more (``sent_to``). A gap is open as soon as a
heartbeat shows it, ``ONLINE`` after the first later number that came online, or ``BY_FILE`` after the first that came
by file or on paper, whichever is earliest. Each store that a machine ever enrolled numbers from 1: its chain.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

ONLINE = timedelta(seconds=60)
BY_FILE = timedelta(hours=24)
CHAIN_BROKEN, HELD = "chain_broken", "held"
_WAITS = {"online": ONLINE, "by_file": BY_FILE}

# Each row says: all numbers up to ``used`` exist, and the next to look for is behind ``known``. A chain's first row
# stands for what is whole, which need not be read again. A paper copy that contradicts its envelope was refused and
# makes nothing known.
_NUMBERED = """
    with shown as (
        select kiosk_id, chain, 0 as used, whole_to as known, null::timestamptz as came, null::timestamptz as due
            from kiosk_chain
        union all
        select kiosk_id, chain, seq - 1, seq, received_at,
            received_at + case when by_file then %(by_file)s else %(online)s end
            from kiosk_chain own cross join lateral (
                select seq, received_at, by_file from envelope
                where (envelope.kiosk_id, envelope.chain) = (own.kiosk_id, own.chain)
                and seq > whole_to offset 0) later
        union all
        select kiosk_id, chain, seq - 1, seq, read_at, read_at + %(by_file)s
            from paper_copy join kiosk_chain using (kiosk_id, chain)
            where seq > whole_to
            and not exists (select from envelope where key = paper_copy.key and sha256 <> paper_copy.sha256)
        union all
        select kiosk_id, chain, sent_to, sent_to, sent_at, sent_at from kiosk_chain where sent_to > whole_to
    ), numbered as (
        select kiosk_id, chain, used, known, lag(known) over up as before,
            min(came) over down as since, min(due) over down as due
        from shown window up as (partition by kiosk_id, chain order by known, used),
            down as (partition by kiosk_id, chain order by known desc, used desc)
    )"""
_GAPS = """
    select kiosk_id, before + 1 as first, used as last, since, chain from numbered
    where used > before and due <= %(now)s order by kiosk_id, chain, first"""
_WHOLE_TO = """
    update kiosk_chain own set whole_to = now_whole from (
        select kiosk_id, chain, coalesce(min(before) filter (where used > before), max(known)) as now_whole
        from numbered group by kiosk_id, chain) later
    where (own.kiosk_id, own.chain) = (later.kiosk_id, later.chain) and whole_to < now_whole"""


class Gap(NamedTuple):
    """``first``…``last`` are missing; ``since``: when the first number came, or the heartbeat, that shows it.

    ``chain`` counts the stores of a machine, 1 for the first.
    """

    kiosk_id: str
    first: int
    last: int
    since: datetime
    chain: int = 1


class Finding(NamedTuple):
    """Something for the city's supervisor. ``kind``: missing, chain_broken or held; only gaps have several numbers."""

    kiosk_id: str
    kind: str
    first: int
    last: int
    since: datetime
    chain: int = 1

    @property
    def what(self) -> str:
        """In words."""
        if self.kind == CHAIN_BROKEN:
            return f"chain broken at {self.first}"
        if self.kind == HELD:
            return f"{self.first} contradicts what is here"
        return f"missing {self.first}" + (f"–{self.last}" if self.last > self.first else "")


async def gaps(conn: AsyncConnection, now: datetime) -> list[Gap]:
    """All gaps that are open at ``now``, by machine, chain and number; each stays until its numbers are known."""
    async with conn.cursor(row_factory=class_row(Gap)) as cursor:
        await cursor.execute((_NUMBERED + _GAPS).encode(), {**_WAITS, "now": now})
        return await cursor.fetchall()


_BROKEN = """
    select kiosk_id, (data->>'seq')::bigint, at, coalesce((data->>'chain')::int, 1) from event where kind = %s"""
# What was taken in after all contradicts nothing: before chains, a new store's envelopes were held.
_CONTRADICTING = """
    select kiosk_id, seq, held_at, chain from held_envelope held
    where not exists (select from envelope where key = held.key and sha256 = held.sha256)"""


async def findings(conn: AsyncConnection, now: datetime) -> list[Finding]:
    """All open gaps, every break of a chain and everything that is held, by machine, chain and number."""
    missing = [Finding(gap.kiosk_id, "missing", *gap[1:]) for gap in await gaps(conn, now)]
    rows = await conn.execute(_BROKEN.encode(), [CHAIN_BROKEN])
    broken = [Finding(kiosk_id, CHAIN_BROKEN, seq, seq, *more) for kiosk_id, seq, *more in await rows.fetchall()]
    rows = await conn.execute(_CONTRADICTING.encode())
    held = [Finding(kiosk_id, HELD, seq, seq, *more) for kiosk_id, seq, *more in await rows.fetchall()]
    return sorted([*missing, *broken, *held], key=lambda each: (each.kiosk_id, each.chain, each.first))


_BREAKS = """
    insert into event (at, actor, kind, envelope_key, kiosk_id, data)
    select %s, 'hub', %s, later.key, later.kiosk_id, jsonb_build_object('seq', later.seq, 'chain', later.chain)
    from kiosk_chain own cross join lateral (
        select * from envelope where (envelope.kiosk_id, envelope.chain) = (own.kiosk_id, own.chain)
        and seq > whole_to offset 0) later
    join envelope earlier
        on (earlier.kiosk_id, earlier.chain, earlier.seq) = (later.kiosk_id, later.chain, later.seq - 1)
    where later.prev_sha256 <> earlier.sha256 and not exists (
        select from event where kind = %s and event.kiosk_id = later.kiosk_id and (data->>'seq')::bigint = later.seq
        and coalesce((data->>'chain')::int, 1) = later.chain)"""


async def note_breaks(conn: AsyncConnection, now: datetime) -> None:
    """Records the breaks that the inbox could not see: two neighbours that came at the same instant."""
    await conn.execute(_BREAKS.encode(), [now, CHAIN_BROKEN, CHAIN_BROKEN])


async def note_whole_chains(conn: AsyncConnection) -> None:
    """Notes up to where each chain's numbers are whole, so that they need not be read again. One caller at a time."""
    await conn.execute((_NUMBERED + _WHOLE_TO).encode(), _WAITS)


async def note_all_sent(conn: AsyncConnection, kiosk_id: str, chain: int, last_seq: int, now: datetime) -> None:
    """The numbers of a chain up to ``last_seq`` were used, and none of them waits at the machine any more."""
    await conn.execute(
        "update kiosk_chain set sent_to = %s, sent_at = %s where kiosk_id = %s and chain = %s and sent_to < %s",
        [last_seq, now, kiosk_id, chain, last_seq],
    )
