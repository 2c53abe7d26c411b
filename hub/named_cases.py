"""Which case is meant by a receipt number: whoever files a case says its number, so several can have the same.

A stolen machine may file under a number that it has guessed: what is done to the one case is done to no other.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

import structlog
from psycopg import AsyncConnection

from hub import events
from hub.context import Hub

NUMBER_TWICE = "number_twice"
_TOLD = 5
_log = structlog.get_logger()


class NotOneCase(Exception):
    """No case has this number, or several have: one line, which, and what to do."""


class NamedCase(NamedTuple):
    """The one that is meant."""

    key: str
    person_ref: str
    state: str


async def lock_number(conn: AsyncConnection, number: str) -> None:
    """Of those who judge by a receipt number one at a time, to the end of the caller's transaction."""
    await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 1))", [number])


async def case_named(conn: AsyncConnection, said: str) -> NamedCase:
    """The one case with this receipt number, or with this key. Raises NotOneCase."""
    key = None
    with suppress(ValueError):
        key = str(UUID(said))
    rows = await conn.execute(
        "select case_file.key::text, person_ref, state, masked_name, coalesce(envelope.kiosk_id, paper_copy.kiosk_id) "
        "from case_file left join envelope using (key) left join paper_copy using (key) "
        "where receipt_number = %s or case_file.key = %s order by case_file.key",
        [said, key],
    )
    found = await rows.fetchall()
    if not found:
        raise NotOneCase("no such case")
    if len(found) > 1:
        told = ", ".join(f"{key} ({name}, {kiosk_id})" for key, _, _, name, kiosk_id in found[:_TOLD])
        raise NotOneCase(f"{len(found)} cases have this number; look which it is and give its key instead: {told}")
    return NamedCase(*found[0][:3])


async def tell_same_number(hub: Hub, conn: AsyncConnection, key: str, kiosk_id: str, number: str) -> None:
    """An alarm when what was just opened has the number of another case or complaint, in the caller's transaction.

    A machine was copied, set back or stolen: a number is given once in a city. Nothing is refused for it: each stays a
    case of its own, to which its slip and its person's card lead. The log has one line for a number.
    """
    if not number:
        return
    await lock_number(conn, number)
    rows = await conn.execute(_OTHERS, [number, number, key, _TOLD + 1])
    others = await rows.fetchall()
    if not others:
        return
    said = {"others": [{"key": other, "kiosk_id": machine} for other, machine in others[:_TOLD]]}
    await events.record(
        conn,
        hub.clock.now(),
        actor="hub",
        kind=NUMBER_TWICE,
        key=key,
        kiosk_id=kiosk_id,
        receipt_number=number,
        **said,
    )
    if len(others) == 1:
        _log.error(NUMBER_TWICE, key=key, kiosk_id=kiosk_id, **said)


_OTHERS = """
    select key::text, coalesce(envelope.kiosk_id, paper_copy.kiosk_id) from (
        select key from case_file where receipt_number = %s
        union all select key from complaint where complaint_number = %s) same
    left join envelope using (key) left join paper_copy using (key) where key <> %s order by key limit %s"""
