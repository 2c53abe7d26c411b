"""The hub's book of payments: what was ordered, what came of each part, what goes back.

One order pays for all items of a visit. An item is ``unpaid``, ``paid``, ``produced`` (what was paid for is in the
person's hand, or the department has accepted the case), ``refund_due`` or ``refunded``. Every function works in the
caller's transaction; the row of the order is locked, so that two who know of the same money judge one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row

from hub import events
from hub.payments.acquirer import CURRENCY, OrderState
from kiosk.clock import local
from kiosk.messages.questions import PaidItem, PaymentItem

RESUMED_WITHIN = timedelta(minutes=10)
"""How long money of a visit that broke off waits for its owner to come back before it goes back."""
ENDED_LATER = frozenset({"refused", "withdrawn"})
"""Ends of an accepted case that came to nothing: by its department's no, or its person's."""

_AT_ONCE = timedelta()
_CLOCKS_APART = timedelta(minutes=5)


class Order(msgspec.Struct, frozen=True):
    """One row of ``payment``."""

    order_no: str
    kiosk_id: str
    person_ref: str
    amount_fen: int
    state: str
    pay_url: str
    made_at: datetime
    closes_at: datetime
    trade_no: str | None
    paid_at: datetime | None
    ended_at: datetime | None


class Refund(msgspec.Struct, frozen=True):
    """Money that goes back; its number makes asking twice harmless."""

    refund_no: str
    order_no: str
    amount_fen: int


class Paid(NamedTuple):
    """``on``: the local day on which it was whole; None while there is nothing."""

    fen: int
    on: date | None


async def locked(conn: AsyncConnection, order_no: str) -> Order | None:
    """The order, until the end of the transaction nobody else's."""
    async with conn.cursor(row_factory=class_row(Order)) as rows:
        await rows.execute(
            "select order_no, kiosk_id, person_ref, amount_fen, state, pay_url, made_at, closes_at, trade_no, paid_at, "
            "ended_at from payment where order_no = %s for update",
            [order_no],
        )
        return await rows.fetchone()


async def add(conn: AsyncConnection, order: Order, items: Iterable[PaymentItem]) -> None:
    """A new order with its items, unpaid."""
    await conn.execute(
        "insert into payment (order_no, kiosk_id, person_ref, amount_fen, state, made_at, closes_at) "
        "values (%s, %s, %s, %s, 'unpaid', %s, %s)",
        [order.order_no, order.kiosk_id, order.person_ref, order.amount_fen, order.made_at, order.closes_at],
    )
    for place, item in enumerate(items):
        await conn.execute(
            "insert into payment_item (order_no, place, case_id, service, amount_fen, state) "
            "values (%s, %s, %s, %s, %s, 'unpaid')",
            [order.order_no, place, item.case_id, item.service, item.amount_fen],
        )


async def is_for(conn: AsyncConnection, order_no: str, items: Iterable[PaymentItem]) -> bool:
    """Whether the order was made for exactly this."""
    rows = await conn.execute(
        "select case_id::text, service, amount_fen from payment_item where order_no = %s order by place", [order_no]
    )
    return await rows.fetchall() == [(item.case_id, item.service, item.amount_fen) for item in items]


async def items_of(conn: AsyncConnection, order_no: str) -> list[PaidItem]:
    """What has come of each item."""
    rows = await conn.execute(
        "select case_id::text, state from payment_item where order_no = %s order by place", [order_no]
    )
    return [PaidItem(case_id, state) for case_id, state in await rows.fetchall()]


async def note_paid(conn: AsyncConnection, said: OrderState, now: datetime) -> str:
    """What the acquirer has signed of a payment: ``paid``, ``again``, or the trouble that a person must look into."""
    order = await locked(conn, said.order)
    if order is None:
        trouble = "unknown_order"
    elif said.currency != CURRENCY:
        trouble = "other_currency"
    elif said.amount_fen != order.amount_fen:
        trouble = "other_amount"
    elif order.state == "paid" and order.trade_no != said.trade_no:
        trouble = "paid_twice"
    elif order.state == "paid":
        return "again"
    elif await _is_anothers_trade(conn, said):
        trouble = "same_trade"
    else:
        await _book_payment(conn, order, said, now)
        return "paid"
    detail = f"{said.amount_fen} fen of {said.currency}, trade {said.trade_no}"
    await raise_task(conn, said.order, trouble, detail, now)
    return trouble


