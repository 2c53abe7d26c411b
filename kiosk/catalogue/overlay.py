"""A city's overlay: a folder with only what is otherwise than in a catalogue, and the files that come of both.

``overlay.toml`` says its own version and ``for`` which version of the catalogue it was written; other files have the
names of those that they change. Works on tables as TOML has them and writes them as TOML again: whoever reads the files
that come of it, and a hub that serves them, needs to know of no overlay. Where each thing was written is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path as FolderPath
from typing import Any, NamedTuple

from kiosk.catalogue.check import refuse, require_clean
from kiosk.catalogue.check.places import Places
from kiosk.catalogue.finding import Fault, Hint, Origin, Path, Place, field_of, one_of, unreadable
from kiosk.catalogue.kinds import TypeOf, spec_type
from kiosk.catalogue.loader import HEAD, folder_of, read_folder, shipped
from kiosk.catalogue.parts import FOLDER, USE
from kiosk.toml_file import TomlTrouble, as_toml, parse_toml

OVERLAY = "overlay.toml"
REMOVE, BEFORE = "remove", "before"
_NAMES = ("id", "key", "name", "use", "kind", "service", "fact", "law", "basis")
"""What an entry of a list is known by: the first that it has."""
_BESIDE = ("op", "clause", "valid_from")
"""What tells apart those of one name."""
_VERSION = re.compile(r"(?=.*[0-9])[A-Za-z0-9._-]{1,32}")


class Overlaid(NamedTuple):
    """A catalogue with a city's differences. ``faults``: what has no place in it; with any, the rest is nothing."""

    files: Mapping[str, bytes]
    origins: Mapping[str, Origin]
    faults: list[Fault]


def is_overlay(files: Mapping[str, bytes]) -> bool:
    """Whether these are a city's differences, and no catalogue."""
    return OVERLAY in files


def holds_overlay(folder: FolderPath) -> bool:
    """The same of a folder that is not read yet."""
    return (folder / OVERLAY).exists()


def overlaid(
    base: FolderPath, base_files: Mapping[str, bytes], city: FolderPath, city_files: Mapping[str, bytes]
) -> Overlaid:
    """The files of a catalogue with what a city has otherwise, without a manifest; the folders name them."""
    merging = _Merging(str(base), str(city))
    files = {name: raw for name, raw in base_files.items() if name.endswith(".toml")}
    origins = {name: merging.unchanged(name, raw) for name, raw in files.items()}
    version = merging.version(base_files, city_files)
    for name, raw in {HEAD: b"", **city_files}.items():
        if name == OVERLAY or not name.endswith(".toml"):
            continue
        merged = merging.file(name, base_files.get(name), raw)
        if merged is None:
            files.pop(name, None)
            continue
        if name == HEAD:
            merged.value["version"] = _Node(version, Place(merging.city_file(OVERLAY), ("version",)))
        plain, places, added = _plain(merged)
        files[name] = as_toml(plain)
        origins[name] = Origin(places, merging.raws, merging.city_file(name), added)
    return Overlaid(dict(sorted(files.items())), origins, sorted(merging.faults))


def clean_files(
    folder: FolderPath,
    own: Mapping[str, bytes],
    base: FolderPath | None = None,
    type_of: TypeOf = spec_type,
    day: date | None = None,
) -> Mapping[str, bytes]:
    """The files of a catalogue without mistakes: a folder's ``own``, or what they make of ``base``, unsigned as it is.

    Raises CatalogueError.
    """
    if not is_overlay(own):
        require_clean(folder, own, type_of, day)
        return own
    base = base or shipped()
    return clean_together(base, read_folder(base), folder, own, type_of, day)


def clean_together(
    base: FolderPath,
    files: Mapping[str, bytes],
    city: FolderPath,
    own: Mapping[str, bytes],
    type_of: TypeOf,
    day: date | None,
) -> Mapping[str, bytes]:
    """The files that both make, without mistakes. Raises CatalogueError."""
    both = overlaid(base, files, city, own)
    refuse(city, both.faults, is_named=True)
    require_clean(city, both.files, type_of, day, both.origins)
    return both.files


class _Node(NamedTuple):
    """A value and where it was written; tables and lists hold nodes. ``hint``: it was not there before."""

    value: Any
    place: Place
    hint: Hint | None = None


