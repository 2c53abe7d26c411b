"""Finds driver classes by entry point and turns a ``[devices.<name>]`` table into their typed settings."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

import msgspec

from devices.contract import Driver, DriverSettings

GROUP = "tongban.drivers"


class SettingsError(ValueError):
    """A table that cannot be used; the text is one line that names the key and the fix."""


def load_driver(driver_name: str) -> type[Driver]:
    """The driver class registered under ``driver_name`` in the entry-point group ``tongban.drivers``."""
    found = entry_points(group=GROUP, name=driver_name)
    if not found:
        known = ", ".join(sorted({entry.name for entry in entry_points(group=GROUP)}))
        raise SettingsError(f'driver = "{driver_name}" is not installed; installed are: {known or "none"}')
    entry = next(iter(found))
    try:
        return entry.load()
    except ImportError as fault:
        raise SettingsError(
            f'driver = "{driver_name}" cannot be loaded ({fault}); reinstall it or choose another'
        ) from None


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
        return driver, msgspec.convert(dict(table), driver.Settings)
    except msgspec.ValidationError as fault:
        problem, _, path = str(fault).partition(" - at `$.")
        raise SettingsError(f"{where} {path.rstrip('`') or 'table'}: {problem}; correct the value") from None
