"""Answers a machine's questions about a payment. The acquirer is asked outside of every transaction."""

from __future__ import annotations

from datetime import timedelta

import structlog
from psycopg import AsyncConnection

from hub.context import Hub
from hub.payments import book
from hub.payments.acquirer import Acquirer, AcquirerAway, AcquirerRefuses, OrderState
from hub.payments.bills import owed_fen
from hub.payments.book import Order
from hub.payments.prices import amounts
from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.questions import PaymentAnswer, PaymentItem, PaymentQuestion

OPEN_FOR = timedelta(minutes=10)
"""How long a QR code can be paid: longer than any page shows it, so that it is always closed by word, not by chance."""
_TITLE = "Tongban"
_log = structlog.get_logger()


async def payment(hub: Hub, question: PaymentQuestion, kiosk_id: str) -> PaymentAnswer:
    """Raises InvalidMessage for what is no order of this machine, or no price of ours or of a department's.

    Raises DepartmentDown where one is to say what is owed.
    """
    order = await _own(hub, question.order, kiosk_id)
    if order is None and question.action != "open":
        # The machine died before the order came here, or the person goes on at another one: there is nothing to end.
        return PaymentAnswer("closed", reason="never_made")
    if hub.acquirer is None:
        return PaymentAnswer("unavailable", reason="no_acquirer")
    if question.action == "open" or order is None:
        return await _open_order(hub, hub.acquirer, question, kiosk_id)
    if question.action == "ask":
        return await _asked_of_acquirer(hub, hub.acquirer, order.order_no)
    return await _end_order(hub, hub.acquirer, order.order_no, question)


async def _own(hub: Hub, order_no: str, kiosk_id: str) -> Order | None:
    async with hub.pool.connection() as conn, conn.transaction():
        order = await book.locked(conn, await book.number_of(conn, order_no))
        if order is not None and order.kiosk_id != kiosk_id and await book.was_of(conn, order.order_no, kiosk_id):
            return None
    if order is not None and order.kiosk_id != kiosk_id:
        raise InvalidMessage("question.order", "no order of this machine")
    return order


async def _open_order(hub: Hub, acquirer: Acquirer, question: PaymentQuestion, kiosk_id: str) -> PaymentAnswer:
    person_ref, now = hub.keys.person_ref(question.id_number), hub.clock.now()
    if not question.id_number:
        raise InvalidMessage("question.id_number", "an order has a person")
    await _require_prices(hub, question.items)
    async with hub.pool.connection() as conn, conn.transaction():
        if order_no := await book.resumed(conn, question.order, person_ref, question.items, now):
            await conn.execute("update payment set kiosk_id = %s where order_no = %s", [kiosk_id, order_no])
            return PaymentAnswer("paid", items=await book.items_of(conn, order_no))
        order = await _ordered(conn, question, kiosk_id, person_ref, hub)
    if order.state != "unpaid" or order.pay_url:
        return await _payment_state(hub, order.order_no)
    try:
        pay_url = await acquirer.make_order(order.order_no, order.amount_fen, _TITLE, order.closes_at)
    except (AcquirerAway, AcquirerRefuses) as error:
        _log.warning("order_not_made", order=order.order_no, error=str(error))
        return PaymentAnswer("unavailable", reason="acquirer_away")
    async with hub.pool.connection() as conn:
        await conn.execute("update payment set pay_url = %s where order_no = %s", [pay_url, order.order_no])
    return await _payment_state(hub, order.order_no)


async def _require_prices(hub: Hub, items: list[PaymentItem]) -> None:
    if not items or len({item.case_id for item in items}) != len(items):
        raise InvalidMessage("question.items", "each case once, and at least one")
    for at, item in enumerate(items):
        service = hub.catalogue.services.get(item.service)
        owed = await owed_fen(hub, service, item.bills) if service else 0
        if service is None or item.amount_fen - owed not in amounts(service) | ({0} if owed else set()):
            raise InvalidMessage(f"question.items[{at}].amount_fen", "not what this service costs")