async def _is_anothers_trade(conn: AsyncConnection, said: OrderState) -> bool:
    rows = await conn.execute("select 1 from payment where trade_no = %s", [said.trade_no])
    return await rows.fetchone() is not None


def _believable(told: datetime | None, since: datetime, now: datetime) -> datetime:
    """When it was by their clock, if it can have been then: a day of our books is not theirs to choose."""
    return told if told and since - _CLOCKS_APART <= told <= now + _CLOCKS_APART else now


async def _book_payment(conn: AsyncConnection, order: Order, said: OrderState, now: datetime) -> None:
    await conn.execute(
        "update payment set state = 'paid', trade_no = %s, paid_at = %s where order_no = %s",
        [said.trade_no, _believable(said.paid_at, order.made_at, now), order.order_no],
    )
    await conn.execute(
        "update payment_item set state = 'paid' where order_no = %s and state = 'unpaid'", [order.order_no]
    )
    await _record(conn, order, "payment_paid", now, amount_fen=order.amount_fen)
    if order.ended_at is not None:
        # The page has said "not paid": nobody waits for it any more.
        await owe_back(conn, order.order_no, "paid_too_late", now)


async def note_closed(conn: AsyncConnection, order: Order) -> None:
    """Nobody can pay it any more, by the acquirer's word."""
    await conn.execute("update payment set state = 'closed' where order_no = %s and state = 'unpaid'", [order.order_no])


async def end(
    conn: AsyncConnection, order: Order, ends: Mapping[str, str], now: datetime, *, interrupted: bool
) -> None:
    """The visit is over. ``ends``: case to ``produced``, ``filed`` (the department decides) or ``none``.

    Without ``ends`` nobody waits for the money any more; what is paid all the same has no end yet. A case that is not
    of this order is passed over: what was paid for it is another machine's to end.
    """
    own = {item.case_id for item in await items_of(conn, order.order_no)}
    if ends and not (ends := {case_id: outcome for case_id, outcome in ends.items() if case_id in own}):
        return
    if ends or order.state != "paid":
        await conn.execute(
            "update payment set ended_at = coalesce(ended_at, %s) where order_no = %s", [now, order.order_no]
        )
    for case_id, outcome in ends.items():
        if outcome == "produced":
            await _item(conn, order.order_no, case_id, "produced", ("paid",))
        elif outcome == "filed":
            await conn.execute(
                "update payment_item set filed = true where order_no = %s and case_id = %s", [order.order_no, case_id]
            )
            await _decided_before(conn, case_id, now)
        elif order.state == "paid":
            wait = RESUMED_WITHIN if interrupted else _AT_ONCE
            await owe_back(conn, order.order_no, "not_produced", now, case_id=case_id, wait=wait)
            await _task_for_filed(conn, order.order_no, case_id, now)
    if order.state != "paid" and "produced" in ends.values():
        await raise_task(conn, order.order_no, "produced_unpaid", "the machine made it without money", now)


async def _item(conn: AsyncConnection, order_no: str, case_id: str, state: str, before: tuple[str, ...]) -> bool:
    rows = await conn.execute(
        "update payment_item set state = %s where order_no = %s and case_id = %s and state = any(%s) returning 1",
        [state, order_no, case_id, list(before)],
    )
    return await rows.fetchone() is not None


async def _decided_before(conn: AsyncConnection, case_id: str, now: datetime) -> None:
    rows = await conn.execute("select state from case_file where key = %s", [case_id])
    row = await rows.fetchone()
    if row and row[0] != "delivered":
        await decided(conn, case_id, is_accepted=row[0] != "not_accepted", now=now)
        if row[0] in ENDED_LATER:
            await ended_later(conn, case_id, row[0], now)


async def _task_for_filed(conn: AsyncConnection, order_no: str, case_id: str, now: datetime) -> None:
    """The department has taken a case whose thing did not come out: a person sees to it, the money goes back."""
    rows = await conn.execute("select 1 from case_file where key = %s and state <> 'not_accepted'", [case_id])
    if await rows.fetchone():
        await raise_task(conn, order_no, "filed_not_produced", case_id, now)


