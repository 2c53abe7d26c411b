"""Fees of what was applied for: what is due, by the key of its case, and paying it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import AsyncConnection

from hub.department import Application, Unfit
from kiosk.messages.bills import Bill

_MEANT: LiteralString = (
    "where fee_fen > 0 and case when %(all)s then id_number = %(id)s and paid_on is null and state <> 'done' "
    "else case_key::text = any(%(numbers)s) end "
)
_TOLD = "select case_key::text, kind, fee_fen, paid_on is not null from exit_entry.ordered "
_PAID = "update exit_entry.ordered set paid_on = %(day)s "


def _query_values(id_number: str, numbers: Sequence[str]) -> dict[str, Any]:
    return {"all": not numbers, "id": id_number, "numbers": list(numbers)}


async def bills(conn: AsyncConnection, id_number: str, numbers: Sequence[str]) -> list[Bill]:
    """What the person has to pay, or what those cases cost."""
    rows = await conn.execute(_TOLD + _MEANT + "order by ordered_on, case_key", _query_values(id_number, numbers))
    return [Bill(key, kind, fee_fen, is_paid=is_paid) for key, kind, fee_fen, is_paid in await rows.fetchall()]


async def pay(conn: AsyncConnection, application: Application) -> None:
    """Those that ``bills`` names, whosever they are; a machine of before means all of the person's. Raises Unfit."""
    numbers = list(dict.fromkeys(str(application.answers.get("bills", "")).split()))
    whose = {"day": application.day, **_query_values(application.applicant.number, numbers)}
    rows = await conn.execute(_PAID + _MEANT + "and paid_on is null returning fee_fen", whose)
    paid = [fee_fen for (fee_fen,) in await rows.fetchall()]
    if not paid or len(paid) < len(numbers):
        raise Unfit("something_unpaid")
    if application.paid_fen < sum(paid):
        raise Unfit("unpaid")
