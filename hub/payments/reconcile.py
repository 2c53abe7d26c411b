"""对账: a day of our book against the acquirer's bill, movement by movement, to the fen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from psycopg import AsyncConnection

from hub.payments.acquirer import BillRow
from kiosk.clock import LOCAL


class Difference(NamedTuple):
    """``what``: ``only_here``, ``only_there``, ``amount``, ``twice_there`` or ``order`` (a refund of another order).

    ``unreadable_there``: ``number`` is that of the bill's line. Amounts in fen; 0 where there is none.
    """

    what: str
    kind: str
    number: str
    here_fen: int
    there_fen: int


class Balance(NamedTuple):
    """Totals of both books in fen: payments less refunds. They balance when ``differences`` is empty."""

    day: date
    rows: int
    here_fen: int
    there_fen: int
    differences: list[Difference]


async def own_rows(conn: AsyncConnection, day: date) -> list[BillRow]:
    """What our book has of a local day, in the form of the acquirer's."""
    begins = datetime.combine(day, time(), LOCAL)
    span = [begins, begins + timedelta(days=1)]
    rows = await conn.execute(
        "select 'pay', order_no, order_no, amount_fen from payment where paid_at >= %s and paid_at < %s union all "
        "select 'refund', refund_no, order_no, amount_fen from refund where done_at >= %s and done_at < %s "
        "order by 1, 2",
        [*span, *span],
    )
    return [BillRow(*row) for row in await rows.fetchall()]


def balance(day: date, here: list[BillRow], there: list[BillRow], unreadable: Sequence[int] = ()) -> Balance:
    """Both books side by side; ``unreadable``: lines of theirs of which nothing is known."""
    ours = {(row.kind, row.number): row for row in here}
    theirs: dict[tuple[str, str], BillRow] = {}
    found = [Difference("unreadable_there", "line", str(number), 0, 0) for number in unreadable]
    for row in there:
        key = (row.kind, row.number)
        if key in theirs:
            found.append(Difference("twice_there", *key, 0, row.amount_fen))
        theirs.setdefault(key, row)
    for key in sorted(ours | theirs):
        own, other = ours.get(key), theirs.get(key)
        amounts = (own.amount_fen if own else 0, other.amount_fen if other else 0)
        if amounts[0] != amounts[1]:
            what = "amount" if own and other else "only_here" if own else "only_there"
            found.append(Difference(what, *key, *amounts))
        elif own and other and own.order != other.order:
            found.append(Difference("order", *key, *amounts))
    return Balance(day, len(there), _total(here), _total(there), found)


def _total(rows: list[BillRow]) -> int:
    return sum(row.amount_fen if row.kind == "pay" else -row.amount_fen for row in rows)
