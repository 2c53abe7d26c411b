"""Every mistake of a catalogue at once, each with its file, line, field and fix.

A machine and a hub start with no other: a mistake is found by its author, not by whoever stands before the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from kiosk.catalogue.check.places import Places
from kiosk.catalogue.check.services import Around, icon_findings, service_findings
from kiosk.catalogue.check.shape import known_type, service_shape, shape, without
from kiosk.catalogue.check.steps import step_findings
from kiosk.catalogue.check.texts import text_findings
from kiosk.catalogue.finding import Fault, Finding, field_of, one_of
from kiosk.catalogue.kinds import TypeOf, service_of, spec_type
from kiosk.catalogue.loader import DEPARTMENTS, HEAD, LINES, MANIFEST, CatalogueError, parse, read_folder
from kiosk.catalogue.model import Catalogue, Data, KnownDepartment, Line, Service
from kiosk.toml_file import TomlTrouble, parse_toml

_LIGHTEST = 0.13
"""Relative luminance (WCAG 2.2): white words, and pale ones of second rank, stand out 4.5 : 1 on a line's colour."""


class Head(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``catalogue.toml``."""

    version: str
    complaint_phone: str
    help_phone: str


def require_clean(folder: Path, files: Mapping[str, bytes], type_of: TypeOf = spec_type) -> None:
    """Refuses a catalogue with mistakes: one line that names the first. Raises CatalogueError.

    ``type_of`` as in ``loader.load``: a hub, which has no step kinds, leaves their own data to who signs.
    """
    found = faults(files, type_of)
    if found:
        more = f" (and {len(found) - 1} more: kiosk catalogue check {folder})" if len(found) > 1 else ""
        raise CatalogueError(f"{folder}/{found[0]}{more}")


def load_clean(folder: Path) -> Catalogue:
    """The catalogue of a folder without mistakes. Raises CatalogueError."""
    files = read_folder(folder)
    require_clean(folder, files)
    return parse(folder, files)


def faults(files: Mapping[str, bytes], type_of: TypeOf = spec_type) -> list[Fault]:
    """What is wrong in a catalogue's files, by file and line."""
    return sorted(_faults({name: raw for name, raw in files.items() if name != MANIFEST}, type_of))


class _File:
    """One file: its tables, and what is said of them."""

    def __init__(self, name: str, raw: bytes) -> None:
        self.name = name
        self.table: dict[str, Any] = {}
        self.trouble = ""
        try:
            self.table = parse_toml(Path(name), raw)
        except TomlTrouble as error:
            self.trouble = str(error).removeprefix(f"{name}: ")
        self._places = Places("" if self.trouble else raw.decode("utf-8-sig"))
        self.found: list[Fault] = []

    def say(self, *findings: Finding) -> None:
        for path, what, fix in findings:
            self.found.append(Fault(self.name, self._places.line(path), field_of(path), what, fix))

    def read(self, kind: Any, type_of: TypeOf = spec_type) -> Any:
        """The file as its type, as far as it can be; None when it cannot."""
        if self.trouble:
            line = re.search(r"line (\d+)", self.trouble)
            what, _, fix = self.trouble.rpartition("; ")
            self.found.append(Fault(self.name, int(line[1]) if line else 1, "", what or fix, fix))
            return None
        wrong = list(service_shape(self.table, type_of) if kind is Service else shape(self.table, kind))
        self.say(*wrong)
        try:
            rest = without(self.table, wrong)
            return service_of(rest, partial(known_type, type_of)) if kind is Service else msgspec.convert(rest, kind)
        except msgspec.ValidationError:
            return None


def _faults(files: Mapping[str, bytes], type_of: TypeOf) -> Iterator[Fault]:
    opened = {name: _File(name, raw) for name, raw in files.items()}
    heads = {HEAD: Head, LINES: dict[str, Line], DEPARTMENTS: dict[str, KnownDepartment]}
    for name in heads.keys() - opened.keys():
        yield Fault(name, 1, "", "no such file", "copy it from the catalogue that comes with the program")
    head, lines, departments = (opened[name].read(kind) if name in files else None for name, kind in heads.items())
    around = Around(lines or {}, departments or {})
    services = {name: file.read(Service, type_of) for name, file in opened.items() if "/" in name}
    if head is not None:
        opened[HEAD].say(*_head_findings(head))
    if lines is not None and departments is not None:
        opened[LINES].say(*_line_findings(around, {name.partition("/")[0] for name in services}))
    for name, service in services.items():
        file = opened[name]
        if service is not None and lines is not None and departments is not None:
            file.say(*_place_findings(name, service, services))
            file.say(
                *service_findings(service, around),
                *step_findings(service, around.department(service), around.facts(service)),
            )
    for name, file in opened.items():
        service = services.get(name)
        # Of one that cannot be read nobody knows which facts it may name.
        table = {key: part for key, part in file.table.items() if service or key != "due"}
        file.say(*text_findings(table, {("due", "reason"): around.facts(service)} if service else {}))
        if "/" not in name and name not in heads:
            file.say(Finding((), "belongs to nothing", f"{one_of(heads, name)}, or a service in its line's folder"))
        yield from file.found


def _head_findings(head: Head) -> Iterator[Finding]:
    if not re.search("[0-9]", head.version):
        yield Finding(("version",), f"{head.version!r} counts nothing", "write one like 2027.02, and count it up")
    for name in ("complaint_phone", "help_phone"):
        if not re.search("[0-9]{3}", getattr(head, name)):
            yield Finding((name,), "no telephone number", "write the one that people can call")


def _place_findings(name: str, service: Service, services: Mapping[str, Service | None]) -> Iterator[Finding]:
    folder, _, stem = name.removesuffix(".toml").rpartition("/")
    if service.line != folder:
        yield Finding(("line",), f"{service.line!r} stands in the folder {folder}", f"write {folder!r}, or move it")
    if service.key != stem:
        yield Finding(("key",), f"{service.key!r} stands in the file {stem}.toml", f"write {stem!r}, or rename it")
    twins = [other for other, each in services.items() if each and each.key == service.key and other < name]
    if twins:
        yield Finding(("key",), f"{service.key!r} is the key of {twins[0]} too", "give each its own")


def _line_findings(around: Around, used: set[str]) -> Iterator[Finding]:
    named = {line.department for line in around.lines.values()}
    for key, line in around.lines.items():
        for path, what, fix in icon_findings(line.icon):
            yield Finding((key, *path), what, fix)
        if not re.fullmatch("#[0-9A-Fa-f]{6}", line.colour):
            yield Finding((key, "colour"), f"{line.colour!r} is no colour", 'write "#1447B8"')
        elif _luminance(line.colour) > _LIGHTEST:
            yield Finding((key, "colour"), "white words cannot be read on it", "take a darker one")
        if line.department and line.department not in around.departments:
            fix = f"{one_of(around.departments, line.department)} (departments.toml)"
            yield Finding((key, "department"), f"no department {line.department!r}", fix)
        if key not in used:
            yield Finding((key,), "has no service", f"put one into the folder {key}, or remove the line")
    if not any(named):
        yield Finding((), "no line has a department", 'add department = "…" to those that have one')


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
