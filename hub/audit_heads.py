"""Heads of the machines' audit chains, kept where nobody at a machine can change them.

A head is taken when it continues what is here: the machine says in the same heartbeat what its row of the last known
number holds (``audit_base``). So a chain that was cut, emptied, or written anew is seen, also when it has grown since.
Each speaks for all before it: of one day the last stays, or a city's heartbeats would fill the hub's disk.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from psycopg import AsyncConnection

from hub import events
from kiosk.clock import from_rfc3339, local, to_rfc3339
from kiosk.messages.fleet import AuditHead, AuditProved, Heartbeat

_log = structlog.get_logger()


async def hear(conn: AsyncConnection, kiosk_id: str, chain: int, beat: Heartbeat, now: datetime) -> AuditProved | None:
    """Judges what a heartbeat says of the audit chain, in its transaction: the highest head that is proved, if any."""
    known = await _newest(conn, kiosk_id, chain)
    head = beat.audit_head
    if head is None:
        return known
    trouble = _trouble(head, beat.audit_base, known)
    if trouble:
        await _alarm(conn, kiosk_id, chain, trouble, head, now)
        return known
    is_continued = known is None or (beat.audit_base is not None and beat.audit_base.entries == known.entries)
    if not is_continued or (known is not None and head.entries == known.entries):
        return known
    kept = await _keep(conn, kiosk_id, chain, head, known, now)
    return AuditProved(head.entries, head.sha256, to_rfc3339(now)) if kept else known


async def _keep(
    conn: AsyncConnection, kiosk_id: str, chain: int, head: AuditHead, known: AuditProved | None, now: datetime
) -> bool:
    """In the place of today's; False when another heartbeat was quicker."""
    if known is not None and local(from_rfc3339(known.at)).date() == local(now).date():
        done = await conn.execute(
            "update audit_head set entries = %s, sha256 = %s, at = %s where (kiosk_id, chain, entries) = (%s, %s, %s)",
            [head.entries, head.sha256, now, kiosk_id, chain, known.entries],
        )
    else:
        done = await conn.execute(
            "insert into audit_head values (%s, %s, %s, %s, %s) on conflict do nothing",
            [kiosk_id, chain, head.entries, head.sha256, now],
        )
    return done.rowcount == 1


def _trouble(head: AuditHead, base: AuditHead | None, known: AuditProved | None) -> str:
    """In words, "" when nothing contradicts what is known."""
    if known is None:
        return ""
    if head.entries < known.entries:
        return f"audit chain was cut: it ends at {head.entries}, it had {known.entries}"
    for said in (head, base):
        if said is not None and said.entries == known.entries and said.sha256 != known.sha256:
            return f"audit chain was written anew: its entry {known.entries} is another"
    return ""


async def _newest(conn: AsyncConnection, kiosk_id: str, chain: int) -> AuditProved | None:
    rows = await conn.execute(
        "select entries, sha256, at from audit_head where kiosk_id = %s and chain = %s order by entries desc limit 1",
        [kiosk_id, chain],
    )
    row = await rows.fetchone()
    return AuditProved(row[0], row[1], to_rfc3339(row[2])) if row else None


async def _alarm(
    conn: AsyncConnection, kiosk_id: str, chain: int, trouble: str, head: AuditHead, now: datetime
) -> None:
    """Once for a chain, until a person has looked."""
    fresh = await conn.execute(
        "update kiosk_chain set audit_trouble = %s, audit_trouble_at = %s "
        "where kiosk_id = %s and chain = %s and audit_trouble is null",
        [trouble, now, kiosk_id, chain],
    )
    if fresh.rowcount:
        _log.error("audit_broken", kiosk_id=kiosk_id, trouble=trouble)
        said = {"trouble": trouble, "entries": head.entries, "sha256": head.sha256}
        await events.record(conn, now, actor="hub", kind="audit_broken", kiosk_id=kiosk_id, **said)


async def begin_anew(conn: AsyncConnection, kiosk_id: str) -> bool:
    """A person has looked: what the machine says next is believed again; whether there was any trouble."""
    ended = await conn.execute(
        "update kiosk_chain set audit_trouble = null, audit_trouble_at = null "
        "where kiosk_id = %s and audit_trouble is not null",
        [kiosk_id],
    )
    if ended.rowcount:
        await conn.execute("delete from audit_head where kiosk_id = %s", [kiosk_id])
    return bool(ended.rowcount)
