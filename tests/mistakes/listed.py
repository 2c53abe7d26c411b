"""The list of mistakes: one TOML file for each room of the house."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ROOMS = sorted(path.stem for path in HERE.glob("*.toml"))


class Mistake(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``old`` stands exactly once in ``file``; ``tests`` are what should notice (paths, or ids of single tests)."""

    what: str
    file: str
    old: str
    new: str
    tests: list[str]
    room: str = ""

    def made_in(self, source: str) -> str:
        """The file's text with the mistake. Raises ValueError when its place is not there once."""
        if source.count(self.old) != 1 or self.old == self.new:
            raise ValueError(f"{self.room}: {self.what}: stands {source.count(self.old)} times in {self.file}")
        return source.replace(self.old, self.new)


def listed() -> list[Mistake]:
    """Every mistake, by room."""
    found = []
    for room in ROOMS:
        for each in tomllib.loads((HERE / f"{room}.toml").read_text("utf-8"))["mistake"]:
            found.append(msgspec.convert({**each, "room": room}, Mistake))
    return found
