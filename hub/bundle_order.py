"""The order inside a bundle: a case that rests on others of its bundle is decided after them, and not without them.

Each case is work of its own, done by several workers and in any order of arrival. One whose turn has not come is laid
down; the decision on what it rests on takes it up again. Lock of a row before a look: neither can miss the other.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

from hub.desk import RESTS_ON_REFUSED
from kiosk.catalogue.model import Catalogue
from kiosk.messages.content import CaseForm

MISSING = "rests_on_missing"
"""The reason of a case where what it rests on did not come within ``WAITS``."""
WAITS = timedelta(days=7)
"""A machine files a bundle in one transaction: what it rests on is on its way, at most by file."""
_NO = frozenset({"not_accepted", "refused", "withdrawn"})


class _Before(NamedTuple):
    key: str
    service: str
    state: str


class Turn(NamedTuple):
    """Whether a case can be decided: ``waits``, or ``refused`` for a reason, or after the cases of ``before``."""

    waits: bool = False
    refused: str = ""
    before: tuple[_Before, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """What was accepted before it."""
        return tuple(each.key for each in self.before)

    def fulfilled(self, form: CaseForm, catalogue: Catalogue) -> tuple[str, ...]:
        """The checks that those before it make hold: by the city's own catalogue, whatever the machine says."""
        bundle = catalogue.bundles.get(form.bundle_key or "")
        part = next((each for each in bundle.parts if each.service == form.service), None) if bundle else None
        is_after = part and set(part.after) & {each.service for each in self.before}
        return part.fulfilled if part and is_after else ()


FREE = Turn()


async def keep(conn: AsyncConnection, key: str, form: CaseForm) -> None:
    """Writes down to which bundle a case belongs and on what it rests."""
    if form.bundle:
        await conn.execute(
            "update case_file set bundle = %s, rests_on = %s::uuid[] where key = %s",
            [form.bundle, list(form.rests_on or ()), key],
        )


async def turn_of(conn: AsyncConnection, key: str, form: CaseForm, now: datetime) -> Turn:
    """Whether it can be decided now. Only cases of the same person and bundle count."""
    if not form.rests_on:
        return FREE
    async with conn.cursor(row_factory=class_row(_Before)) as cursor:
        await cursor.execute(
            "select before.key::text, before.service, before.state from case_file before, case_file own "
            "where own.key = %s and before.key = any(own.rests_on) and before.key <> own.key "
            "and before.person_ref = own.person_ref and before.bundle = own.bundle for share of before",
            [key],
        )
        before = await cursor.fetchall()
    if any(each.state in _NO for each in before):
        return Turn(refused=RESTS_ON_REFUSED)
    if len(before) < len(set(form.rests_on)) or any(each.state == "delivered" for each in before):
        return Turn(refused=MISSING) if await _came_before(conn, key, now - WAITS) else Turn(waits=True)
    return Turn(before=tuple(before))


async def _came_before(conn: AsyncConnection, key: str, moment: datetime) -> bool:
    rows = await conn.execute(
        "select 1 from envelope where key = %(key)s and received_at < %(moment)s "
        "union all select 1 from paper_copy where key = %(key)s and read_at < %(moment)s",
        {"key": key, "moment": moment},
    )
    return await rows.fetchone() is not None


async def next_after(conn: AsyncConnection, key: str, form: CaseForm) -> Collection[str]:
    """The cases that were laid down for this one, which is decided now."""
    if not form.bundle:
        return ()
    rows = await conn.execute(
        "select key::text from case_file where bundle = %s and state = 'delivered' and %s = any(rests_on)",
        [form.bundle, key],
    )
    return [other for (other,) in await rows.fetchall()]


async def waited_long(conn: AsyncConnection, now: datetime) -> Collection[str]:
    """The cases that nothing takes up any more: what they rest on has not come."""
    rows = await conn.execute(
        "select key::text from case_file left join envelope using (key) left join paper_copy using (key) "
        "where bundle is not null and state = 'delivered' and rests_on <> '{}' and coalesce(received_at, read_at) < %s",
        [now - WAITS],
    )
    return [key for (key,) in await rows.fetchall()]
