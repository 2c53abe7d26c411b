"""Supplements 补正: what a department has asked for in a case, brought with its person's card, once."""

from __future__ import annotations

from typing import Literal

import structlog
from psycopg import AsyncConnection

from hub import events, stages
from hub.context import Hub
from hub.department import Brought
from kiosk.messages.content import FORM_PART, SECOND_PART, Supplement

_log = structlog.get_logger()
Refused = Literal["", "unknown_case", "another_person", "not_asked_for"]
REFUSED = "supplement_refused"


async def keep(hub: Hub, conn: AsyncConnection, key: str, supplement: Supplement) -> bool:
    """Binds it to its case, in the caller's transaction; whether its department is to have it.

    Whoever knows a receipt number, which can be guessed, brings nothing into somebody else's case: the card's number
    must be that of the case's person. Whoever has filed another case under that number keeps nothing from it either.
    What was not asked for stays here for a person to see.
    """
    await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 5))", [supplement.receipt_number])
    own = hub.keys.person_ref(supplement.id_number)
    rows = await conn.execute(
        "select key::text, person_ref, state from case_file where receipt_number = %s "
        "order by person_ref <> %s, state <> 'needs_supplement', key limit 1",
        [supplement.receipt_number, own],
    )
    row = await rows.fetchone()
    case_key, person_ref, state = row or (None, None, "")
    refused: Refused = ""
    if case_key is None:
        refused = "unknown_case"
    elif person_ref != own:
        refused = "another_person"
    elif state != "needs_supplement":
        refused = "not_asked_for"
    await conn.execute(
        "insert into supplement values (%s, %s, %s, %s)", [key, case_key, supplement.receipt_number, refused]
    )
    if refused:
        _log.warning(REFUSED, key=key, why=refused)
        await events.record(conn, hub.clock.now(), actor="hub", kind=REFUSED, key=key, why=refused)
    return not refused


async def bring(hub: Hub, key: str, supplement: Supplement, parts: tuple[str, ...]) -> None:
    """Gives it to the case's department, which goes on with the case. Raises DepartmentDown; twice is harmless."""
    async with hub.pool.connection() as conn:
        rows = await conn.execute(
            "select case_file.key::text from supplement join case_file on case_key = case_file.key "
            "where supplement.key = %s",
            [key],
        )
        row = await rows.fetchone()
        whose = await stages.department_of(hub, conn, row[0]) if row else ""
    if row is None or not whose:
        _log.error("supplement_without_department", key=key)
        return
    papers = [name for name in parts if name not in (FORM_PART, SECOND_PART)]
    brought = Brought(key, row[0], supplement.answers, papers)
    took = await hub.gateway.ask(
        whose, lambda department, conn: department.supplement(conn, brought, hub.clock.today())
    )
    if not took:
        async with hub.pool.connection() as conn:
            said = {"key": key, "why": "not_asked_for"}
            await events.record(conn, hub.clock.now(), actor=whose, kind=REFUSED, **said)
    await stages.follow(hub, whose)
