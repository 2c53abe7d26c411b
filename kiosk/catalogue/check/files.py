"""The files of a catalogue one by one, as they are today and on each later day on which something of them changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path as FilePath
from typing import Any

import msgspec

from kiosk import shapes
from kiosk.catalogue import parts
from kiosk.catalogue.check.bundles import bundle_findings
from kiosk.catalogue.check.places import Places
from kiosk.catalogue.check.services import Around, service_findings
from kiosk.catalogue.check.shape import MISSING, known_type, service_shape, shape, without
from kiosk.catalogue.check.steps import step_findings
from kiosk.catalogue.check.texts import Texts
from kiosk.catalogue.finding import Fault, Finding, Origin, Path, Place, field_of, one_of, unreadable
from kiosk.catalogue.kinds import TypeOf, service_of
from kiosk.catalogue.model import Bundle, KnownFact, Service
from kiosk.catalogue.parts import Unfolded
from kiosk.catalogue.reading import Reading
from kiosk.toml_file import TomlTrouble, tables_of

_ENDS = (b"valid_to", b"\\u", b"\\U", b"\\x")
"""Without one of them in a file no rule of it has a last day: the letters of a key can be written with escapes."""


class File:
    """One file: its tables, and what is said of them. ``origin``: where they were written, when not in it."""

    def __init__(self, name: str, raw: bytes, origin: Origin | None = None) -> None:
        self.name = name
        self._may_end = any(mark in raw for mark in _ENDS)
        self._origin = origin or Origin({(): Place(name)}, {name: raw}, name)
        self.table: dict[str, Any] = {}
        self.found: list[Fault] = []
        self._places: dict[str, Places] = {}
        self.is_readable = True
        """It is TOML at all."""
        try:
            self.table = tables_of(name, raw)
        except TomlTrouble as error:
            self._unreadable(str(error).removeprefix(f"{name}: "))

    def say(self, *findings: Finding) -> None:
        """Each with its line."""
        for finding in findings:
            file, path = self._origin.of(finding.path)
            _, what, fix = self._hinted(finding)
            line = self._places_in(file).line(path) if self.is_readable else 1
            self.found.append(Fault(file, line, field_of(path), what, fix))

    def _hinted(self, finding: Finding) -> Finding:
        """Who adds half an entry meant to change one that has another name."""
        hint = self._origin.added.get(finding.path[:-1])
        if hint is None or finding.what != MISSING:
            return finding
        what = f"{MISSING}, and there is no {hint.called!r} to take it from"
        return finding._replace(what=what, fix=f"{one_of(hint.known, hint.called)}; or add it")

    def is_own(self, path: Path) -> bool:
        """Whether this was written in the file itself, or by the city whose overlay it comes of."""
        return self._origin.of(path).file == self._origin.own

    def _places_in(self, file: str) -> Places:
        if file not in self._places:
            self._places[file] = Places(self._origin.raws[file].decode("utf-8-sig"))
        return self._places[file]

    def say_what_never_holds(self) -> None:
        """Of rules whose last day is before their first: on no day would anybody read them."""
        if self._may_end:
            self.say(*_never(self.table, ()))

    def read(self, kind: Any) -> Any:
        """The file as its type, as far as it can be; None when it cannot."""
        if not self.is_readable:
            return None
        wrong = list(shape(self.table, kind))
        self.say(*wrong)
        try:
            return shapes.convert(without(self.table, wrong), kind)
        except msgspec.ValidationError:
            return None

    def _unreadable(self, trouble: str) -> None:
        self.is_readable = False
        self.found.append(unreadable(self.name, trouble))


class Judge:
    """Says of each file what is wrong with it; of what it uses, in the file of the part."""

    def __init__(self, opened: Mapping[str, File], reading: Reading, type_of: TypeOf, day: date) -> None:
        self._opened, self._type_of, self._day = opened, type_of, day
        self._reading = reading
        self.texts = Texts()
        self._used: set[parts.Name] = set()
        self._said: set[parts.Trouble] = set()

    def service(self, name: str, around: Around | None) -> Service | None:
        """The service of a file as far as it can be read, today's or the first to come. ``around`` None: unknown."""
        found = None
        for day, unfolded in self._days(name):
            service, wrong = self._read(unfolded)
            found = found or service
            if service is not None and around is not None:
                wrong += service_findings(service, around)
                wrong += step_findings(service, around.department(service), around.facts(service))
            # Of one that cannot be read nobody knows which facts it may name.
            table = {key: part for key, part in unfolded.table.items() if (service and around) or key != "due"}
            filled: dict[Path, Mapping[str, KnownFact]] = (
                {("due", "reason"): around.facts(service)} if service and around else {}
            )
            wrong += self.texts.findings(table, filled)
            self._say(unfolded, wrong, day)
        return found

    def _read(self, unfolded: Unfolded) -> tuple[Service | None, list[Finding]]:
        """The service of a table, without what is not as its types want it, and that. What is right is read once."""
        try:
            return self._reading.service(unfolded, self._type_of), []
        except msgspec.ValidationError:
            table = unfolded.table
            wrong = list(service_shape(table, self._type_of))
        try:
            return service_of(without(table, wrong), partial(known_type, self._type_of)), wrong
        except msgspec.ValidationError:
            return None, wrong

    def bundle(self, name: str, around: Around, services: Mapping[str, Service]) -> None:
        """The same for a bundle of these services."""
        for day, unfolded in self._days(name):
            wrong = list(shape(unfolded.table, Bundle))
            try:
                bundle = shapes.convert(without(unfolded.table, wrong), Bundle, builtin_types=(date,))
                wrong += bundle_findings(bundle, FilePath(name).stem, services, around)
            except msgspec.ValidationError:
                pass
            self._say(unfolded, [*wrong, *self.texts.findings(unfolded.table)], day)

    def parts(self) -> None:
        """What is wrong with the parts themselves, and with those that nothing uses."""
        for place, what, fix in self._reading.parts.troubles:
            self._opened[place.file].say(Finding(place.path, what, fix))
        for name, place in self._reading.parts.places.items():
            # What a city no longer uses of the catalogue's parts may stay there.
            if name not in self._used and self._opened[place.file].is_own(place.path):
                self._opened[place.file].say(Finding(place.path, "is used by nothing", "use it, or remove it"))

    def _days(self, name: str) -> Iterator[tuple[date, Unfolded]]:
        if not self._opened[name].is_readable:
            return
        whole = self._reading.whole(name)
        self._used |= whole.used
        if whole.is_so_on(self._day):
            yield self._day, whole
        for day in [*([] if whole.is_so_on(self._day) else [self._day]), *whole.changes_after(self._day)]:
            unfolded = self._reading.on(name, day)
            if unfolded.holds:
                yield day, unfolded

    def _say(self, unfolded: Unfolded, findings: list[Finding], day: date) -> None:
        """Once each; what begins later with its day, what stands in a part with who uses it."""
        found = [*unfolded.troubles, *(parts.Trouble(unfolded.place(path), *said) for path, *said in findings)]
        for trouble in found:
            if trouble not in self._said:
                self._said.add(trouble)
                place, what, fix = trouble
                later = f" (from {day} on)" if day > self._day else ""
                where = "" if place.file == unfolded.file else f" (as {unfolded.file} uses it)"
                self._opened[place.file].say(Finding(place.path, f"{what}{where}{later}", fix))


def _never(part: Any, path: Path) -> Iterator[Finding]:
    if isinstance(part, dict):
        first, last = part.get("valid_from"), part.get("valid_to")
        if type(first) is date and type(last) is date and first > last:
            yield Finding((*path, "valid_to"), "is before valid_from: it never holds", "swap them, or remove it")
    for key, each in part.items() if isinstance(part, dict) else enumerate(part):
        if isinstance(each, (dict, list)):
            yield from _never(each, (*path, key))
