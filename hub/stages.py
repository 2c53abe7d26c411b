"""Writes down what departments have done with their cases since the hub last asked: each stage once, in its order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub import events
from hub.context import Hub
from hub.department import Department
from hub.department_answers import plain_stage
from hub.desk import StageEvent
from hub.gateway import DepartmentDown
from hub.payments import book
from kiosk import shapes
from kiosk.messages.bounds import MAX_INT

_log = structlog.get_logger()
_MOST = 500
ODD = "department_event_odd"
"""The kind of event for a stage that cannot be true, or not yet: it is kept, and the case stays where it is."""
_UNKNOWN, _EARLY = "unknown_case", "not_accepted_yet"
_CLOSED = ("not_accepted", "refused", "withdrawn", "collected")
_NOT_A_STAGE = ("", "stored", "delivered")
"""States that a case has before any department knows it."""
_FIRST_YEAR = 2000
_MOST_AHEAD = timedelta(days=366)
"""A supervisor may let a reference department's days pass ahead of ours."""
_KNOWN_AT = (
    "select state, kiosk_id, service, (select actor from event where envelope_key = case_file.key and kind = %s "
    "and data->>'state' = 'accepted' order by id limit 1) "
    "from case_file left join envelope using (key) where key = %s for update of case_file"
)


async def follow_all(hub: Hub) -> None:
    """Asks every department once; one that is away or fails is asked again the next time."""
    for key in hub.gateway.departments:
        try:
            while await follow(hub, key):
                pass
        except (DepartmentDown, psycopg.DataError) as error:
            _log.warning("stages_unknown", department=key, error=type(error).__name__)


async def department_of(hub: Hub, conn: AsyncConnection, case_key: str) -> str:
    """Whose case it is: the department's that has spoken of it, else its service's; "" for one that is the hub's own.

    A service may have ended since; its cases have not. Raises DepartmentDown where nobody knows now: after another
    catalogue, or another start, somebody does.
    """
    rows = await conn.execute(
        "select service, (select actor from event where envelope_key = case_file.key and kind = %s and actor = any(%s) "
        "order by id limit 1) from case_file where key = %s",
        [events.CASE_STATE, list(hub.gateway.departments), case_key],
    )
    service_key, spoke = await rows.fetchone() or (None, None)
    service = hub.catalogue.services.get(service_key or "")
    if service is not None and not service.department:
        return ""
    found = spoke or (service.department if service else "")
    if found not in hub.gateway.departments:
        raise DepartmentDown(found)
    return found


async def follow(hub: Hub, key: str) -> bool:
    """Takes what this department tells next; whether it may have more at once. Raises DepartmentDown.

    One that tells the same again is asked again the next time.
    """
    async with hub.pool.connection() as conn:
        after = await _known_to(conn, key)

    async def ask(department: Department, conn: AsyncConnection) -> list[StageEvent]:
        return [plain_stage(each) for each in await department.events(conn, after, hub.clock.today())][:_MOST]

    told = await hub.gateway.ask(key, ask)
    if not told:
        return False
    async with hub.pool.connection() as conn, conn.transaction():
        known = await _write_all(hub, conn, key, told)
    return known > after and len(told) == _MOST


async def _write_all(hub: Hub, conn: AsyncConnection, key: str, told: list[StageEvent]) -> int:
    """The number of the last stage that is known now."""
    await one_at_a_time(conn, key)  # Another hub process may have been quicker.
    after = await _known_to(conn, key)
    for each in told:
        if not after < each.seq <= MAX_INT:
            continue
        await _write_stage(hub, conn, key, each)
        after = each.seq
    await conn.execute(
        "insert into setting values (%s, %s) on conflict (name) do update set value = excluded.value",
        [_setting(key), Jsonb(after)],
    )
    return after


async def one_at_a_time(conn: AsyncConnection, key: str) -> None:
    """Nobody else writes down what this department told, until the caller's transaction ends."""
    # The first time there is no row that could be locked.
    await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 4))", [_setting(key)])


