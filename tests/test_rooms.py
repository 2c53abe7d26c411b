"""What only one room of the machine uses lies in that room."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {"kiosk.running", "kiosk.printing", "kiosk.walk"}
"""Floors of their own (.importlinter); the scripted presenter is named in setup.cfg besides."""


def test_a_loose_module_of_the_machine_is_used_by_more_than_one_room() -> None:
    users: dict[str, set[str]] = defaultdict(set)
    for room in ("kiosk", "hub", "screens"):
        for path in (ROOT / room).rglob("*.py"):
            place = path.relative_to(ROOT).as_posix()
            user = place.rpartition("/")[0] if room == "kiosk" else room
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module:
                    names = [f"kiosk.{each.name}" for each in node.names] if node.module == "kiosk" else [node.module]
                    for name in names:
                        users[name].add("/".join(user.split("/")[:2]))
    loose = {f"kiosk.{path.stem}" for path in (ROOT / "kiosk").glob("*.py")} - FLOORS
    alone = {name: user for name in loose for user in users[name] if users[name] == {user} and "/" in user}
    assert alone == {}
