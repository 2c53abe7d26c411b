"""What lies behind the doors of the machines: filled by staff, given out by a machine to the one person whose it is."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

from hub import events
from hub.context import Hub
from hub.named_cases import NotOneCase, case_named
from kiosk.messages.content import HandOut
from kiosk.messages.lockers import LockerAnswer, LockerQuestion

STEP = "locker"
FILLED, IN_DOUBT = "filled", "in_doubt"
_MAY_COLLECT = ("accepted", "in_review", "decided")
_READY = ("decided", "uncollected")


class CannotFill(Exception):
    """One line: why, and what to do."""


class Compartment(NamedTuple):
    """One door; nothing in it says whose it is but the case's number."""

    kiosk_id: str
    lock: int
    receipt_number: str
    department: str
    state: str
    filled_at: datetime
    filled_by: str


async def locker(hub: Hub, question: LockerQuestion, kiosk_id: str) -> LockerAnswer:
    """Where it lies, told to the machine in which it lies, for an accepted case of that person. Raises DepartmentDown.

    What a case collects, its department says.
    """
    person_ref = hub.keys.person_ref(question.id_number)
    async with hub.pool.connection() as conn:
        rows = await conn.execute(
            "select service from case_file join envelope using (key) where key = %s and person_ref = %s "
            "and kiosk_id = %s and state = any(%s)",
            [question.key, person_ref, kiosk_id, list(_MAY_COLLECT)],
        )
        row = await rows.fetchone()
    service = hub.catalogue.services.get(row[0]) if row else None
    if service is None or not service.has_step(STEP):
        return LockerAnswer()
    ready = await hub.gateway.ask(
        service.department, lambda department, conn: department.ready(conn, question.id_number)
    )
    async with hub.pool.connection() as conn:
        rows = await conn.execute(
            "select lock, state from locker where kiosk_id = %s and person_ref = %s and department = %s "
            "and case_key::text = any(%s)",
            [kiosk_id, person_ref, service.department, ready[:1]],
        )
        found = await rows.fetchone()
    if found is None:
        return LockerAnswer()
    return LockerAnswer(found[0]) if found[1] == FILLED else LockerAnswer(reason=IN_DOUBT)


async def settle(conn: AsyncConnection, kiosk_id: str, said: HandOut, said_at: datetime) -> None:
    """A machine's word on one of its doors: empty, or for staff to look into. Of that case's person only.

    It is about what lay there when it was said (``said_at``, in whole seconds): a word that comes late does not touch
    what was put there since. Where the machine's clock is behind, that errs to the side of a thing that is still there.
    """
    values = [said.case_key, kiosk_id, said.lock, said_at]
    if said.end == "collected":
        await conn.execute(
            "delete from locker using case_file where case_file.key = %s "
            "and case_file.person_ref = locker.person_ref and kiosk_id = %s and lock = %s "
            "and date_trunc('second', filled_at) <= %s",
            values,
        )
    else:
        await conn.execute(
            "update locker set state = 'in_doubt' from case_file where case_file.key = %s "
            "and case_file.person_ref = locker.person_ref and kiosk_id = %s and lock = %s "
            "and date_trunc('second', filled_at) <= %s",
            values,
        )


async def fill(
    conn: AsyncConnection, kiosk_id: str, lock: int, receipt_number: str, department: str, now: datetime, by: str
) -> None:
    """Writes down that the finished thing of the case with this number, or key, lies behind it. Raises CannotFill."""
    try:
        found = await case_named(conn, receipt_number)
    except NotOneCase as error:
        raise CannotFill(f"{receipt_number}: {error}") from error
    if found.state not in _READY:
        why = f"it is {found.state}; only what is decided and not collected is put into a locker"
        raise CannotFill(f"{receipt_number}: {why}")
    await put(conn, kiosk_id, lock, found.key, found.person_ref, department, now, by)


async def put(
    conn: AsyncConnection, kiosk_id: str, lock: int, case_key: str, person_ref: str, department: str, now: datetime,
    by: str,
) -> None:  # fmt: skip
    """The same for a case by its key. Raises CannotFill for a door that is full."""
    done = await conn.execute(
        "insert into locker values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
        [kiosk_id, lock, case_key, person_ref, department, FILLED, now, by],
    )
    if not done.rowcount:
        raise CannotFill(f"{kiosk_id} {lock}: the door is full, or the case lies behind another; see hub locker list")
    said = {"lock": lock, "department": department}
    await events.record(conn, now, actor=f"officer:{by}", kind="locker_filled", key=case_key, kiosk_id=kiosk_id, **said)


async def take(conn: AsyncConnection, kiosk_id: str, lock: int, now: datetime, by: str) -> bool:
    """Staff has emptied it; whether anything was written down there."""
    rows = await conn.execute(
        "delete from locker where kiosk_id = %s and lock = %s returning case_key::text", [kiosk_id, lock]
    )
    row = await rows.fetchone()
    if row:
        await events.record(
            conn, now, actor=f"officer:{by}", kind="locker_emptied", key=row[0], kiosk_id=kiosk_id, lock=lock
        )
    return row is not None


async def confirm(conn: AsyncConnection, kiosk_id: str, lock: int, now: datetime, by: str) -> bool:
    """Staff has looked: it lies there still. Whether it was in doubt."""
    rows = await conn.execute(
        "update locker set state = 'filled' where kiosk_id = %s and lock = %s and state = 'in_doubt' "
        "returning case_key::text",
        [kiosk_id, lock],
    )
    row = await rows.fetchone()
    if row:
        await events.record(
            conn, now, actor=f"officer:{by}", kind="locker_looked_at", key=row[0], kiosk_id=kiosk_id, lock=lock
        )
    return row is not None


async def compartments(conn: AsyncConnection, kiosk_id: str) -> list[Compartment]:
    """All that are filled, of one machine or ("") of all."""
    async with conn.cursor(row_factory=class_row(Compartment)) as cursor:
        await cursor.execute(
            "select locker.kiosk_id, lock, coalesce(receipt_number, '') as receipt_number, department, locker.state, "
            "filled_at, filled_by from locker left join case_file on case_file.key = case_key "
            "where %(id)s = '' or locker.kiosk_id = %(id)s order by 1, 2",
            {"id": kiosk_id},
        )
        return await cursor.fetchall()
