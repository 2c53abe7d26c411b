"""The whole machine on suite ``gm`` at the real hub: a citizen, the department's word, a slip."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import trio

from kiosk import config as configuration
from kiosk import running
from kiosk.commands.walking import Walking
from kiosk.hub_link.identity import SuiteChanged
from kiosk.machine import Machine
from tests.hub.fixtures import ROOT
from tests.kiosk.machine.conftest import World, stage, wipe_in_proportion, world
from tests.kiosk.machine.test_end_to_end import Waiting
from tests.waiting import HANG_S, comes_true

__all__ = ["stage", "wipe_in_proportion", "world"]


def gm_config(world: World, folder: Path, kiosk_id: str = "gm-0001") -> Path:
    """The stage's machine as another one: own id, own store, the hub's gm keys; enrolled with the command."""
    hub = world.stage.ready["hub"]
    told = world.stage.config.read_text("utf-8")
    for old, new in (
        ('id = "demo-0001"', f'id = "{kiosk_id}"'),
        (f'path = "{world.stage.folder}/state', f'path = "{folder}'),
        (f'seal_key = "{hub["seal_key"]}"', f'suite = "gm"\nseal_key = "{hub["gm_seal_key"]}"'),
        (f'verify_key = "{hub["verify_key"]}"', f'verify_key = "{hub["gm_verify_key"]}"'),
    ):
        assert told.count(old) == 1, old
        told = told.replace(old, new)
    path = folder / "kiosk.toml"
    path.write_text(told, "utf-8")
    code = httpx.post(f"{hub['url']}/demo/codes", timeout=HANG_S).json()["code"]
    enrol = [sys.executable, "-m", "kiosk", "--config", path, "enrol", "--hub", hub["url"]]
    done = subprocess.run(enrol, input=code, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


async def walk(world: World, config: Path) -> Machine:
    walking = Walking(world.script("wang", "T01", actions={"rate": "grade:5"}), None, None)
    machine = Machine(configuration.load(config), walking)
    publish = machine.status.publish

    def keep(event: str, /, **facts: object) -> None:
        world.lines.append({"type": event, **facts})
        publish(event, **facts)

    machine.status.publish = keep  # type: ignore[method-assign]
    with trio.fail_after(HANG_S):
        await running.run(machine, visits=1)
    assert walking.unfinished == 0
    return machine


@pytest.mark.usefixtures("wipe_in_proportion")
async def test_a_whole_visit_on_gm_is_accepted_at_once(world: World, tmp_path: Path) -> None:
    await walk(world, gm_config(world, tmp_path))
    assert [line["state"] for line in world.of("case")] == ["stored", "delivered", "accepted"]
    assert world.of("alarm") == []
    assert "已受理" in world.slips()[0]


async def test_the_suite_can_be_changed_only_when_nothing_of_the_other_one_waits(world: World, tmp_path: Path) -> None:
    gm, hub = gm_config(world, tmp_path, "gm-0002"), world.stage.ready["hub"]
    told = gm.read_text("utf-8").replace('suite = "gm"\n', "")
    for name in ("seal_key", "verify_key"):
        told = told.replace(hub[f"gm_{name}"], hub[name])
    std = tmp_path / "std.toml"
    std.write_text(told, "utf-8")
    world.do("network", "cut")
    await walk(world, gm)
    with pytest.raises(SuiteChanged, match=r'2 envelopes of suite "gm" still wait'):
        Machine(configuration.load(std), Waiting())
    doctor = subprocess.run(
        [sys.executable, "-m", "kiosk", "--config", std, "doctor"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert doctor.returncode == 1
    assert doctor.stderr.count("\n") == 1, "one line: why, and what to do"
    world.do("network", "restore")
    machine = Machine(configuration.load(gm), Waiting())
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        await comes_true(lambda: not machine.outbox.depth(), "the queue is empty")
        machine.stop()
    Machine(configuration.load(std), Waiting()).store.close()
