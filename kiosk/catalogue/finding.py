"""What the judges of a catalogue say."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

Path = tuple[str | int, ...]


class Finding(NamedTuple):
    """A mistake at a place in one file, and what mends it."""

    path: Path
    what: str
    fix: str


class Fault(NamedTuple):
    """The same as its author is told: one line."""

    file: str
    line: int
    field: str
    what: str
    fix: str

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{self.file}:{self.line}: {field}{self.what}; {self.fix}"


def field_of(path: Path) -> str:
    """``checks[2].value``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def one_of(known: Iterable[str], meant: object = "") -> str:
    """The fix for a word that nobody knows: the nearest known one first, else all."""
    words = list(known)
    near = get_close_matches(str(meant), words, n=1)
    return f"is it {near[0]}?" if near else f"one of: {', '.join(words) or 'none'}"
