"""A department says no after the filing: all its reasons stand on the screen."""

from __future__ import annotations

import trio

from kiosk import running
from kiosk.citizen import Control, Script
from kiosk.commands.walking import Walking
from kiosk.machine import Machine
from kiosk.pages import Answer, Fact, Facts, Page, Settings
from tests.kiosk.machine.conftest import World
from tests.waiting import HANG_S, comes_true


class Signer(Walking):
    """Signs only when the network is back, and keeps the facts of the result page."""

    def __init__(self, script: Script) -> None:
        super().__init__(script, None, None)
        self.machine: Machine | None = None
        self.rows: list[Fact] = []

    async def show(self, page: Page, settings: Settings) -> Answer:
        if page.kind == "sign":
            await comes_true(lambda: self.machine is not None and self.machine.link.online, "the network is back")
        self.rows += [
            row for block in page.blocks if page.kind == "result" and isinstance(block, Facts) for row in block.rows
        ]
        return await super().show(page, settings)


async def test_three_reasons_of_a_refusal_stand_on_the_screen(world: World) -> None:
    world.do("network", "cut")
    restore = Control(page="form", socket=world.socket("network"), do="restore")
    citizen = Signer(world.script("chen", "T01", control=(restore,)))
    citizen.machine = machine = world.machine(citizen)
    with trio.fail_after(HANG_S):
        await running.run(machine, visits=1)
    assert [line["state"] for line in world.of("case")] == ["stored", "delivered", "not_accepted"]
    words = [row.value.zh.split("。")[0] for row in citizen.rows]
    assert words == ["有未处理完毕的道路交通违法", "本记分周期已记满 12 分", "没有查到 6 个月内的身体条件证明"]
