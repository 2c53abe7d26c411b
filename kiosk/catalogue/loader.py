"""Reads a catalogue folder: ``catalogue.toml`` (version, phones), ``<line>/<key>.toml``, bundles, parts, a manifest.

A folder is read once: what is judged, hashed and parsed are the same bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import structs

from kiosk import shapes
from kiosk.catalogue import parts
from kiosk.catalogue.finding import field_of
from kiosk.catalogue.kinds import TypeOf, spec_type
from kiosk.catalogue.model import Bundle, Catalogue, KnownDepartment, Line, Service
from kiosk.catalogue.parts import Unfolded
from kiosk.catalogue.reading import reading_of
from kiosk.clock import today_here
from kiosk.messages.foreign import OpenFolder, Refused, read_at_most, shown
from kiosk.messages.ours import NotOurs, judge
from kiosk.text import Text
from kiosk.toml_file import LIMIT_BYTES, TomlTrouble, parse_toml, tables_of

T = TypeVar("T")
MANIFEST = "manifest.json"
HEAD = "catalogue.toml"
DEPARTMENTS = "departments.toml"
LINES = "lines.toml"
BUNDLES = "bundles"
DIVISIONS = "divisions.toml"
"""The one head that a catalogue can do without."""
FILES = 2000
TOTAL_BYTES = 64 * 1024 * 1024


class CatalogueError(Exception):
    """The catalogue cannot be used; one line that names the file, the key and the fix."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was signed: the version and the SHA-256 of every file, by relative path.

    ``instead_of``: the newer version that this one takes the place of, when the city goes back.
    """

    version: str
    files: dict[str, str]
    signature: str
    instead_of: str = ""


def shipped() -> Path:
    """The catalogue that comes with the program."""
    return Path(str(resources.files("kiosk"))) / "catalogue" / "data"


def load(folder: Path | None = None, *, type_of: TypeOf = spec_type, day: date | None = None) -> Catalogue:
    """The catalogue in ``folder`` (the shipped one by default) as it is on ``day`` (today). Raises CatalogueError.

    ``type_of``: what a step is read as, by its kind; a hub, which asks none, says ``kinds.any_kind``.
    """
    folder = folder or shipped()
    return parse(folder, read_folder(folder), type_of, day)


def read_folder(folder: Path, *, private: bool = False) -> dict[str, bytes]:
    """Every TOML file, and the manifest, by relative path, in order. Raises CatalogueError.

    ``private``: refused when anybody else may write the folder or a file of it.
    """
    if folder == shipped():
        # A part of the program: installers may have made links of its files.
        return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.toml"))}
    found: dict[str, bytes] = {}
    try:
        with OpenFolder.at(folder) as top:
            _read_into(found, folder, top, "", private=private)
            for line in sorted(top.folders()):
                with top.below(line) as below:
                    _read_into(found, folder, below, f"{line}/", private=private)
    except NotOurs as error:
        raise CatalogueError(str(error)) from None
    except Refused as error:
        raise CatalogueError(f"{folder}: {error}; put the folder itself there") from None
    except OSError as error:
        raise CatalogueError(f"{folder}: {error.strerror or error}; name the folder of the catalogue") from error
    return dict(sorted(found.items()))


def _read_into(found: dict[str, bytes], folder: Path, there: OpenFolder, line: str, *, private: bool) -> None:
    if private:
        judge(folder / line, there.about())
    names = [*there.names(".toml"), *([] if line else there.names(MANIFEST))]
    for name in sorted(names):
        place = folder / f"{line}{name}"
        try:
            with there.open_file(name, LIMIT_BYTES) as file:
                if private:
                    judge(place, os.fstat(file.fileno()))
                found[f"{line}{name}"] = read_at_most(file, LIMIT_BYTES)
        except Refused as error:
            raise CatalogueError(f"{shown(str(place), 200)}: {error}; put the file itself there") from None
        if len(found) > FILES or sum(map(len, found.values())) > TOTAL_BYTES:
            raise CatalogueError(
                f"{folder}: more than {FILES} files or {TOTAL_BYTES // 2**20} MB; this is no catalogue"
            )


def folder_of(name: str) -> str:
    """The folder of the catalogue in which a file stands; "" for the catalogue's own."""
    return name.partition("/")[0] if "/" in name else ""


def is_service(name: str) -> bool:
    """Whether a file is a service's."""
    return folder_of(name) not in ("", parts.FOLDER, BUNDLES)


def parse(folder: Path, files: Mapping[str, bytes], type_of: TypeOf = spec_type, day: date | None = None) -> Catalogue:
    """The catalogue of these files as it is on ``day`` (today); ``folder`` names them. Raises CatalogueError."""
    for name in (HEAD, LINES, DEPARTMENTS):
        if name not in files:
            raise CatalogueError(f"{folder / name}: no such file; name the folder of the catalogue")
    read = _Reader(folder, files, type_of, day or today_here())
    lines = _lines(folder / LINES, files[LINES])
    divisions = _converted(folder / DIVISIONS, files[DIVISIONS], dict[str, Text]) if DIVISIONS in files else {}
    services = {}
    for name in filter(is_service, files):
        if own := read.service(name):
            service = _in_its_line(folder / name, own, lines)
            services[service.key] = service
    found = {
        **_toml(folder / HEAD, files[HEAD]),
        "lines": lines,
        "departments": _converted(folder / DEPARTMENTS, files[DEPARTMENTS], dict[str, KnownDepartment]),
        "services": services,
        "bundles": _bundles(read, services),
        "divisions": divisions,
    }
    try:
        return shapes.convert(found, Catalogue)
    except msgspec.ValidationError as error:
        raise CatalogueError(f"{folder / HEAD}: {error}") from error


