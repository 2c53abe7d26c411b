"""Money at the real machine: a real order at a real acquirer, paid by the bench's phone, ended whatever happens."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest
import trio

from kiosk import running
from kiosk.commands.walking import Walking
from kiosk.machine import Machine
from tests.kiosk.machine.conftest import World
from tests.kiosk.machine.test_common import in_the_city
from tests.kiosk.machine.test_posting import city
from tests.paying import add_pay
from tests.waiting import HANG_S, comes_true

ORDERS = """select amount_fen, (select array_agg(service || ' ' || item.amount_fen order by service)
    from payment_item item where item.order_no = payment.order_no) from payment"""
STATES = "select item.state from payment_item item join payment using (order_no) order by made_at desc limit 1"


def paying(machine: Machine) -> Machine:
    """T01 with a step pay before it is filed."""
    add_pay(machine.catalogue.services)
    return machine


def state_at_hub(world: World) -> str:
    with psycopg.connect(world.stage.ready["hub"]["dsn"]) as conn:
        row = conn.execute(STATES).fetchone()
    return row[0] if row else ""


async def visit(world: World, presenter: Any, until: str = "") -> None:
    """One visit; with ``until`` the machine is stopped at that page, as one that is killed would be."""
    machine = paying(world.machine(presenter))
    with trio.move_on_after(HANG_S) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(running.run, machine, visits=1))
            while until and until not in world.pages():
                await trio.sleep(0.02)
            if until:
                nursery.cancel_scope.cancel()
    assert not scope.cancelled_caught, f"pages: {world.pages()}, last lines: {world.lines[-5:]}"


async def next_start(world: World, said: str, ends: str = "") -> dict[str, Any]:
    """The machine comes back, serves nobody, and has told the hub what came of the payment: it ``ends`` so there."""
    world.lines.clear()
    machine = paying(world.machine(Walking(world.script("wang"), None, None)))
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        await comes_true(lambda: bool(world.of("payment")), "the open payment is resolved at the start")
        await comes_true(lambda: not ends or state_at_hub(world) == ends, f"the payment is {ends} at the hub")
        nursery.cancel_scope.cancel()
    line = world.of("payment")[0]
    assert line["state"] == said
    return line


async def test_paid_with_the_phone_of_the_bench_filed_and_accepted(world: World) -> None:
    walking = Walking(world.script("wang", "T01"), None, None)

    async def pays(page: Any) -> None:
        if page.kind == "pay":
            await trio.to_thread.run_sync(world.stage.controls["phone"].do, "pay")

    walking._pay = pays  # type: ignore[method-assign]
    await visit(world, walking)
    assert [kind for kind in world.pages() if kind.startswith("pa")] == ["pay_asking", "pay", "paid"]
    if not world.of("payment"):
        await next_start(world, "paid")
    await comes_true(lambda: state_at_hub(world) == "produced", "the department's acceptance is what was paid for")


async def test_everything_that_was_lost_is_paid_at_once_and_nothing_on_collection(world: World) -> None:
    wanted = {"bundle": "part:H03, part:H06, part:E03, next"}
    await world.walk(world.script("chen", "B03", values={"phone": "13700000004"}, actions=wanted))
    (slip,) = world.slips()
    assert re.findall(r"费用 +(.+)，在本机缴纳", slip) == ["40 元", "10 元", "120 元", "170 元"]
    assert "170.00 元" in slip
    assert world.pages().count("pay") == 1
    await in_the_city(world, "select 1 from household.id_case where reason = 'lost' and paid_on is not null")
    (last, *_) = city(world, f"{ORDERS} order by made_at desc")
    assert last == (17000, ["E03 12000", "H03 4000", "H06 1000"])


@pytest.mark.parametrize(("page", "said", "ends"), [("pay", "closed", "unpaid"), ("paid", "paid", "refund_due")])
async def test_machine_that_dies_while_paying_resolves_it_at_its_next_start(
    world: World, page: str, said: str, ends: str
) -> None:
    walking = Walking(world.script("wang", "T01", actions={"paid": "wait"}), None, None)
    if page == "pay":
        walking._scanned = "nobody pays"
        walking._pay = _pays_not  # type: ignore[method-assign]
    await visit(world, walking, until=page)
    await next_start(world, said, ends)
    books = httpx.get(f"{world.stage.ready['acquirer']['url']}/bench/orders", timeout=HANG_S).json()
    assert books == [], "no code of before can be paid any more"


async def _pays_not(_page: Any) -> None: ...
