"""Two seconds after a visit nothing that it knew is readable in machine, worker or files (CONTRACTS §8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.kiosk.machine.conftest import World
from tests.kiosk.machine.memory import forms, hits
from tests.kiosk.machine.process import KioskProcess

SCRIPT = """
services = ["T01", "E13"]
turn = "{camera}"
[actions]
rate = "grade:5"
"""


def planted(world: World, person: str) -> dict[str, bytes]:
    """Everything of the card that a visit knows, in every form."""
    found = next(p for p in world.people() if p["id"] == person)
    card = found["card"]
    values = {"name": card["name"], "number": card["number"], "address": card["address"]}
    marks = {f"{what} as {form}": raw for what, value in values.items() for form, raw in forms(value).items()}
    photo = (world.stage.people.parent / found["photo"]).read_bytes()
    marks["portrait"] = photo[100:132]
    return marks


@pytest.mark.parametrize("screen", [False, True], ids=["no window", "window"])
def test_nothing_of_a_visit_stays_readable(world: World, screen: bool, tmp_path: Path) -> None:
    script = tmp_path / "walk.toml"
    script.write_text(SCRIPT.format(camera=world.socket("camera")))
    kiosk = KioskProcess(world.stage, "walk", str(script), "--count", "2", *(["--screen"] if screen else []))
    try:
        kiosk.until(type="page", kind="home")
        world.do("camera", "person", id="wang")
        world.do("id_card_reader", "place", card="wang")
        kiosk.until(type="page", kind="face")
        marks = planted(world, "wang")
        assert hits(kiosk.process.pid, marks), "a scan that sees nothing while the person stands there proves nothing"
        world.do("id_card_reader", "lift")
        kiosk.until(type="case", state="stored")
        kiosk.until(type="wiped", timeout_s=60)
        _assert_gone(kiosk, marks, world.stage.folder)
    finally:
        kiosk.end()


def _assert_gone(kiosk: KioskProcess, marks: dict[str, bytes], folder: Path) -> None:
    for pid in (kiosk.process.pid, *kiosk.worker_pids()):
        assert hits(pid, marks) == {}
    for file in [*(folder / "state").rglob("*"), *(folder / "logs").rglob("*")]:
        raw = file.read_bytes() if file.is_file() else b""
        assert not [name for name, mark in marks.items() if mark in raw], f"in {file.name}"


def test_the_scan_finds_what_is_there(tmp_path: Path) -> None:
    import os

    kept: dict[str, Any] = {"secret": "\U00020bb7 planted value"}
    assert "planted as utf-32-le" in hits(os.getpid(), {f"planted as {k}": v for k, v in forms(kept["secret"]).items()})