async def decided(conn: AsyncConnection, case_id: str, *, is_accepted: bool, now: datetime) -> None:
    """The department's word on a case: what was paid for it is owed from now on by the one or by the other.

    Until its visit has said so it is not known whether the money was for the case, or for what the machine makes of it.
    """
    rows = await conn.execute(
        "select order_no, filed from payment_item where case_id = %s and state = 'paid' for update", [case_id]
    )
    for order_no, is_filed in await rows.fetchall():
        if is_accepted and is_filed:
            await _item(conn, order_no, case_id, "produced", ("paid",))
        elif not is_accepted:
            await owe_back(conn, order_no, "not_accepted", now, case_id=case_id)


async def ended_later(conn: AsyncConnection, case_id: str, state: str, now: datetime) -> None:
    """An accepted case came to nothing after all (``state`` of ENDED_LATER): whose its money is, a person judges."""
    rows = await conn.execute(
        "select order_no, service, amount_fen from payment_item where case_id = %s and state in ('paid', 'produced')",
        [case_id],
    )
    for order_no, service, amount_fen in await rows.fetchall():
        await raise_task(conn, order_no, "ended_later", f"{state}: {service} {case_id}, {amount_fen} fen", now)


async def paid(conn: AsyncConnection, case_id: str) -> Paid:
    """What of a case's fees is here and stays. Nothing is paid after its order closes, whenever we hear of it."""
    rows = await conn.execute(
        "select coalesce(sum(item.amount_fen), 0)::bigint, max(least(paid_at, closes_at)) from payment_item item "
        "join payment using (order_no) where case_id = %s and item.state in ('paid', 'produced')",
        [case_id],
    )
    fen, at = await rows.fetchone() or (0, None)
    return Paid(fen, local(at).date() if at else None)


async def owe_back(
    conn: AsyncConnection, order_no: str, reason: str, now: datetime, *, case_id: str = "", wait: timedelta = _AT_ONCE
) -> None:
    """What was paid and came to nothing goes back: one item, or all that are only paid. Owing twice changes nothing."""
    await _owe_back(conn, order_no, reason, now + wait, ["paid"], case_id)


async def pay_back(conn: AsyncConnection, order: Order, case_id: str, by: str, now: datetime) -> int:
    """A person's word: what an order has paid for this case goes back, whatever came of it. How many fen.

    0: nothing of it is here. ``case_id``: "" for all cases.
    """
    fen = await _owe_back(conn, order.order_no, "supervisor", now, ["paid", "produced"], case_id)
    if fen:
        said = {"order": order.order_no, "case": case_id, "amount_fen": fen}
        await events.record(conn, now, actor=f"supervisor:{by}", kind="payment_back", kiosk_id=order.kiosk_id, **said)
    return fen


async def _owe_back(
    conn: AsyncConnection, order_no: str, reason: str, due_at: datetime, states: list[str], case_id: str
) -> int:
    rows = await conn.execute(
        "update payment_item set state = 'refund_due', reason = %s where order_no = %s and state = any(%s) "
        "and (%s = '' or case_id::text = %s) returning place, case_id::text, amount_fen",
        [reason, order_no, states, case_id, case_id],
    )
    fen = 0
    for place, case, amount_fen in await rows.fetchall():
        await conn.execute(
            "insert into refund (refund_no, order_no, case_id, amount_fen, reason, due_at) "
            "values (%s, %s, %s, %s, %s, %s) on conflict (refund_no) do update set due_at = excluded.due_at",
            [f"{order_no}-{place}", order_no, case, amount_fen, reason, due_at],
        )
        fen += amount_fen
    return fen


async def number_of(conn: AsyncConnection, order_no: str) -> str:
    """The number of the order that is known by this one: its own, or that of the visit that took it up again."""
    rows = await conn.execute("select order_no from payment where order_no = %s or taken_up = %s", [order_no, order_no])
    row = await rows.fetchone()
    return row[0] if row else order_no


async def was_of(conn: AsyncConnection, order_no: str, kiosk_id: str) -> bool:
    """Whether this machine took the money of an order that has been taken up at another one since."""
    rows = await conn.execute(
        "select 1 from event where kind = 'payment_paid' and kiosk_id = %s and data->>'order' = %s",
        [kiosk_id, order_no],
    )
    return await rows.fetchone() is not None


