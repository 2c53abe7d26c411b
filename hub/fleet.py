"""What a supervisor decides about machines: their keys are ended and given back, and each decision is an event."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row

from hub import audit_heads, events
from hub.gaps import findings
from hub.machine_keys import is_known, point_at_good_keys


class CannotBe(Exception):
    """What was asked for cannot be done; one line, why and what to do."""


class MachineRow(msgspec.Struct, frozen=True):
    """One machine. ``state``: good, revoked, or expired; ``trouble`` is for a person, "" without."""

    kiosk_id: str
    number: int
    state: str
    enrolled_at: datetime
    seen_at: datetime | None
    valid_to: datetime | None
    trouble: str = ""


_TOLD = 2
_MACHINES = """
    select kiosk_id, coalesce(number, 0) as number, enrolled_at, seen_at, own.valid_to,
        coalesce(audit_trouble, '') as trouble,
        case when own.ended is not null then own.ended when own.valid_to <= %(now)s then 'expired'
            when own.public_key is null then 'revoked' else 'good' end as state
    from kiosk left join kiosk_chain using (kiosk_id, chain) left join lateral (
        select public_key, valid_to, ended from kiosk_key
        where (kiosk_key.kiosk_id, kiosk_key.chain) = (kiosk.kiosk_id, kiosk.chain)
        order by ended is not null, since desc limit 1) own on true
    order by kiosk_id"""


async def machines(conn: AsyncConnection, now: datetime) -> list[MachineRow]:
    """All machines that were ever enrolled, by name."""
    async with conn.cursor(row_factory=class_row(MachineRow)) as cursor:
        await cursor.execute(_MACHINES, {"now": now})
        rows = await cursor.fetchall()
    found = await findings(conn, now)
    told = {name: [each.what for each in its] for name, its in groupby(found, key=lambda each: each.kiosk_id)}
    return [msgspec.structs.replace(row, trouble=_joined(row.trouble, told.get(row.kiosk_id, []))) for row in rows]


def _joined(trouble: str, told: list[str]) -> str:
    """The first of it; ``hub gaps`` has all."""
    more = f"{len(told) - _TOLD} more in hub gaps" if len(told) > _TOLD else ""
    return "; ".join(filter(None, [trouble, *told[:_TOLD], more]))


async def revoke(conn: AsyncConnection, kiosk_id: str, now: datetime, *, by: str, since: datetime | None = None) -> int:
    """Ends the keys of a machine as of ``since``, those that ended later already too; how many. Raises CannotBe."""
    await require_known(conn, kiosk_id)
    if since is not None and since > now:
        raise CannotBe("--since is in the future; a key that ends later is made with hub code --valid-days")
    ended = await conn.execute(
        "update kiosk_key set planned_to = case when ended is null then valid_to else planned_to end, "
        "ended = coalesce(ended, 'revoked'), valid_to = least(valid_to, %(since)s) "
        "where kiosk_id = %(machine)s and (ended is null or valid_to > %(since)s)",
        {"since": since or now, "machine": kiosk_id},
    )
    await point_at_good_keys(conn, kiosk_id)
    as_of = (since or now).isoformat(timespec="seconds")
    await _log_event(conn, now, "machine_revoked", kiosk_id, by, since=as_of, keys=ended.rowcount)
    return ended.rowcount


async def restore(conn: AsyncConnection, kiosk_id: str, now: datetime, *, by: str) -> int:
    """Takes back that the keys of a machine's present store were revoked; how many. Raises CannotBe.

    One that was to end by itself does so as planned, or has.
    """
    await require_known(conn, kiosk_id)
    again = await conn.execute(
        "update kiosk_key own set ended = null, valid_to = planned_to from kiosk "
        "where own.kiosk_id = %s and ended = 'revoked' and (kiosk.kiosk_id, kiosk.chain) = (own.kiosk_id, own.chain)",
        [kiosk_id],
    )
    if not again.rowcount:
        raise CannotBe(f"no key of {kiosk_id} was revoked since it was enrolled last; hub machine list shows them")
    await point_at_good_keys(conn, kiosk_id)
    await _log_event(conn, now, "machine_restored", kiosk_id, by, keys=again.rowcount)
    return again.rowcount


async def accept_audit(conn: AsyncConnection, kiosk_id: str, now: datetime, *, by: str) -> None:
    """The machine's audit chain counts from now on as it is. Raises CannotBe."""
    await require_known(conn, kiosk_id)
    if not await audit_heads.begin_anew(conn, kiosk_id):
        raise CannotBe(f"nothing is wrong with the audit chain of {kiosk_id}")
    await _log_event(conn, now, "audit_accepted", kiosk_id, by)


async def machines_by_hub_key(conn: AsyncConnection) -> Counter[str]:
    """How many machines that may still sign check by which of the hub's keys; "" for those of before."""
    rows = await conn.execute(
        "select coalesce(hub_key, ''), count(*) from kiosk where public_key is not null or gm_public_key is not null "
        "group by 1"
    )
    return Counter(dict(await rows.fetchall()))


async def _log_event(conn: AsyncConnection, now: datetime, kind: str, kiosk_id: str, by: str, **data: Any) -> None:
    await events.record(conn, now, actor=f"supervisor:{by}", kind=kind, kiosk_id=kiosk_id, **data)


async def require_known(conn: AsyncConnection, kiosk_id: str) -> None:
    """Raises CannotBe for a name that no machine ever had."""
    if not await is_known(conn, kiosk_id):
        raise CannotBe(f"no machine {kiosk_id} was ever enrolled; hub machine list shows their names")
