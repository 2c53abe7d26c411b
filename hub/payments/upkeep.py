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
        refunds, left_open = await book.refunds_due(conn, now), await book.closings_due(conn, now)
    for refund in refunds:
        await _refund(hub, hub.acquirer, refund)
    for order_no, tries in left_open:
        await _close(hub, hub.acquirer, order_no, tries)
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


async def _close(hub: Hub, acquirer: Acquirer, order_no: str, tries: int) -> None:
    """Whether it is paid only the acquirer knows: if it does not say, a person asks there."""
    try:
        await desk.close(hub, acquirer, order_no)
    except (AcquirerAway, AcquirerRefuses) as error:
        _log.warning("order_not_closed", order=order_no, tries=tries, error=str(error))
        if isinstance(error, AcquirerRefuses) or tries >= _MANY_TRIES:
            async with hub.pool.connection() as conn, conn.transaction():
                await _task_once(conn, order_no, "order_not_closed", str(error), hub.clock.now())


async def _tasks(conn: AsyncConnection, now: datetime) -> None:
    """Paid and nothing said of it: no rule may guess, a person asks the machine or the department."""
    rows = await conn.execute(
        "select order_no, 'machine_silent', kiosk_id from payment where state = 'paid' and ended_at is null "
        "and paid_at < %s union select order_no, 'undecided', service from payment_item join payment using (order_no) "
        "where payment_item.state = 'paid' and filed and ended_at < %s",
        [now - SILENT_AFTER, now - UNDECIDED_AFTER],
    )
    for order_no, what, detail in await rows.fetchall():
        await _task_once(conn, order_no, what, detail, now)


async def _task_once(conn: AsyncConnection, order_no: str, what: str, detail: str, now: datetime) -> None:
    """What a person has said to be done does not come back, though it has not changed here."""
    known = await conn.execute("select 1 from payment_task where order_no = %s and what = %s", [order_no, what])
    if await known.fetchone() is None:
        await book.raise_task(conn, order_no, what, detail, now)
