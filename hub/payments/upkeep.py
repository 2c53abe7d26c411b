"""What happens to money when nobody asks: refunds go out, orders that nobody ended are closed, people get tasks."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from psycopg import AsyncConnection

from hub.context import Hub
from hub.payments import book, desk
from hub.payments.acquirer import Acquirer, AcquirerAway, AcquirerRefuses
from hub.payments.book import Refund

SILENT_AFTER = timedelta(hours=2)
"""A machine that has taken money and does not say what came of it: a restart and an outage are shorter."""
UNDECIDED_AFTER = timedelta(days=1)
_MANY_TRIES = 8
_log = structlog.get_logger()


async def look(hub: Hub) -> None:
    """One round. Whatever fails is tried again in the next one."""
    if hub.acquirer is None:
        return
    now = hub.clock.now()
    async with hub.pool.connection() as conn, conn.transaction():
        due = await book.refunds_due(conn, now)
    for refund in due:
        await _refund(hub, hub.acquirer, refund)
    for order_no in await _left_open(hub, now):
        await desk.closed(hub, hub.acquirer, order_no)
    async with hub.pool.connection() as conn, conn.transaction():
        await _tasks(conn, now)


async def _refund(hub: Hub, acquirer: Acquirer, refund: Refund) -> None:
    try:
        done_at = await acquirer.refund(refund.refund_no, refund.order_no, refund.amount_fen)
    except (AcquirerAway, AcquirerRefuses) as error:
        _log.warning("refund_failed", refund=refund.refund_no, error=str(error))
        async with hub.pool.connection() as conn, conn.transaction():
            rows = await conn.execute(
                "update refund set error = %s where refund_no = %s returning tries",
                [str(error)[:500], refund.refund_no],
            )
            (tries,) = await rows.fetchone() or (0,)
            if isinstance(error, AcquirerRefuses) or tries >= _MANY_TRIES:
                await book.raise_task(conn, refund.order_no, "refund_fails", str(error), hub.clock.now())
        return
    async with hub.pool.connection() as conn, conn.transaction():
        await book.note_refunded(conn, refund, done_at, hub.clock.now())


async def _left_open(hub: Hub, now: datetime) -> list[str]:
    async with hub.pool.connection() as conn:
        rows = await conn.execute(
            "select order_no from payment where state = 'unpaid' and closes_at <= %s order by made_at limit 20", [now]
        )
        return [order_no for (order_no,) in await rows.fetchall()]


async def _tasks(conn: AsyncConnection, now: datetime) -> None:
    """Paid and nothing said of it: no rule may guess, a person asks the machine or the department."""
    rows = await conn.execute(
        "select order_no, 'machine_silent', kiosk_id from payment where state = 'paid' and ended_at is null "
        "and paid_at < %s union select order_no, 'undecided', service from payment_item join payment using (order_no) "
        "where payment_item.state = 'paid' and filed and ended_at < %s",
        [now - SILENT_AFTER, now - UNDECIDED_AFTER],
    )
    for order_no, what, detail in await rows.fetchall():
        known = await conn.execute("select 1 from payment_task where order_no = %s and what = %s", [order_no, what])
        if await known.fetchone() is None:
            await book.raise_task(conn, order_no, what, detail, now)
