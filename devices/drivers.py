"""Finds driver classes by entry point and turns the ``[devices.<name>]`` tables into what is to be run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

import msgspec

from devices import kinds
from devices.contract import Driver, DriverSettings
from devices.declaration import Declaration

GROUP = "tongban.drivers"


class SettingsError(ValueError):
    """A table that cannot be used; the text is one line that names the key and the fix."""


class Configured(NamedTuple):
    """One device of the configuration."""

    driver: type[Driver]
    settings: DriverSettings
    kind: str
    declaration: Declaration


def load_driver(driver_name: str) -> type[Driver]:
    """The driver class registered under ``driver_name`` in the entry-point group ``tongban.drivers``."""
    installed = _installed(tuple(sys.path))
    entry = installed.get(driver_name)
    if entry is None:
        known = ", ".join(sorted(installed))
        raise SettingsError(f'driver = "{driver_name}" is not installed; installed are: {known or "none"}')
    try:
        return entry.load()
    except (ImportError, AttributeError) as fault:
        raise SettingsError(
            f'driver = "{driver_name}" cannot be loaded ({fault}); reinstall it or choose another'
        ) from None


@cache
def _installed(_path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """By name, the first of each. Looks into everything that is installed; a machine asks for a dozen drivers."""
    return {entry.name: entry for entry in reversed(tuple(entry_points(group=GROUP)))}


def declarations_of(driver: type[Driver]) -> dict[str, Declaration]:
    """By kind, its own kind first; a driver that declares nothing is shown plainly."""
    return {driver.kind: Declaration()} | dict(getattr(driver, "declarations", {}))


def settings_for(name: str, table: Mapping[str, Any]) -> tuple[type[Driver], DriverSettings]:
    """The driver class and the settings that ``[devices.<name>]`` asks for. ``SettingsError`` when it cannot be."""
    where = f"[devices.{name}]"
    if not isinstance(table.get("driver"), str):
        raise SettingsError(f'{where} driver: missing; add driver = "…" with an installed driver\'s name')
    try:
        driver = load_driver(table["driver"])
    except SettingsError as fault:
        raise SettingsError(f"{where} {fault}") from None
    keys = {field.encode_name: field for field in msgspec.structs.fields(driver.Settings)}
    for key in table:
        if key not in keys:
            raise SettingsError(f"{where} {key}: unknown key; remove it or use one of: {', '.join(sorted(keys))}")
    for key, field in keys.items():
        if field.required and key not in table:
            raise SettingsError(f"{where} {key}: missing; add {key} = … to the table")
    try:
        return driver, kinds.convert(dict(table), driver.Settings)
    except msgspec.ValidationError as fault:
        problem, _, path = str(fault).partition(" - at `$.")
        raise SettingsError(f"{where} {path.rstrip('`') or 'table'}: {problem}; correct the value") from None


def configured(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Configured]:
    """Every ``[devices.<name>]`` by name, in the order of the file. ``SettingsError`` when one cannot be."""
    found: dict[str, Configured] = {}
    for name, table in tables.items():
        driver, settings = settings_for(name, table)
        known = declarations_of(driver)
        kind = getattr(settings, "kind", "") or (name if name in known else driver.kind)
        declaration = known[kind]
        other = next((before for before, device in found.items() if device.kind == kind), "")
        if other and declaration.at_most_one:
            kinds = " or ".join(f'"{each}"' for each in known if each != kind)
            fix = f"give one of them kind = {kinds}, or remove one" if kinds else "remove one"
            raise SettingsError(f"[devices.{name}] kind: a second {kind} beside [devices.{other}] is not used; {fix}")
        found[name] = Configured(driver, settings, kind, declaration)
    return found