class _Merging:
    """Puts files into one another, and says what has no place."""

    def __init__(self, base: str, city: str) -> None:
        self._base, self._city = base, city
        self.raws: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self._lines: dict[str, Places] = {}

    def city_file(self, name: str) -> str:
        """What a file of the city is called."""
        return f"{self._city}/{name}"

    def unchanged(self, name: str, raw: bytes) -> Origin:
        """Where the things of a file were written that the city leaves as it is."""
        file = f"{self._base}/{name}"
        return Origin({(): Place(file)}, {file: raw}, "")

    def version(self, base_files: Mapping[str, bytes], city_files: Mapping[str, bytes]) -> str:
        """``2027.01+3``: that of the catalogue, for which the city's was written, and the city's."""
        own = self._read(self.city_file(OVERLAY), city_files.get(OVERLAY, b""))
        head = self._read(f"{self._base}/{HEAD}", base_files.get(HEAD, b""))
        if self.faults:
            return ""
        for key in own.value.keys() - {"version", "for"}:
            self._say(own.value[key].place, "unknown key", f"remove it, or {one_of(('version', 'for'), key)}")
        found = {key: own.value[key].value for key in ("version", "for") if key in own.value}
        version, wanted = found.get("version"), found.get("for")
        present = str(_value(head, "version"))
        at = own.place.below
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            said = "missing" if version is None else f"{repr(version)[:40]} is no version of an overlay"
            self._say(at("version"), said, 'write one like "3": letters, digits and .-_, and count it up')
        if "+" in present:
            self._say(at("for"), f"{self._base} is {present}, a city's already", "name the catalogue under it")
        elif wanted != present:
            said = (
                "missing" if wanted is None else f"was written for {str(wanted)[:40]!r}, and {self._base} is {present}"
            )
            self._say(at("for"), said, f'look whether it still fits, and write for = "{present}"')
        return f"{present}+{version}"

    def file(self, name: str, old: bytes | None, raw: bytes) -> _Node | None:
        """A file with the city's differences; None for one that the city has taken out."""
        city = self._read(self.city_file(name), raw)
        if old is None:
            if folder_of(name) not in ("", FOLDER) and "key" not in city.value:
                self._say(city.place, f"{self._base} has no {name}, and this is no whole one", "name one that it has")
            return city
        if city.value.get(REMOVE, city).value is True:
            return None
        if name == HEAD and "version" in city.value:
            self._say(city.value["version"].place, "is made of that of both", f"count up the version in {OVERLAY}")
        return self._table(self._read(f"{self._base}/{name}", old), city)

    def _read(self, file: str, raw: bytes) -> _Node:
        self.raws[file] = raw
        try:
            return _nodes(parse_toml(FolderPath(file), raw), Place(file))
        except (TomlTrouble, RecursionError) as error:
            trouble = str(error).removeprefix(f"{file}: ") if isinstance(error, TomlTrouble) else "nested too deeply"
            self.faults.append(unreadable(file, trouble))
            self.raws[file] = b""
            return _Node({}, Place(file))

    def _say(self, place: Place, what: str, fix: str) -> None:
        if place.file not in self._lines:
            self._lines[place.file] = Places(self.raws[place.file].decode("utf-8-sig"))
        line = self._lines[place.file].line(place.path)
        self.faults.append(Fault(place.file, line, field_of(place.path), what, fix))

    def _of(self, old: _Node, city: _Node) -> _Node:
        if isinstance(old.value, dict) and isinstance(city.value, dict):
            return self._table(old, city)
        if isinstance(old.value, list) and isinstance(city.value, list) and _are_named(city.value):
            return self._list(old, city)
        return city

    def _table(self, old: _Node, city: _Node) -> _Node:
        """Key by key; one that comes to use another part is nothing but that part."""
        if USE in city.value and _value(city, USE) != _value(old, USE):
            return city
        found = dict(old.value)
        self._without(found, city)
        for key, each in city.value.items():
            if key in (REMOVE, BEFORE):
                continue
            if _is_taken_out(each):
                if found.pop(key, None) is None:
                    self._say(each.place, f"there is no {key} to take out", one_of(found, key))
            else:
                found[key] = self._of(found[key], each) if key in found else each
        return _Node(found, old.place)

    def _without(self, found: dict[str, _Node], city: _Node) -> None:
        """Takes out the keys that ``remove = ["…"]`` names."""
        if REMOVE not in city.value:
            return
        keys = city.value[REMOVE]
        if not isinstance(keys.value, list):
            self._say(keys.place, f"{keys.value!r} is no list of keys", 'write true for the whole, or ["key", …]')
            return
        for each in keys.value:
            if not isinstance(each.value, str) or found.pop(each.value, None) is None:
                self._say(each.place, f"there is no {each.value!r} to take out", one_of(found, each.value))

    def _list(self, old: _Node, city: _Node) -> _Node:
        """Entry by entry, each by its name."""
        found = list(old.value)
        for each in city.value:
            at = _meant(found, each)
            if len(at) > 1:
                names = " and ".join(name for name in (*_NAMES, *_BESIDE) if name not in each.value)
                self._say(each.place, f"{len(at)} are called {_called(each)}: which of them?", f"write its {names}")
            elif _is_taken_out(each):
                if not at:
                    self._say(each.place, f"there is no {_called(each)} to take out", _known(found, each))
                for number in at:
                    del found[number]
            else:
                merged = self._table(found.pop(at[0]), each) if at else _added(found, each)
                found.insert(self._place_in(found, each, at[0] if at else len(found)), merged)
        return _Node(found, old.place)

    def _place_in(self, found: Sequence[_Node], entry: _Node, at: int) -> int:
        """Where it stands: before the one that it names, else where it was."""
        if BEFORE not in entry.value:
            return at
        wanted = entry.value[BEFORE]
        for number, each in enumerate(found):
            if wanted.value in _names(each):
                return number
        self._say(wanted.place, f"there is no {wanted.value!r}", _known(found, wanted))
        return at


