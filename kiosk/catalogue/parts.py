"""What recurs, said once (``parts/*.toml``), and a file's tables with what they use in its place, on a day.

Works on tables as TOML has them, before they have types. Where each of them was written is remembered, so that a
mistake in a part is told in the file and the line in which it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from kiosk.catalogue.finding import Path, Place, one_of

FOLDER = "parts"
TEXTS = "texts"
KINDS = ("checks", "fees", "steps", "fields", "options", "basis", "materials", "applicant", TEXTS)
"""What a part can be. A table is a part of the kind of the key that it stands under, anything else is a text."""
ONE_A_DAY = ("applicant", "due", "limit_law", "limit_promise")
"""Keys with one table, or with several of which each has its days."""
USE = "use"
_MARKS = frozenset({USE, "valid_from", "valid_to", *ONE_A_DAY})
_MOST_TABLES = 5000
_TABLES = (dict, list)

Name = tuple[str, str]


class Trouble(NamedTuple):
    """A mistake of using, where it stands."""

    place: Place
    what: str
    fix: str


class _Entry(NamedTuple):
    """A table to put somewhere; ``others``: keys of it that were written elsewhere; ``trail``: the parts it came by.

    ``is_bare``: it is put there as it is.
    """

    value: Any
    place: Place
    trail: tuple[Name, ...] = ()
    others: Mapping[str, Place] = {}
    is_bare: bool = False


class Parts:
    """All parts of a catalogue by kind and name."""

    def __init__(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        self._tables: dict[Name, list[_Entry]] = {}
        self.marked: set[int] = set()
        self.places: dict[Name, Place] = {}
        self.troubles: list[Trouble] = []
        for file, table in tables.items():
            for kind, named in table.items():
                if kind not in KINDS or not isinstance(named, dict):
                    self._say(
                        Place(file, (kind,)), f"no kind of part {kind!r}", f"[<kind>.<name>], {one_of(KINDS, kind)}"
                    )
                    continue
                for name, part in named.items():
                    self._add((kind, name), part, Place(file, (kind, name)))

    def _add(self, name: Name, part: Any, place: Place) -> None:
        several = part if isinstance(part, list) else [part]
        if not several or not all(isinstance(each, dict) for each in several):
            self._say(place, "is no table", f"write [{'.'.join(name)}] or [[{'.'.join(name)}]]")
        elif name in self._tables:
            self._say(place, f"stands in {self.places[name].file} too", "give each its own name")
        else:
            at = [place.below(number) for number in range(len(several))] if isinstance(part, list) else [place]
            entries = zip(several, at, strict=True)
            self._tables[name] = [
                _Entry(each, where, (name,), is_bare=not _mark(each, self.marked)) for each, where in entries
            ]
            self.places[name] = place

    def _say(self, place: Place, what: str, fix: str) -> None:
        self.troubles.append(Trouble(place, what, fix))

    def named(self, name: Name) -> list[_Entry] | None:
        """The tables of a part."""
        return self._tables.get(name)

    def of_kind(self, kind: str) -> list[str]:
        """The names of its parts."""
        return [name for known, name in self._tables if known == kind]


class Unfolded:
    """A file's tables with all parts in their places and without what does not hold on ``day`` (None: everything).

    ``used``: the parts that it came by; ``troubles``: what could not be put in its place, which is left out.
    """

    def __init__(self, file: str, table: Mapping[str, Any], parts: Parts, day: date | None) -> None:
        self.file, self._parts, self._day = file, parts, day
        self._places: dict[Path, Place] = {}
        self._tables = 0
        self.used: set[Name] = set()
        self.troubles: list[Trouble] = []
        self._days: set[tuple[date, date]] = set()
        self._is_by_day = False
        self._marked: set[int] = set()
        _mark(table, self._marked)
        self.holds = self._holds(table)
        self.table: dict[str, Any] = self._value(_Entry(table, Place(file)), ())
        self._marked.clear()

    def place(self, path: Path) -> Place:
        """Where the field was written."""
        for length in range(len(path), 0, -1):
            if found := self._places.get(path[:length]):
                return found.below(*path[length:])
        return Place(self.file, path)

    def is_so_on(self, day: date) -> bool:
        """Whether nothing of it has other days than this one."""
        return not self._is_by_day and all(first <= day <= last for first, last in self._days)

    def changes_after(self, day: date) -> list[date]:
        """The days to come from which on something holds, or no longer does."""
        firsts = {first for first, _ in self._days}
        firsts |= {last + timedelta(days=1) for _, last in self._days if last < date.max}
        return sorted(each for each in firsts if each > day)

    def _say(self, place: Place, what: str, fix: str) -> None:
        self.troubles.append(Trouble(place, what, fix))

    def _value(self, entry: _Entry, path: Path) -> Any:
        value, place, trail, others, is_bare = entry
        if is_bare:
            return value
        if isinstance(value, list):
            return self._array(entry, path)
        if not isinstance(value, dict):
            return value
        found = {}
        for key, each in value.items():
            if key in others:
                self._places[*path, key] = others[key]
            if type(each) not in _TABLES or self._is_bare(each):
                found[key] = each
                continue
            below = _Entry(each, others.get(key, place.below(key)), trail)
            if isinstance(each, dict) and USE in each:
                found |= self._one(key, below, (*path, key))
            elif isinstance(each, list) and key in ONE_A_DAY:
                found |= self._of_this_day(key, below, (*path, key))
            else:
                found[key] = self._value(below, (*path, key))
        return found

    def _array(self, entry: _Entry, path: Path) -> list[Any]:
        found: list[Any] = []
        kind = _kind(path)
        for number, each in enumerate(entry.value):
            if self._is_bare(each) and len(found) == number:
                found.append(each)
                continue
            written = _Entry(each, entry.place.below(number), entry.trail)
            for one in self._used(kind, written) if isinstance(each, dict) and USE in each else (written,):
                if self._holds(one.value):
                    here = (*path, len(found))
                    self._places[here] = one.place
                    found.append(self._value(one, here))
        return found

    def _one(self, key: str, entry: _Entry, path: Path) -> dict[str, Any]:
        """A single table that uses a part; empty when it does not hold, or there is none."""
        found = list(self._used(_kind(path), entry))
        if len(found) > 1:
            self._say(entry.place.below(USE), "is a part of several tables, and this is one", "use it in an array")
            return {}
        return self._put(key, [each for each in found if self._holds(each.value)], path)

    def _of_this_day(self, key: str, entry: _Entry, path: Path) -> dict[str, Any]:
        """Of several tables the one that holds now."""
        self._is_by_day = True
        if self._day is None:
            return {key: self._array(entry, path)}
        holding = [
            one
            for number, each in enumerate(entry.value)
            for one in self._maybe_used(key, _Entry(each, entry.place.below(number), entry.trail))
            if self._holds(one.value)
        ]
        if len(holding) > 1:
            self._say(holding[1].place, f"two of {key} hold on {self._day}", "give each its valid_from and valid_to")
        return self._put(key, holding, path)

    def _maybe_used(self, kind: str, entry: _Entry) -> Iterable[_Entry]:
        return self._used(kind, entry) if isinstance(entry.value, dict) and USE in entry.value else (entry,)

    def _put(self, key: str, found: list[_Entry], path: Path) -> dict[str, Any]:
        """The first of them under its key; nothing where there is none."""
        if not found:
            return {}
        self._places[path] = found[0].place
        return {key: self._value(found[0], path)}

    def _used(self, kind: str, entry: _Entry) -> Iterator[_Entry]:
        """The tables of the part that this one uses, and of those that they use."""
        name = (kind, entry.value[USE])
        other = {key: value for key, value in entry.value.items() if key != USE}
        place = entry.place.below(USE)
        part = self._parts.named(name) if isinstance(name[1], str) else None
        self._tables += 1
        if part is None:
            self._say(
                place, f"no part {kind}.{name[1]}", f"{one_of(self._parts.of_kind(kind), name[1])} ({FOLDER}/*.toml)"
            )
        elif name in entry.trail:
            path = " → ".join(each for _, each in (*entry.trail, name))
            self._say(place, f"uses itself: {path}", "take one of them out")
        elif other and len(part) > 1:
            self._say(entry.place, f"{kind}.{name[1]} has several tables: {', '.join(other)} of which?", "change one")
        elif self._tables > _MOST_TABLES:
            self._say(place, f"more than {_MOST_TABLES} tables come of this", "use fewer parts")
        else:
            self.used.add(name)
            elsewhere = {**{key: entry.place.below(key) for key in other}, **entry.others}
            for each in part:
                if each.is_bare and not elsewhere:
                    yield each
                    continue
                changed = {**each.value, **other}
                below = _Entry(changed, each.place, (*entry.trail, name), elsewhere)
                yield from self._used(kind, below) if USE in changed else (below,)

    def _is_bare(self, value: Any) -> bool:
        """Whether nothing in it uses a part or has its own days: it can stand in many places as it is."""
        return id(value) not in self._marked and id(value) not in self._parts.marked

    def _holds(self, table: Any) -> bool:
        if not isinstance(table, dict):
            return True
        first, last = table.get("valid_from"), table.get("valid_to")
        if first is None and last is None:
            return True
        starts = first if type(first) is date else date.min
        ends = last if type(last) is date else date.max
        self._days.add((starts, ends))
        return self._day is None or starts <= self._day <= ends


def _mark(value: Any, marked: set[int]) -> bool:
    """Notes the ids of whatever in it, and of itself, uses a part or has its own days. Whether it does itself."""
    is_marked = type(value) is dict and not _MARKS.isdisjoint(value)
    for each in value.values() if type(value) is dict else value:
        if type(each) in _TABLES and _mark(each, marked):
            is_marked = True
    if is_marked:
        marked.add(id(value))
    return is_marked


def _kind(path: Path) -> str:
    return str(path[-1]) if path and path[-1] in KINDS else TEXTS
