"""Every mistake of a catalogue at once, each with its file, line, field and fix.

A machine and a hub start with no other: a mistake is found by its author, not by whoever stands before the page.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from kiosk.catalogue.check.filed import WORD, is_word
from kiosk.catalogue.check.files import File, Judge
from kiosk.catalogue.check.public import is_phone
from kiosk.catalogue.check.services import Around, icon_findings
from kiosk.catalogue.finding import NAMED, Fault, Finding, Origin, is_name, one_of
from kiosk.catalogue.kinds import TypeOf, spec_type
from kiosk.catalogue.loader import (
    BUNDLES,
    DEPARTMENTS,
    DIVISIONS,
    HEAD,
    LINES,
    MANIFEST,
    CatalogueError,
    folder_of,
    is_service,
)
from kiosk.catalogue.model import Data, KnownDepartment, Line, Service
from kiosk.catalogue.reading import Reading, reading_of
from kiosk.clock import today_here
from kiosk.text import Text

_AS_THEY_ARE: Mapping[str, Origin] = {}
_LIGHTEST = 0.13
"""Relative luminance (WCAG 2.2): white words, and pale ones of second rank, stand out 4.5 : 1 on a line's colour."""


class Head(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``catalogue.toml``."""

    version: str
    complaint_phone: str
    help_phone: str


def require_clean(
    folder: Path,
    files: Mapping[str, bytes],
    type_of: TypeOf = spec_type,
    day: date | None = None,
    origins: Mapping[str, Origin] = _AS_THEY_ARE,
) -> None:
    """Refuses a catalogue with mistakes: one line that names the first. Raises CatalogueError.

    ``type_of`` as in ``loader.load``: a hub, which has no step kinds, leaves their own data to who signs. ``origins``
    as in ``faults``.
    """
    refuse(folder, faults(files, type_of, day, origins), is_named=bool(origins))


def refuse(folder: Path, found: Sequence[Fault], *, is_named: bool = False) -> None:
    """Raises CatalogueError when there are mistakes. ``is_named``: their files are named with their folders."""
    if found:
        more = f" (and {len(found) - 1} more: kiosk catalogue check {folder})" if len(found) > 1 else ""
        raise CatalogueError(f"{'' if is_named else f'{folder}/'}{found[0]}{more}")


def faults(
    files: Mapping[str, bytes],
    type_of: TypeOf = spec_type,
    day: date | None = None,
    origins: Mapping[str, Origin] = _AS_THEY_ARE,
) -> list[Fault]:
    """What is wrong in a catalogue's files, by file and line: as they are on ``day`` (today) and on each later one.

    A catalogue without mistakes today has none tomorrow. ``origins``: where they were written, when not in these files.
    """
    with _uncollected():
        opened = {name: File(name, raw, origins.get(name)) for name, raw in files.items() if name != MANIFEST}
        return sorted(_faults(opened, reading_of(files), type_of, day or today_here()))


@contextmanager
def _uncollected() -> Iterator[None]:
    """While a large tree grows that stays, the collector would look through it again and again, and find nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _faults(opened: Mapping[str, File], reading: Reading, type_of: TypeOf, day: date) -> Iterator[Fault]:
    heads = {HEAD: Head, LINES: dict[str, Line], DEPARTMENTS: dict[str, KnownDepartment]}
    for name in heads.keys() - opened.keys():
        yield Fault(name, 1, "", "no such file", "copy it from the catalogue that comes with the program")
    head, lines, departments = (opened[name].read(kind) if name in opened else None for name, kind in heads.items())
    divisions = opened[DIVISIONS].read(dict[str, Text]) if DIVISIONS in opened else {}
    around = Around(lines or {}, departments or {}, divisions)
    judge = Judge(opened, reading, type_of, day)
    is_known = lines is not None and departments is not None
    services = {name: judge.service(name, around if is_known else None) for name in filter(is_service, opened)}
    if divisions:
        opened[DIVISIONS].say(*_division_findings(divisions))
    if head is not None:
        opened[HEAD].say(*_head_findings(head))
    if is_known:
        opened[LINES].say(*_line_findings(around, {folder_of(name) for name in services}))
        opened[LINES].say(*_group_findings(around, {Path(name).stem: folder_of(name) for name in services}))
        opened[DEPARTMENTS].say(*_fact_findings(around))
    first: dict[str, str] = {}
    for name, service in sorted(services.items()):
        if service is not None and is_known:
            opened[name].say(*_place_findings(name, service, first.setdefault(service.key, name)))
    keys = {service.key: service for service in services.values() if service}
    for name in (name for name in opened if folder_of(name) == BUNDLES):
        judge.bundle(name, around, keys)
    judge.parts()
    for name, file in opened.items():
        file.say_what_never_holds()
        if not folder_of(name):
            file.say(*judge.texts.findings(file.table))
            if name not in (*heads, DIVISIONS):
                file.say(Finding((), "belongs to nothing", f"{one_of(heads, name)}, or a service in its line's folder"))
        yield from file.found


def _head_findings(head: Head) -> Iterator[Finding]:
    month = re.fullmatch(r"20[0-9]{2}\.([0-9]{2})(?:[^0-9].*)?", head.version)
    if month and not 1 <= int(month[1]) <= 12:
        yield Finding(("version",), f"{head.version!r} names no month", "write one like 2027.02, and count it up")
    if not re.search("[0-9]", head.version):
        yield Finding(("version",), f"{head.version!r} counts nothing", "write one like 2027.02, and count it up")
    if not is_word(head.version):
        said = "no case can say which catalogue it was filed by"
        yield Finding(("version",), said, f"write one like 2027.02: {WORD}")
    for name in ("complaint_phone", "help_phone"):
        if not is_phone(getattr(head, name)):
            yield Finding((name,), "no telephone number", "write the one that people can call")


def _division_findings(divisions: Mapping[str, Text]) -> Iterator[Finding]:
    for code in divisions:
        if not re.fullmatch("[0-9]{6}(?:[0-9]{3}){0,2}", code):
            yield Finding((code,), f"{code!r} is no code of a division", "write 6, 9 or 12 digits")


def _place_findings(name: str, service: Service, first: str) -> Iterator[Finding]:
    folder, _, stem = name.removesuffix(".toml").rpartition("/")
    if service.line != folder:
        yield Finding(("line",), f"{service.line!r} stands in the folder {folder}", f"write {folder!r}, or move it")
    if service.key != stem:
        yield Finding(("key",), f"{service.key!r} stands in the file {stem}.toml", f"write {stem!r}, or rename it")
    if first != name:
        yield Finding(("key",), f"{service.key!r} is the key of {first} too", "give each its own")


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


def _group_findings(around: Around, line_of: Mapping[str, str]) -> Iterator[Finding]:
    """Of how a line's page is divided. ``line_of``: the line of each service."""
    for key, line in around.lines.items():
        if line.phone and not is_phone(line.phone):
            yield Finding((key, "phone"), "no telephone number", "write the one that people can call")
        seen: set[str] = set()
        for number, group in enumerate(line.groups):
            if not group.services:
                yield Finding((key, "groups", number, "services"), "has no service", "name one, or remove the group")
            for at, service in enumerate(group.services):
                place = (key, "groups", number, "services", at)
                if line_of.get(service) != key:
                    own = [name for name, its in line_of.items() if its == key]
                    yield Finding(place, f"{service!r} is no service of this line", one_of(own, service))
                elif service in seen:
                    yield Finding(place, f"{service} stands there twice", "name it once")
                seen.add(service)


def _fact_findings(around: Around) -> Iterator[Finding]:
    for key, department in around.departments.items():
        for name, fact in department.facts.items():
            if not is_name(name):
                yield Finding((key, "facts", name), f"{name!r} is no name of a fact", NAMED)
            if fact.most is not None and fact.least > fact.most:
                yield Finding((key, "facts", name, "least"), "more than most: no number fits", "correct one of them")


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
