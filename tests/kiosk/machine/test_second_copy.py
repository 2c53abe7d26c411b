"""A machine that files offline and never comes back: the paper in the person's hand brings the case to the city."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import trio

from kiosk.running import run
from tests.hub.photographs import Shot, grey, photograph
from tests.kiosk.machine.conftest import World, hub_cases
from tests.kiosk.machine.test_end_to_end import Waiting, number_of
from tests.waiting import comes_true


async def restored(world: World, shot: Path) -> list[dict[str, str]]:
    """The table of ``hub restore``."""
    command = [sys.executable, "-m", "hub", "restore", str(shot), "--json"]
    command += ["--dsn", world.stage.ready["hub"]["dsn"], "--keys", str(world.stage.folder / "hub" / "keys")]
    done = await trio.run_process(command, capture_stdout=True)
    return json.loads(done.stdout)


async def test_case_of_a_lost_machine_is_accepted_from_its_slip_and_is_one_case_when_the_disk_survived(
    world: World, tmp_path: Path
) -> None:
    world.do("network", "cut")
    await world.walk(world.script("zhao", "T01", values={"delivery": "window"}))
    (slip,) = world.slips()
    number = number_of(slip)
    # Beside a sheet that a safety cut left blank.
    picture = next(p.with_suffix(".png") for p in world.stage.slips.glob("*.txt") if number in p.read_text("utf-8"))
    shot = tmp_path / "slip.jpg"
    shot.write_bytes(photograph(grey(picture), Shot()))
    assert await restored(world, shot) == [{"slip": number, "taken": "restored", "why": ""}]

    world.do("network", "restore")
    machine = world.machine(Waiting())
    async with trio.open_nursery() as nursery:
        await nursery.start(run, machine)
        await comes_true(lambda: "accepted" in [line["state"] for line in world.of("case")], "the acceptance")
        cases = await hub_cases(machine, slip)
        nursery.cancel_scope.cancel()
    assert [[state.state for state in case.states] for case in cases] == [["delivered", "accepted"]], "once"
    assert await restored(world, shot) == [{"slip": number, "taken": "already known", "why": ""}]


async def test_slip_of_a_delivered_case_carries_no_second_copy(world: World) -> None:
    await world.walk(world.script("wang", "H13"))
    (slip,) = world.slips()
    assert "已受理" in slip
    assert "恢复码" not in slip