async def _ordered(conn: AsyncConnection, question: PaymentQuestion, kiosk_id: str, person_ref: str, hub: Hub) -> Order:
    """The order, new or as it is. Raises InvalidMessage for a number that is somebody else's, or for other things."""
    total, now = sum(item.amount_fen for item in question.items), hub.clock.now()
    made = (question.order, kiosk_id, person_ref, total, "unpaid", "", now, now + OPEN_FOR, None, None, None)
    known = await book.locked(conn, await book.number_of(conn, question.order))
    if known is None:
        await book.add(conn, order := Order(*made), question.items)
        return order
    is_same = (known.kiosk_id, known.person_ref) == (kiosk_id, person_ref)
    if not is_same or not await book.is_for(conn, known.order_no, question.items):
        raise InvalidMessage("question.order", "an order of other things")
    return known


async def _payment_state(hub: Hub, order_no: str) -> PaymentAnswer:
    async with hub.pool.connection() as conn, conn.transaction():
        order = await book.locked(conn, order_no)
        items = await book.items_of(conn, order_no)
    if order is None or order.state != "unpaid":
        return PaymentAnswer(order.state if order else "closed", items=items)
    left_s = max(0, int((order.closes_at - hub.clock.now()).total_seconds()))
    return PaymentAnswer("unpaid", order.pay_url, left_s, items=items)


async def _asked_of_acquirer(hub: Hub, acquirer: Acquirer, order_no: str) -> PaymentAnswer:
    """A notification may be late or lost, so the acquirer is asked; without its word nothing is known but our own."""
    told = await _payment_state(hub, order_no)
    if told.state != "unpaid":
        return told
    try:
        await take_word(hub, await acquirer.query(order_no))
    except (AcquirerAway, AcquirerRefuses) as error:
        _log.info("acquirer_away", order=order_no, error=str(error))
        return told
    return await _payment_state(hub, order_no)


async def take_word(hub: Hub, said: OrderState) -> str:
    """Keep what the acquirer has signed of an order; what ``book.note_paid`` says of it, "" when it is not paid."""
    async with hub.pool.connection() as conn, conn.transaction():
        if said.state == "paid":
            return await book.note_paid(conn, said, hub.clock.now())
        order = await book.locked(conn, said.order)
        if said.state == "closed" and order is not None:
            await book.note_closed(conn, order)
    return ""


async def close(hub: Hub, acquirer: Acquirer, order_no: str) -> None:
    """Close an order at the acquirer, or hear that it is paid. Raises AcquirerAway, AcquirerRefuses."""
    said = await acquirer.close(order_no)
    if said.state == "unpaid":
        raise AcquirerAway("it has left the order open")
    if said.state == "unknown":  # It was never made there, so nobody can pay it.
        said = OrderState(order_no, "closed")
    await take_word(hub, said)


async def _is_closed(hub: Hub, acquirer: Acquirer, order_no: str) -> bool:
    """Before anybody is told "not paid"; False while nothing is known: ``upkeep`` closes it later."""
    try:
        await close(hub, acquirer, order_no)
    except (AcquirerAway, AcquirerRefuses) as error:
        _log.warning("order_not_closed", order=order_no, error=str(error))
        return False
    return True


async def _end_order(hub: Hub, acquirer: Acquirer, order_no: str, question: PaymentQuestion) -> PaymentAnswer:
    told = await _payment_state(hub, order_no)
    if told.state == "unpaid" and not await _is_closed(hub, acquirer, order_no):
        return PaymentAnswer("unknown", items=told.items)
    ends = {end.case_id: end.outcome for end in question.ends}
    async with hub.pool.connection() as conn, conn.transaction():
        order = await book.locked(conn, order_no)
        if order is not None:
            await book.end(conn, order, ends, hub.clock.now(), interrupted=question.interrupted)
    return await _payment_state(hub, order_no)
