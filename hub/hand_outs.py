"""What a machine has put into a person's hand: bound to the case that it filed itself, and told to its department."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import structlog
from psycopg import AsyncConnection

from hub import events, lockers, stages
from hub.context import Hub
from kiosk.messages.content import HandOut

_log = structlog.get_logger()
Refused = Literal["", "unknown_case", "another_machine", "not_its_stage"]
REFUSED = "hand_out_refused"
COLLECTED = "collected"


async def keep(hub: Hub, conn: AsyncConnection, key: str, kiosk_id: str, said: HandOut, said_at: datetime) -> bool:
    """Writes it down, in the caller's transaction; whether its department is to hear of it.

    A machine speaks of the cases that it has filed itself, and of no others.
    """
    rows = await conn.execute(
        "select coalesce(envelope.kiosk_id, paper_copy.kiosk_id) from case_file left join envelope using (key) "
        "left join paper_copy using (key) where case_file.key = %s",
        [said.case_key],
    )
    row = await rows.fetchone()
    refused: Refused = ""
    if row is None:
        refused = "unknown_case"
    elif row[0] != kiosk_id:
        refused = "another_machine"
    if refused:
        await _refuse(hub, conn, "hub", key, refused)
        return False
    await events.record(
        conn,
        hub.clock.now(),
        actor="machine",
        kind="hand_out",
        key=said.case_key,
        kiosk_id=kiosk_id,
        way=said.way,
        end=said.end,
    )
    if said.lock:
        await lockers.settle(conn, kiosk_id, said, said_at)
    return said.end == COLLECTED


async def bring(hub: Hub, key: str, case_key: str) -> None:
    """Tells the case's department; ``key``: of the word about it. Raises DepartmentDown; twice is harmless."""
    async with hub.pool.connection() as conn:
        whose = await stages.department_of(hub, conn, case_key)
    if not whose:
        _log.error("hand_out_without_department", key=key)
        return
    took = await hub.gateway.ask(
        whose,
        lambda department, conn: department.handed_out(conn, case_key, hub.clock.today()),
    )
    if not took:
        async with hub.pool.connection() as conn:
            await _refuse(hub, conn, whose, key, "not_its_stage")
    await stages.follow(hub, whose)


async def _refuse(hub: Hub, conn: AsyncConnection, actor: str, key: str, why: Refused) -> None:
    _log.warning(REFUSED, key=key, why=why)
    await events.record(conn, hub.clock.now(), actor=actor, kind=REFUSED, key=key, why=why)
