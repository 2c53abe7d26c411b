"""The whole machine on suite ``gm`` at the real hub: a citizen, the department's word, a slip."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import trio

from kiosk import config as configuration
from kiosk.commands.walking import Walking
from kiosk.machine import Machine
from tests.hub.fixtures import ROOT
from tests.kiosk.machine.conftest import World, stage, world

__all__ = ["stage", "world"]


def gm_config(world: World, folder: Path) -> Path:
    """The stage's machine as another one: own id, own store, the hub's gm keys; enrolled with the command."""
    hub = world.stage.ready["hub"]
    told = world.stage.config.read_text("utf-8")
    for old, new in (
        ('id = "demo-0001"', 'id = "gm-0001"'),
        (f'path = "{world.stage.folder}/state', f'path = "{folder}'),
        (f'seal_key = "{hub["seal_key"]}"', f'suite = "gm"\nseal_key = "{hub["gm_seal_key"]}"'),
        (f'verify_key = "{hub["verify_key"]}"', f'verify_key = "{hub["gm_verify_key"]}"'),
    ):
        assert told.count(old) == 1, old
        told = told.replace(old, new)
    path = folder / "kiosk.toml"
    path.write_text(told, "utf-8")
    code = httpx.post(f"{hub['url']}/demo/codes").json()["code"]
    enrol = [sys.executable, "-m", "kiosk", "--config", path, "enrol", "--hub", hub["url"], "--code", code]
    done = subprocess.run(enrol, cwd=ROOT, capture_output=True, text=True, check=False)
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
    with trio.fail_after(90):
        await machine.run(visits=1)
    assert walking.unfinished == 0
    return machine


async def test_a_whole_visit_on_gm_is_accepted_at_once(world: World, tmp_path: Path) -> None:
    await walk(world, gm_config(world, tmp_path))
    assert [line["state"] for line in world.of("case")] == ["stored", "delivered", "accepted"]
    assert world.of("alarm") == []
    assert "已受理" in world.slips()[0]
