"""The machine as a process: readiness, SIGTERM, SIGKILL, a second machine, and commands beside a running one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from kiosk.citizen import Script, script_text
from kiosk.clock import Clock
from kiosk.demo.stage import bench_kinds
from kiosk.demo.walking import poses
from kiosk.messages.seal import new_seal_key
from tests.kiosk.machine.conftest import World
from tests.kiosk.machine.process import KioskProcess
from tests.waiting import HANG_S, times_slower

ROOT = Path(__file__).resolve().parents[3]


def command(world: World, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """One ``kiosk`` command on this stage."""
    return subprocess.run(
        [sys.executable, "-m", "kiosk", *arguments],
        input=said,
        env={**os.environ, **world.stage.environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


def script(world: World, tmp_path: Path, *services: str) -> str:
    path = tmp_path / "walk.toml"
    came = Script(services=services, turn=world.socket("camera"), control=poses(world.stage.folder))
    path.write_text(script_text(came), encoding="utf-8")
    return str(path)


def walking(world: World, tmp_path: Path, *services: str, person: str = "wang") -> KioskProcess:
    """A walk whose citizen stands there and has put the card down."""
    kiosk = KioskProcess(world.stage, "walk", script(world, tmp_path, *services), "--count", "9")
    kiosk.until(type="page", kind="home")
    world.do("camera", "person", id=person)
    world.do("id_card_reader", "place", card=person)
    return kiosk


def test_sigterm_in_the_middle_of_a_visit_wipes_and_ends_well_in_time(world: World, tmp_path: Path) -> None:
    kiosk = walking(world, tmp_path, "T01")
    kiosk.until(type="page", kind="face")
    clock, slower = Clock(), times_slower()
    began = clock.monotonic()
    kiosk.process.terminate()
    kiosk.until(type="wiped")
    assert kiosk.process.wait(timeout=HANG_S) == 0
    took_s = clock.monotonic() - began
    assert took_s < 5.0 * max(slower, times_slower()), "CONTRACTS §2: exit 0 within five seconds of a machine's own"
    ended = next(line for line in kiosk.lines if line["type"] == "visit" and line["state"] == "end")
    assert ended["reason"] == "stopped"


def test_killed_right_after_the_case_was_kept_it_reaches_the_hub_once_after_the_restart(
    world: World, tmp_path: Path
) -> None:
    world.do("network", "cut")
    kiosk = walking(world, tmp_path, "T01", person="zhao")
    stored = kiosk.until(type="case", state="stored")
    kiosk.kill()
    world.do("id_card_reader", "lift")
    world.do("network", "restore")
    again = KioskProcess(world.stage, "walk", script(world, tmp_path))
    try:
        delivered = again.until(type="case", state="delivered", case_id=stored["case_id"])
        accepted = again.until(type="case", state="accepted", case_id=stored["case_id"])
        assert delivered["mono"] <= accepted["mono"]
        rows = json.loads(command(world, "queue", "list", "--json").stdout)
        assert [r["state"] for r in rows if r["case_id"] == stored["case_id"]] == ["delivered"]
    finally:
        again.end()


def test_doctor_and_queue_ask_the_running_machine_and_take_nothing_from_it(world: World, tmp_path: Path) -> None:
    kiosk = KioskProcess(world.stage, "walk", script(world, tmp_path))
    try:
        kiosk.until_online("id_card_reader", "receipt_printer", "camera")
        report = json.loads(command(world, "doctor", "--json").stdout)
        said = {d["name"]: d["device"] for d in report["devices"]}
        assert {*said} == {"id_card_reader", "receipt_printer", "camera", *bench_kinds()}
        assert {said[name] for name in ("id_card_reader", "receipt_printer", "camera")} == {"online"}
        known = {"name", "driver", "device", "media", "supply", "error", "detail", "since", "kind", "level"}
        assert set(report["devices"][0]) == known
        assert report["memory"]["freed_memory_overwritten"] is True
        assert report["hub"]["online"] is True
        assert tuple(map(int, report["store"]["engine"].split("."))) >= (3, 51, 3)
        status: dict[str, Any] = json.loads(command(world, "queue", "status", "--json").stdout)
        assert status["depth"] == 0
        assert kiosk.process.poll() is None
    finally:
        assert kiosk.end() == 0


def test_doctor_names_an_unplugged_device_and_says_so_by_its_exit_code(world: World, tmp_path: Path) -> None:
    kiosk = KioskProcess(world.stage, "walk", script(world, tmp_path))
    try:
        kiosk.until(type="device", name="id_card_reader", device="online")
        world.do("id_card_reader", "unplug")
        kiosk.until(type="device", name="id_card_reader", device="noDevice")
        done = command(world, "doctor", "--json")
        assert done.returncode == 3
        reader = next(d for d in json.loads(done.stdout)["devices"] if d["name"] == "id_card_reader")
        assert reader["device"] == "noDevice"
        world.do("id_card_reader", "replug")
        kiosk.until(type="device", name="id_card_reader", device="online")
    finally:
        kiosk.end()


def test_a_second_machine_on_the_same_store_is_refused_with_one_line(world: World, tmp_path: Path) -> None:
    kiosk = KioskProcess(world.stage, "walk", script(world, tmp_path))
    try:
        done = command(world, "walk", script(world, tmp_path))
        assert done.returncode == 1
        (line,) = done.stderr.strip().splitlines()
        assert "store" in line
    finally:
        kiosk.end()


def test_a_wrong_hub_key_is_said_when_enrolling_and_known_at_the_next_start_without_a_network(
    world: World, tmp_path: Path
) -> None:
    hub, right = world.stage.ready["hub"], world.stage.config.read_text("utf-8")
    wrong = right.replace('id = "demo-0001"', 'id = "hall-0002"').replace(
        f'path = "{world.stage.folder}/state', f'path = "{tmp_path}'
    )
    other_key = new_seal_key().public
    config = tmp_path / "kiosk.toml"
    config.write_text(wrong.replace(f'seal_key = "{hub["seal_key"]}"', f'seal_key = "{other_key}"'), "utf-8")
    code = httpx.post(f"{hub['url']}/demo/codes", timeout=HANG_S).json()["code"]
    enrolled = command(world, "--config", str(config), "enrol", "--hub", hub["url"], said=code)
    assert enrolled.returncode == 1
    assert hub["seal_key"] in enrolled.stdout
    assert "put the ones above into the configuration" in enrolled.stderr
    world.do("network", "cut")
    examined = command(world, "--config", str(config), "doctor", "--json")
    assert examined.returncode == 3
    said = json.loads(examined.stdout)["hub"]
    assert (said["online"], said["wrong_key"]) == (False, "seal_key")


def test_a_machine_that_its_hub_does_not_know_learns_it_from_doctor(world: World, tmp_path: Path) -> None:
    config = tmp_path / "kiosk.toml"
    known = world.stage.config.read_text("utf-8").replace('id = "demo-0001"', 'id = "hall-0009"')
    config.write_text(known.replace(str(world.stage.folder / "state"), str(tmp_path)), "utf-8")
    examined = command(world, "--config", str(config), "doctor", "--json")
    assert examined.returncode == 3
    said = json.loads(examined.stdout)["hub"]
    assert (said["online"], said["state"]) == (False, "other_machine_key")
    assert "kiosk enrol" in said["reason"]
    world.do("network", "nonsense")
    examined = command(world, "--config", str(config), "doctor", "--json")
    assert (examined.returncode, json.loads(examined.stdout)["hub"]["state"]) == (3, "not_a_hub")


def test_audit_chain_is_checked_beside_no_machine(world: World) -> None:
    done = command(world, "audit", "verify")
    assert (done.returncode, done.stdout.split(",")[0]) == (0, "audit chain: unbroken")