async def take_up(hub: Hub, conn: AsyncConnection, key: str, case_key: str) -> None:
    """What this department told of a case before the hub knew its acceptance, in the transaction that writes that.

    The caller has taken ``one_at_a_time`` first.
    """
    rows = await conn.execute(
        "select data from event where envelope_key = %s and kind = %s and actor = %s and data->>'why' = any(%s) "
        "order by id",
        [case_key, ODD, key, [_UNKNOWN, _EARLY]],
    )
    for (data,) in await rows.fetchall():
        kept = {**data, "seq": 0, "case_key": case_key, "at": data["on"]}
        await _write_stage(hub, conn, key, shapes.convert(kept, StageEvent))


async def _write_stage(hub: Hub, conn: AsyncConnection, key: str, told: StageEvent) -> None:
    state, kiosk_id, service, accepted_by = "", None, "", None
    case_key = told.case_key if _is_uuid(told.case_key) else None
    if case_key:
        rows = await conn.execute(_KNOWN_AT, [events.CASE_STATE, case_key])
        state, kiosk_id, service, accepted_by = await rows.fetchone() or ("", None, "", None)
    known = hub.catalogue.services.get(service or "")
    # A service may have ended; its case is still of who has accepted it.
    why = _impossible(hub, key, told, known.department if known else accepted_by)
    said = {"actor": key, "key": case_key, "kiosk_id": kiosk_id}
    if why := why or await _odd(conn, told, state):
        _log.warning(ODD, department=key, key=case_key, why=why)
        kept = {**_data(told), "promised_by": told.promised_by}
        await events.record(conn, hub.clock.now(), kind=ODD, why=why, **said, **kept)
        return
    await conn.execute(
        "update case_file set state = %s, promised_on = coalesce(%s, promised_on), promised_by = %s where key = %s",
        [told.state, told.promised_on, told.promised_by, case_key],
    )
    await events.record(conn, hub.clock.now(), kind=events.CASE_STATE, **said, **_data(told))
    if told.state in book.ENDED_LATER:
        await book.ended_later(conn, told.case_key, told.state, hub.clock.now())


def _impossible(hub: Hub, key: str, told: StageEvent, whose: str | None) -> str:
    """Why no department can say this of any case, or this one of a case that is ``whose``; "" when it can."""
    if told.state in _NOT_A_STAGE:
        return "no_stage"
    if told.at.tzinfo is None or told.at.year < _FIRST_YEAR or told.at > hub.clock.now() + _MOST_AHEAD:
        return "no_time"
    return "not_its_case" if whose not in (None, key) else ""


async def _odd(conn: AsyncConnection, told: StageEvent, state: str) -> str:
    """Why a stage cannot be true, or not yet; "" when it can."""
    if not state:
        return _UNKNOWN
    if state == "delivered":
        return _EARLY
    if state in _CLOSED:
        return "closed_before"
    # A date ahead of our own clock was wrong, or a department's that runs ahead: it bounds nothing that follows.
    rows = await conn.execute(
        "select case when data->>'on' is not null then least((data->>'on')::timestamptz, at) end from event "
        "where envelope_key = %s and kind = %s order by id desc limit 1",
        [told.case_key, events.CASE_STATE],
    )
    row = await rows.fetchone()
    before: datetime | None = row[0] if row else None
    return "jump_back" if before and told.at < before else ""


def _data(told: StageEvent) -> Mapping[str, Any]:
    promised_on = told.promised_on.isoformat() if told.promised_on else None
    at, reasons = told.at.isoformat(timespec="milliseconds"), list(told.reasons)
    said = {"state": told.state, "reasons": reasons, "officer": told.officer, "promised_on": promised_on}
    return {**said, "on": at}


async def _known_to(conn: AsyncConnection, key: str) -> int:
    rows = await conn.execute("select value from setting where name = %s", [_setting(key)])
    row = await rows.fetchone()
    return int(row[0]) if row else 0


def _is_uuid(text: str) -> bool:
    """Whether a database takes it for the key of a case."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _setting(key: str) -> str:
    return f"stages_{key}"
