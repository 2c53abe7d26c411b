"""E15 with somebody's slip: whoever has number and code pays what it costs, and sees nothing of whose it is."""

from __future__ import annotations

import re

import psycopg

from tests.kiosk.machine.conftest import World, code_of
from tests.matrix.walk.walking import at_the_machine
from tests.waiting import comes_true


def set_unpaid(world: World, number: str) -> int:
    """Takes back the fee of this case; of how many orders it was paid."""
    with psycopg.connect(world.stage.ready["hub"]["dsn"]) as conn:
        return conn.execute(
            "update exit_entry.ordered set paid_on = null where paid_on is not null "
            "and case_key = (select key from case_file where receipt_number = %s)",
            [number],
        ).rowcount


async def test_somebody_else_pays_with_the_slip_in_the_hand(world: World) -> None:
    body = at_the_machine(world, "E02", "chen")
    await world.walk(world.script("chen", "E02", actions={"rate": "exit"}, control=body))
    (slip,) = world.slips()
    number = re.search(r"\[CODE128 (\d{24})\]", slip)
    assert number, slip
    # The bank took it back.
    assert set_unpaid(world, number[1]) == 1
    world.lines = []
    values = {"bills": "another", "number": number[1], "slip_code": code_of(slip)}
    await world.walk(world.script("wang", "E15", values=values, actions={"rate": "exit"}))
    pages = world.pages()
    assert [kind for kind in pages if kind in ("bill_found", "pay", "paid")] == ["bill_found", "pay", "paid"]
    await comes_true(lambda: set_unpaid(world, number[1]) == 1, "the office has it that the fee of that case is paid")
    assert "陈" not in world.slips()[-1]
