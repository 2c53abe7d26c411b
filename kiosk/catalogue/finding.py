"""What the judges of a catalogue say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """Where something was written."""

    file: str
    path: Path = ()

    def below(self, *more: str | int) -> Place:
        """A place inside."""
        return Place(self.file, (*self.path, *more))


class Hint(NamedTuple):
    """What an entry of a city is called that the catalogue does not have, and all that it may have been meant to be."""

    called: str
    known: tuple[str, ...]


class Origin(NamedTuple):
    """Where each thing of a file was written: in the ``raws`` of the catalogue's file, or of the city's ``own``.

    ``added``: the entries that the catalogue does not have.
    """

    places: Mapping[Path, Place]
    raws: Mapping[str, bytes]
    own: str
    added: Mapping[Path, Hint] = {}

    def of(self, path: Path) -> Place:
        """The place of a field, or of the nearest thing around it that was written anywhere."""
        for length in range(len(path), 0, -1):
            if found := self.places.get(path[:length]):
                return found.below(*path[length:])
        return self.places[()].below(*path)


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


def unreadable(file: str, trouble: str) -> Fault:
    """What ``TomlTrouble`` says of a file, its line taken from the words of the reader."""
    line = re.search(r"line (\d+)", trouble)
    what, _, fix = trouble.rpartition("; ")
    return Fault(file, int(line[1]) if line else 1, "", what or fix, fix)


def field_of(path: Path) -> str:
    """``checks[2].value``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


AGAIN = "__"
"""In the name of a datum that is called as another one of another kind, before its number; no catalogue writes it."""
LONGEST_NAME = 60
"""A message holds a few characters more, for that number."""
_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*", re.ASCII)
NAMED = f"write one like valid_until: at most {LONGEST_NAME} letters, digits and single _"


def is_name(name: str) -> bool:
    """Whether facts, answers and checks may be called so: a prefix with a point says whose a fact is."""
    if len(name) > LONGEST_NAME or AGAIN in name:
        return False
    return _NAME.fullmatch(name) is not None


def one_of(known: Iterable[str], meant: object = "") -> str:
    """The fix for a word that nobody knows: the nearest known one first, else all."""
    words = list(known)
    near = get_close_matches(str(meant), words, n=1)
    return f"is it {near[0]}?" if near else f"one of: {', '.join(words) or 'none'}"