def days_of_change(files: Mapping[str, bytes]) -> list[date]:
    """The days from which on something in these files holds, or no longer does; between two of them nothing changes.

    Raises CatalogueError.
    """
    found: set[date] = set()
    left: list[Any] = [_toml(Path(name), raw) for name, raw in files.items() if name != MANIFEST]
    while left:
        match left.pop():
            case dict() as table:
                left += table.values()
                days = (table.get("valid_from"), 0), (table.get("valid_to"), 1)
                found |= {day + timedelta(days=n) for day, n in days if isinstance(day, date) and day < date.max}
            case list() as several:
                left += several
    return sorted(found)


class _Reader:
    """Files of a catalogue on a day."""

    def __init__(self, folder: Path, files: Mapping[str, bytes], type_of: TypeOf, day: date) -> None:
        self.folder, self.files = folder, files
        self._type_of, self._day, self._reading = type_of, day, reading_of(files)
        for name in files:
            if folder_of(name) == parts.FOLDER:
                _tables(folder, name, files[name])
        self._refuse(self._reading.parts.troubles)

    def service(self, name: str) -> Service | None:
        """A file's service; None when it does not hold on this day."""
        unfolded = self._unfolded(name)
        try:
            return self._reading.service(unfolded, self._type_of) if unfolded else None
        except msgspec.ValidationError as error:
            raise CatalogueError(f"{self.folder / name}: {error}") from error

    def table(self, name: str) -> dict[str, Any] | None:
        """A file's tables with the parts in their places; None when it does not hold on this day."""
        unfolded = self._unfolded(name)
        return unfolded.table if unfolded else None

    def _unfolded(self, name: str) -> Unfolded | None:
        try:
            unfolded = self._reading.on(name, self._day)
        except TomlTrouble as error:
            raise CatalogueError(f"{self.folder}/{error}") from error
        self._refuse(unfolded.troubles)
        return unfolded if unfolded.holds else None

    def _refuse(self, troubles: list[parts.Trouble]) -> None:
        for place, what, fix in troubles:
            raise CatalogueError(f"{self.folder / place.file}: {field_of(place.path)}: {what}; {fix}")


def _bundles(read: _Reader, services: Mapping[str, Service]) -> dict[str, Bundle]:
    """Each with those of its services that there are on this day."""
    found = {}
    for name in read.files:
        if folder_of(name) == BUNDLES and (table := read.table(name)):
            try:
                bundle = shapes.convert(table, Bundle, builtin_types=(date,))
            except msgspec.ValidationError as error:
                raise CatalogueError(f"{read.folder / name}: {error}") from error
            there = tuple(part for part in bundle.parts if part.service in services)
            if there:
                found[bundle.key] = structs.replace(bundle, parts=there)
    return dict(sorted(found.items(), key=lambda entry: (entry[1].order, entry[0])))


def _in_its_line(path: Path, service: Service, lines: Mapping[str, Line]) -> Service:
    """The same with what its line says for it. Raises CatalogueError."""
    if service.line != path.parent.name or service.key != path.stem:
        raise CatalogueError(f"{path}: key and line must match the file's place ({path.parent.name}/{path.stem})")
    line = lines.get(service.line)
    if line is None:
        raise CatalogueError(f"{path}: no line {service.line}; {LINES} has {', '.join(lines)}")
    department, phone = service.department or line.department, service.phone or line.phone
    return structs.replace(service, department=department, phone=phone)


def _lines(path: Path, raw: bytes) -> dict[str, Line]:
    """In their order on the home page."""
    found = _converted(path, raw, dict[str, Line])
    inside = sorted(found.items(), key=lambda entry: (entry[1].order, entry[0]))
    return {key: structs.replace(line, key=key) for key, line in inside}


def _converted(path: Path, raw: bytes, kind: type[T]) -> T:
    try:
        return shapes.convert(_toml(path, raw), kind)
    except msgspec.ValidationError as error:
        raise CatalogueError(f"{path}: {error}") from error


def _toml(path: Path, raw: bytes) -> dict:
    try:
        return parse_toml(path, raw)
    except TomlTrouble as error:
        raise CatalogueError(str(error)) from error


def _tables(folder: Path, name: str, raw: bytes) -> dict[str, Any]:
    try:
        return tables_of(name, raw)
    except TomlTrouble as error:
        raise CatalogueError(f"{folder}/{error}") from error


def version_of(files: Mapping[str, bytes]) -> str:
    """The version of these files. Raises CatalogueError."""
    return str(_toml(Path(HEAD), files[HEAD]).get("version", ""))


def digests_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of every catalogue file by relative path, as a manifest lists them."""
    return {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items() if name != MANIFEST}
