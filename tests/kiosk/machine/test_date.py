"""The machine's battery ran empty: it goes by the city's date, or judges no date at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import trio

from kiosk import config as configuration
from kiosk import doctor, running
from kiosk.citizen import Script
from kiosk.clock import Clock, local
from kiosk.commands.walking import Walking
from kiosk.config import Config
from kiosk.machine import Machine
from kiosk.messages.fleet import Numbering
from kiosk.pages import Answer, DueList, Page, Settings, Tiles
from kiosk.text import text
from tests.kiosk.machine.conftest import World
from tests.waiting import HANG_S, comes_true


def at(own: datetime) -> Clock:
    """A machine's clock that shows ``own`` and goes on from there."""
    shift = own - datetime.now(UTC)
    return Clock(wall=lambda: datetime.now(UTC) + shift)


class Patient(Walking):
    """A citizen who comes once ``ready``; every page that was seen is kept."""

    def __init__(self, script: Script) -> None:
        super().__init__(script, None, None)
        self.ready: Callable[[], bool] = lambda: True
        self.seen: dict[str, Page] = {}

    async def show(self, page: Page, settings: Settings) -> Answer:
        await comes_true(self.ready, "the machine is ready for its citizen")
        self.seen[page.kind] = page
        return await super().show(page, settings)


def config_of(world: World, **changes: Any) -> Config:
    """The stage's machine as in a hall: no date is fixed."""
    config = configuration.load(world.stage.config)
    return msgspec.structs.replace(config, demo=configuration.DemoConfig(), **changes)


async def walk(machine: Machine) -> None:
    with trio.fail_after(HANG_S):
        await running.run(machine, visits=1)


async def served_at(world: World, own: datetime) -> str:
    """One visit at a machine whose clock shows ``own``, with the hub there; the slip."""
    citizen = Patient(world.script("wang", "T01", "H13"))
    machine = world.machine(citizen, config_of(world), at(own))
    citizen.ready = lambda: machine.clock.read().bound_by == "hub"
    await walk(machine)
    assert "card_refused" not in world.pages(), "nobody is judged by the machine's own date"
    assert citizen.unfinished == 0
    assert len([line for line in world.of("alarm") if line["what"] == "clock" and "hub" in line["reason"]]) == 1
    assert doctor.clock_facts(machine)["doubted"] is True
    assert machine.clock.today() == date(2027, 1, 12)
    world.lines.clear()
    return world.slips()[0]


async def test_at_1970_with_the_hub_there_everybody_is_served_by_the_hubs_date(world: World) -> None:
    slip = await served_at(world, datetime(1970, 1, 1, tzinfo=UTC))
    assert "承诺办结    2027-01-12" in slip
    assert "2027-01-12" in slip
    assert "1970-" not in slip
    assert "20270112" in slip.replace(" ", ""), "the receipt number's own date"


async def test_at_2099_with_the_hub_there_no_card_has_expired(world: World) -> None:
    slip = await served_at(world, datetime(2099, 6, 1, tzinfo=UTC))
    assert "2099-" not in slip


async def test_at_1970_without_anything_that_proves_the_date_dated_services_are_out_with_the_reason(
    world: World, tmp_path: Path
) -> None:
    world.do("network", "cut")
    fresh = configuration.StoreConfig(path=str(tmp_path / "store.sqlite"), ballast_mb=0, free_floor_mb=0)
    citizen = Patient(world.script("wang", "T01"))
    machine = world.machine(citizen, config_of(world, store=fresh), at(datetime(1970, 1, 1, tzinfo=UTC)))
    machine.numbers.heard(Numbering(42))
    citizen.ready = lambda: any("clock" in line["what"] for line in world.of("alarm"))
    await walk(machine)
    assert citizen.unfinished == 1
    tiles = [t.action for b in citizen.seen["todo"].blocks if isinstance(b, Tiles) for t in b.tiles]
    assert {f"service:C0{n}": True for n in (1, 2, 3)}.items() <= {a.id: a.enabled for a in tiles}.items()
    lines = [t.action for b in citizen.seen["line"].blocks if isinstance(b, Tiles) for t in b.tiles]
    assert {a.reason for a in lines if a.id in ("service:T01", "service:H13", "service:E13")} == {
        text("health.no_date")
    }
    assert not any(isinstance(block, DueList) for block in citizen.seen["todo"].blocks)
    facts = doctor.clock_facts(machine)
    assert (facts["doubted"], facts["knows_date"], facts["bound_by"]) == (True, False, "build")
    assert world.of("case") == []


async def test_at_1970_offline_the_time_of_the_last_run_bounds_the_date(world: World, tmp_path: Path) -> None:
    world.do("network", "cut")
    fresh = configuration.StoreConfig(path=str(tmp_path / "store.sqlite"), ballast_mb=0, free_floor_mb=0)
    config = config_of(world, store=fresh)
    before = world.machine(Patient(world.script("nobody")), config, at(datetime(2027, 3, 4, 5, tzinfo=UTC)))
    before.numbers.heard(Numbering(42))
    before.timekeeper.keep()
    before.store.close()
    citizen = Patient(world.script("wang", "H13"))
    machine = world.machine(citizen, config, at(datetime(1970, 1, 1, tzinfo=UTC)))
    await walk(machine)
    assert machine.clock.today() == date(2027, 3, 4)
    assert f"{local(machine.clock.now()):%Y-%m-%d}" in world.slips()[0]
    assert "1970-" not in world.slips()[0]