def _nodes(value: Any, place: Place) -> _Node:
    if isinstance(value, dict):
        return _Node({key: _nodes(each, place.below(key)) for key, each in value.items()}, place)
    if isinstance(value, list):
        return _Node([_nodes(each, place.below(number)) for number, each in enumerate(value)], place)
    return _Node(value, place)


def _plain(root: _Node) -> tuple[dict[str, Any], dict[Path, Place], dict[Path, Hint]]:
    """Its values, the place of each that does not stand in that of what is around it, and what was added."""
    places: dict[Path, Place] = {(): root.place}
    added: dict[Path, Hint] = {}

    def of(node: _Node, path: Path) -> Any:
        places[path] = node.place
        if node.hint:
            added[path] = node.hint
        if isinstance(node.value, dict):
            return {key: of(each, (*path, key)) for key, each in node.value.items() if key != BEFORE}
        if isinstance(node.value, list):
            return [of(each, (*path, number)) for number, each in enumerate(node.value)]
        return node.value

    return of(root, ()), places, added


def _is_taken_out(node: _Node) -> bool:
    return isinstance(node.value, dict) and _value(node, REMOVE) is True


def _value(node: _Node, key: str) -> Any:
    """Of a text its Chinese words: the others may be what is changed."""
    if not isinstance(node.value, dict) or key not in node.value:
        return None
    found = node.value[key].value
    return _value(node.value[key], "zh") if isinstance(found, dict) else found


def _are_named(entries: Sequence[_Node]) -> bool:
    return bool(entries) and all(isinstance(each.value, dict) and any(_names(each)) for each in entries)


def _names(entry: _Node) -> Iterator[Any]:
    if isinstance(entry.value, dict):
        yield from (_value(entry, name) for name in _NAMES if name in entry.value)


def _meant(found: Sequence[_Node], entry: _Node) -> list[int]:
    """Which of them it changes: those of its first name, and of the others where that is the name of several.

    Where none is, the one that uses a part of that name: as a rule it has the name that people know.
    """
    names = [name for name in (*_NAMES, *_BESIDE) if name in entry.value]
    at = [n for n, each in enumerate(found) if isinstance(each.value, dict)]
    for name in names:
        same = [n for n in at if _value(found[n], name) == _value(entry, name)]
        at = same if name == names[0] else same or at
        if len(at) < 2:
            break
    return at or [n for n, each in enumerate(found) if _called(entry) == _value(each, USE)]


def _called(entry: _Node) -> str:
    return str(next(_names(entry), ""))


def _added(found: Sequence[_Node], entry: _Node) -> _Node:
    known = {str(name) for each in found for name in _names(each)}
    return entry._replace(hint=Hint(_called(entry), tuple(sorted(known))))


def _known(found: Sequence[_Node], meant: _Node) -> str:
    name = _called(meant) if isinstance(meant.value, dict) else meant.value
    return one_of(sorted({str(each) for entry in found for each in _names(entry)}), name)