async def resumed(
    conn: AsyncConnection, wanted_as: str, person_ref: str, items: list[PaymentItem], at: datetime
) -> str:
    """The order of this person that has paid for the same just before a visit broke off; its items are theirs again.

    From now on it is known as ``wanted_as`` too. "" where there is none. Only a whole order is taken up, and only
    before its refund was asked for.
    """
    rows = await conn.execute(
        "select order_no, array_agg(service || ' ' || item.amount_fen order by place) from payment_item item "
        "join payment using (order_no) join refund using (order_no, case_id) where person_ref = %s "
        "and item.state = 'refund_due' and refund.done_at is null and refund.tries = 0 and refund.due_at > %s "
        "group by order_no, payment.amount_fen having sum(item.amount_fen) = payment.amount_fen order by order_no",
        [person_ref, at],
    )
    wanted = [f"{item.service} {item.amount_fen}" for item in items]
    order_no = next((order for order, paid_for in await rows.fetchall() if paid_for == wanted), "")
    if not order_no or await locked(conn, order_no) is None:
        return ""
    taken = await conn.execute("delete from refund where order_no = %s and tries = 0 returning 1", [order_no])
    count = len(await taken.fetchall())
    if not count:
        return ""  # Another question was quicker.
    if count != len(items):
        raise RuntimeError("a refund was under way")
    for place, item in enumerate(items):
        await conn.execute(
            "update payment_item set state = 'paid', case_id = %s, reason = '', filed = false "
            "where order_no = %s and place = %s",
            [item.case_id, order_no, place],
        )
    await conn.execute("update payment set ended_at = null, taken_up = %s where order_no = %s", [wanted_as, order_no])
    return order_no


async def refunds_due(conn: AsyncConnection, now: datetime, most: int = 20) -> list[Refund]:
    """What goes back now, each counted as tried before it is."""
    async with conn.cursor(row_factory=class_row(Refund)) as rows:
        await rows.execute(
            "update refund set tries = tries + 1, due_at = %s + least(3600, 5 * 2 ^ least(tries, 10)) * interval '1 s' "
            "where refund_no in (select refund_no from refund where done_at is null and due_at <= %s "
            "order by due_at limit %s for update skip locked) returning refund_no, order_no, amount_fen",
            [now, now, most],
        )
        return await rows.fetchall()


async def closings_due(conn: AsyncConnection, now: datetime, most: int = 20) -> list[tuple[str, int]]:
    """Orders that nobody ended in time, each counted as tried before it is: the order and which try this is."""
    rows = await conn.execute(
        "update payment set close_tries = close_tries + 1, "
        "close_due_at = %s + least(3600, 5 * 2 ^ least(close_tries, 10)) * interval '1 s' where order_no in ("
        "select order_no from payment where state = 'unpaid' and coalesce(close_due_at, closes_at) <= %s "
        "order by coalesce(close_due_at, closes_at) limit %s for update skip locked) returning order_no, close_tries",
        [now, now, most],
    )
    return await rows.fetchall()


async def note_refunded(conn: AsyncConnection, refund: Refund, done_at: datetime, now: datetime) -> None:
    """The money is back where it came from."""
    order = await locked(conn, refund.order_no)
    if order is None:
        return
    rows = await conn.execute(
        "update refund set done_at = %s, error = '' where refund_no = %s and done_at is null returning case_id::text",
        [_believable(done_at, order.made_at, now), refund.refund_no],
    )
    for (case_id,) in await rows.fetchall():
        await _item(conn, refund.order_no, case_id, "refunded", ("refund_due",))
        await _record(conn, order, "payment_refunded", now, amount_fen=refund.amount_fen)


async def raise_task(conn: AsyncConnection, order_no: str, what: str, detail: str, now: datetime) -> None:
    """What no rule settles is a person's: one for each order and kind, with each detail once, until it is done."""
    rows = await conn.execute(
        "insert into payment_task (order_no, what, detail, since) values (%s, %s, %s, %s) "
        "on conflict (order_no, what) where done_at is null do update "
        "set detail = left(payment_task.detail || '; ' || excluded.detail, 1000) "
        "where position(excluded.detail in payment_task.detail) = 0 and length(payment_task.detail) < 900 returning 1",
        [order_no, what, detail[:500], now],
    )
    if await rows.fetchone():
        await events.record(conn, now, actor="hub", kind="payment_task", order=order_no, what=what)


async def _record(conn: AsyncConnection, order: Order, kind: str, now: datetime, **more: Any) -> None:
    await events.record(conn, now, actor="hub", kind=kind, kiosk_id=order.kiosk_id, order=order.order_no, **more)
