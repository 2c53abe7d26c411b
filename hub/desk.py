"""What a reference department does with a case that it has accepted: 受理, 审批, 办结, 取件, and what lies beside them.

Its clock runs with the hub's, and ahead of it by the days that a supervisor let pass. What is planned for a day has
happened when that day is over; nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, LiteralString, NamedTuple

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import Jsonb

from hub.working_days import Promise, counted, working_days_between
from kiosk.catalogue.model import Limit
from kiosk.clock import LOCAL, local

TABLES = """
    create table if not exists case_stage (
        seq bigint generated always as identity primary key,
        case_key uuid not null,
        state text not null,
        at timestamptz not null,
        officer text not null,
        reasons jsonb not null,
        promised_on date,
        promised_by text not null
    );
    create index if not exists case_stage_of_case on case_stage (case_key);
    create table if not exists case_desk (
        case_key uuid primary key,
        state text not null,
        since timestamptz not null,
        decide_on date not null,
        is_collected boolean not null,
        unit text not null,
        promised_on date,
        promised_by text not null,
        next_state text,
        next_on date
    );
    alter table case_desk add column if not exists rests_on uuid[] not null default '{}';
    create index if not exists case_desk_by_day on case_desk (next_on) where next_on is not null;
    create table if not exists case_supplement (
        key uuid primary key,
        case_key uuid not null,
        papers jsonb not null
    );
    create table if not exists case_clock (days_ahead integer not null)"""
COLLECT_WITHIN = timedelta(days=90)
"""So long a finished document waits for its person (believed; a city's own rule)."""
CLOSES = time(21)
"""When the books of a day are closed: after the last machine has taken its last case."""
_SHARE_OF_LIMIT = 0.6
"""A reference department keeps its promise with time to spare."""
_SYSTEM, _MACHINE = "system", "machine"
RESTS_ON_REFUSED = "rests_on_refused"
"""The reason of a case that comes to nothing because another one did on which it rests."""
_COLUMNS: LiteralString = (
    "select case_key::text, state, since, decide_on, is_collected, unit, promised_on, promised_by, next_state, next_on "
    "from {} where "
)
_RUNNING = frozenset({"accepted", "in_review"})
_MOVES = {
    "needs_supplement": _RUNNING,
    "in_review": frozenset({"accepted", "needs_supplement"}),
    "decided": frozenset({"accepted", "in_review"}),
    "refused": _RUNNING | {"needs_supplement"},
    "withdrawn": _RUNNING | {"needs_supplement"},
    "collected": frozenset({"decided", "uncollected"}),
    "uncollected": frozenset({"decided"}),
}
"""From which states each state is reached."""
_HANDED_OUT = _RUNNING | {"decided", "uncollected", "collected"}
Reached = Callable[[AsyncConnection, str, str], Awaitable[None]]
"""What a stage changes in the department's own records, in its transaction: (connection, case key, state)."""


class CannotMove(Exception):
    """A case is not where it could come to that state from."""


class StageEvent(msgspec.Struct, frozen=True):
    """One stage that a case has reached; ``seq`` counts up, each is told again until the asker knows it."""

    seq: int
    case_key: str
    state: str
    at: datetime
    officer: str = _SYSTEM
    reasons: list[str] = []
    promised_on: date | None = None
    promised_by: str = ""


class Standing(NamedTuple):
    """Where a case stands, for comparing the books (对账)."""

    case_key: str
    state: str


class _Case(NamedTuple):
    case_key: str
    state: str
    since: datetime
    decide_on: date
    is_collected: bool
    unit: str
    promised_on: date | None
    promised_by: str
    next_state: str | None
    next_on: date | None


class Plan(NamedTuple):
    """What a case is measured by: its promise, and whether something is taken away at its end.

    ``begins_on``: the day from which its limit counts; ``waits_for``: the cases before whose end it does not end.
    """

    limit: Limit | None
    promised_on: date | None
    promised_by: str
    is_collected: bool
    begins_on: date
    waits_for: Sequence[str] = ()


class Desk:
    """The cases of one department, in its schema."""

    def __init__(self, schema: str) -> None:
        self._schema = schema

    async def today(self, conn: AsyncConnection, day: date) -> date:
        """The day by the department's clock."""
        rows = await conn.execute(self._in("select coalesce(max(days_ahead), 0) from {}", "case_clock"))
        row = await rows.fetchone()
        return day + timedelta(days=row[0] if row else 0)

    async def advance(self, conn: AsyncConnection, days: int) -> None:
        """Lets so many days pass."""
        async with conn.transaction():
            await self._lock(conn)
            moved = await conn.execute(self._in("update {} set days_ahead = days_ahead + %s", "case_clock"), [days])
            if not moved.rowcount:
                await conn.execute(self._in("insert into {} values (%s)", "case_clock"), [days])

    async def take(
        self, conn: AsyncConnection, case_key: str, plan: Plan, day: date, rests_on: Sequence[str] = ()
    ) -> None:
        """A case was accepted on this day, in the decision's transaction; it comes to nothing with what it rests on."""
        here = await self.today(conn, day)
        ahead = here - day
        before = [
            case.decide_on for case in await self._cases(conn, "case_key = any(%s::uuid[])", list(plan.waits_for))
        ]
        decide_on = max([_decide_on(plan) + ahead, *before])
        is_at_once = decide_on == here
        next_on = here if is_at_once else _next_working_day(here)
        await conn.execute(
            self._in(
                "insert into {} (case_key, state, since, decide_on, is_collected, unit, promised_on, promised_by, "
                "next_state, next_on, rests_on) values (%s, 'accepted', %s, %s, %s, %s, %s, %s, %s, %s, %s::uuid[])",
                "case_desk",
            ),
            [
                *(case_key, _at(here), decide_on, plan.is_collected, plan.limit.unit if plan.limit else "d"),
                *(plan.promised_on, plan.promised_by, "decided" if is_at_once else "in_review", next_on),
                list(rests_on),
            ],
        )

    async def promises(self, conn: AsyncConnection, case_keys: Sequence[str]) -> list[Promise]:
        """What was promised for these cases, as far as it was."""
        found = await self._cases(conn, "case_key = any(%s::uuid[])", list(case_keys))
        return [Promise(case.promised_on, case.promised_by) for case in found if case.promised_on]

    async def work(self, conn: AsyncConnection, day: date, reached: Reached) -> None:
        """Does what was planned for the days that are over."""
        async with conn.transaction():
            await self._lock(conn)
            today = await self.today(conn, day)
            while due := await self._cases(conn, "next_on < %s order by next_on, case_key limit 500", today):
                for case in due:
                    await self._reach(conn, case, str(case.next_state), _at(case.next_on or today), reached)

    async def move(
        self, conn: AsyncConnection, case_key: str, state: str, day: date, reached: Reached, *,
        officer: str, reasons: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """An officer's word on one case. Raises CannotMove."""
        async with conn.transaction():
            await self._lock(conn)
            found = await self._cases(conn, "case_key = %s for update", case_key)
            if not found or found[0].state not in _MOVES.get(state, ()):
                raise CannotMove(f"{found[0].state if found else 'no such case'} -> {state}")
            now = max(found[0].since, _at(await self.today(conn, day)))
            await self._reach(conn, found[0], state, now, reached, officer=officer, reasons=reasons)

    async def supplement(
        self, conn: AsyncConnection, key: str, case_key: str, papers: Sequence[str], day: date, reached: Reached
    ) -> bool:
        """What was asked for has come, so the case is reviewed on; False: it does not wait for anything."""
        async with conn.transaction():
            fresh = await conn.execute(
                self._in("insert into {} values (%s, %s, %s) on conflict do nothing", "case_supplement"),
                [key, case_key, Jsonb([*papers])],
            )
            if not fresh.rowcount:
                return True
            found = await self._cases(conn, "case_key = %s", case_key)
            if not found or found[0].state != "needs_supplement":
                return False
            await self.move(conn, case_key, "in_review", day, reached, officer=_SYSTEM)
            return True

    async def hand_out(self, conn: AsyncConnection, case_key: str, day: date, reached: Reached) -> bool:
        """A machine has given it to its person, so what was planned before that is done. False: it cannot end so.

        Where nothing is taken away at the end of a case, there is nothing to write down.
        """
        async with conn.transaction():
            await self._lock(conn)
            found = await self._cases(conn, "case_key = %s for update", case_key)
            if not found or found[0].state not in _HANDED_OUT:
                return False
            if not found[0].is_collected or found[0].state == "collected":
                return True
            now = max(found[0].since, _at(await self.today(conn, day)))
            for state in ("decided", "collected"):
                if found[0].state in _MOVES[state]:
                    await self._reach(conn, found[0], state, now, reached, officer=_MACHINE)
                    found = await self._cases(conn, "case_key = %s", case_key)
            return True

    async def close_with(self, conn: AsyncConnection, case_key: str, other: str) -> None:
        """What this case has made was collected by another one, whose stage is the time of both."""
        found = await self._cases(conn, "case_key = %s", other)
        for case in await self._cases(conn, "case_key = %s", case_key):
            if found and case.case_key != other and case.state in _MOVES["collected"]:
                at = max(case.since, found[0].since)
                await self._reach(conn, case, "collected", at, _nothing, officer=_MACHINE)

    async def events(self, conn: AsyncConnection, after: int, limit: int = 500) -> list[StageEvent]:
        """What has happened since, in order."""
        rows = await conn.execute(
            self._in(
                "select seq, case_key::text, state, at, officer, reasons, promised_on, promised_by from {} "
                "where seq > %s order by seq limit %s",
                "case_stage",
            ),
            [after, limit],
        )
        return [StageEvent(*row) for row in await rows.fetchall()]

    async def standings(self, conn: AsyncConnection) -> list[Standing]:
        """Every case and where it stands."""
        rows = await conn.execute(self._in("select case_key::text, state from {} order by 1", "case_desk"))
        return [Standing(*row) for row in await rows.fetchall()]

    async def _reach(
        self, conn: AsyncConnection, case: _Case, state: str, at: datetime, reached: Reached, *,
        officer: str = _SYSTEM, reasons: Sequence[str] = (),
    ) -> None:  # fmt: skip
        day = local(at).date()
        promised_on, promised_by, decide_on = case.promised_on, case.promised_by, case.decide_on
        if case.state == "needs_supplement" and state == "in_review":
            # The clock stood still: what was left then is left now.
            stood = (local(case.since).date(), day)
            decide_on = _shifted(decide_on, case.unit, *stood).on
            if promised_on:
                later = _shifted(promised_on, case.unit, *stood)
                promised_on, promised_by = later.on, promised_by or later.by
        next_state, next_on = _after(state, day, decide_on, is_collected=case.is_collected)
        await conn.execute(
            self._in(
                "update {} set state = %s, since = %s, decide_on = %s, promised_on = %s, promised_by = %s, "
                "next_state = %s, next_on = %s where case_key = %s",
                "case_desk",
            ),
            [state, at, decide_on, promised_on, promised_by, next_state, next_on, case.case_key],
        )
        await conn.execute(
            self._in(
                "insert into {} (case_key, state, at, officer, reasons, promised_on, promised_by) "
                "values (%s, %s, %s, %s, %s, %s, %s)",
                "case_stage",
            ),
            [case.case_key, state, at, officer, Jsonb([*reasons]), promised_on, promised_by],
        )
        await reached(conn, case.case_key, state)
        if state in ("refused", "withdrawn"):
            await self._end_with(conn, case.case_key, at, reached, officer)

    async def _end_with(
        self, conn: AsyncConnection, case_key: str, at: datetime, reached: Reached, officer: str
    ) -> None:
        """What rests on a case that comes to nothing comes to nothing."""
        for other in await self._cases(conn, "%s = any(rests_on)", case_key):
            if other.state in _MOVES["refused"]:
                now = max(other.since, at)
                await self._reach(conn, other, "refused", now, reached, officer=officer, reasons=[RESTS_ON_REFUSED])

    async def _cases(self, conn: AsyncConnection, where: LiteralString, value: Any) -> list[_Case]:
        async with conn.cursor(row_factory=class_row(_Case)) as cursor:
            await cursor.execute(self._in(_COLUMNS + where, "case_desk"), [value])
            return await cursor.fetchall()

    async def _lock(self, conn: AsyncConnection) -> None:
        # One writer at a time: numbers of stages are seen in the order in which they are given.
        await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 3))", [self._schema])

    def _in(self, statement: LiteralString, table: str) -> Composed:
        return SQL(statement).format(Identifier(self._schema, table))


