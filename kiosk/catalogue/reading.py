"""The files of a catalogue, read once: each file's tables with the parts in their places, and the service they are.

Who judges a catalogue, loads it and goes on with it the next day reads the same files; what is so on all these days is
put together once for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property, lru_cache
from typing import Any

from kiosk.catalogue.kinds import TypeOf, service_of
from kiosk.catalogue.model import Service
from kiosk.catalogue.parts import FOLDER, Parts, Unfolded
from kiosk.toml_file import TomlTrouble, tables_of

_MOST_KEPT = 2
"""The catalogue in force, and the one that comes after it."""


class Reading:
    """Files by relative path. Nobody changes what is given out."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._whole: dict[str, Unfolded] = {}
        self._services: dict[tuple[str, TypeOf], Service] = {}

    def tables(self, name: str) -> dict[str, Any]:
        """As they stand in the file. Raises TomlTrouble."""
        return tables_of(name, self._files[name])

    @cached_property
    def parts(self) -> Parts:
        """Those of all files that are TOML."""
        found = {}
        for name in self._files:
            if name.startswith(f"{FOLDER}/"):
                try:
                    found[name] = self.tables(name)
                except TomlTrouble:
                    continue
        return Parts(found)

    def whole(self, name: str) -> Unfolded:
        """A file with all parts in their places, whatever its days. Raises TomlTrouble."""
        if name not in self._whole:
            self._whole[name] = Unfolded(name, self.tables(name), self.parts, None)
        return self._whole[name]

    def on(self, name: str, day: date) -> Unfolded:
        """The same without what does not hold on this day. Raises TomlTrouble."""
        whole = self.whole(name)
        return whole if whole.is_so_on(day) else Unfolded(name, self.tables(name), self.parts, day)

    def service(self, unfolded: Unfolded, type_of: TypeOf) -> Service:
        """The service of a file that was read here. Raises msgspec.ValidationError naming the place."""
        if unfolded is not self._whole.get(unfolded.file):
            return service_of(unfolded.table, type_of)
        key = (unfolded.file, type_of)
        if key not in self._services:
            self._services[key] = service_of(unfolded.table, type_of)
        return self._services[key]


def reading_of(files: Mapping[str, bytes]) -> Reading:
    """Of these files; the same again for who comes with the same."""
    return _reading(tuple(files.items()))


@lru_cache(maxsize=_MOST_KEPT)
def _reading(files: tuple[tuple[str, bytes], ...]) -> Reading:
    return Reading(dict(files))


def forget_readings() -> None:
    """What comes next is read anew."""
    _reading.cache_clear()