async def _nothing(_conn: AsyncConnection, _case_key: str, _state: str) -> None:
    pass


def _decide_on(plan: Plan) -> date:
    """The day of the decision: in time, and a working day where something takes time."""
    limit = plan.limit
    if limit is None or not limit.n:
        return plan.begins_on
    return min(
        counted(Limit(n=max(1, int(limit.n * _SHARE_OF_LIMIT)), unit=limit.unit), plan.begins_on).on,
        plan.promised_on or date.max,
    )


def _next_working_day(day: date) -> date:
    return counted(Limit(n=1, unit="wd"), day).on


def _shifted(day: date, unit: str, since: date, until: date) -> Promise:
    """A day, later by the time that was stood still."""
    stood = working_days_between(since, until) if unit == "wd" else (until - since).days
    return counted(Limit(n=stood, unit="wd" if unit == "wd" else "d"), day)


def _after(state: str, day: date, decide_on: date, *, is_collected: bool) -> tuple[str | None, date | None]:
    """What is planned next, and for which day."""
    if state in _RUNNING:
        return "decided", max(decide_on, day)
    if state == "decided" and is_collected:
        return "uncollected", day + COLLECT_WITHIN
    return None, None


def _at(day: date) -> datetime:
    return datetime.combine(day, CLOSES, LOCAL)
