"""What differs between two catalogues, as whoever signs the newer one reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from kiosk.catalogue.finding import Path, field_of
from kiosk.catalogue.model import Catalogue

_IDS = ("id", "key", "name", "service")
_NOTHING: tuple[Any, ...] = (None, "", [], {})
"""What a kind of step says by default of what another does not know at all."""


def differences(old: Catalogue, new: Catalogue) -> Iterator[str]:
    """One line each: ``T01 fees[0].amount_fen: 1000 → 1500``."""
    if old.version != new.version:
        yield f"version: {old.version} → {new.version}"
    for what in ("lines", "departments", "services", "bundles"):
        before, after = getattr(old, what), getattr(new, what)
        for key in sorted(before.keys() | after.keys()):
            if key not in after:
                yield f"{key}: is gone"
            elif key not in before:
                yield f"{key}: is new"
            elif before[key] != after[key]:
                yield from (f"{key} {said}" for said in _of(_plain(before[key]), _plain(after[key]), ()))


def _plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def _of(old: Any, new: Any, path: Path) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _of(old.get(key), new.get(key), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _of(before, after, (*path, number))
    elif isinstance(old, list) and isinstance(new, list):
        gone = {number: each for number, each in enumerate(old) if each not in new}
        come = [each for each in new if each not in old]
        for number, before in gone.items():
            after = next((each for each in come if _name(each) and _name(each) == _name(before)), None)
            if after is None:
                yield f"{field_of(path)}: without {_short(before)}"
            else:
                come.remove(after)
                yield from _of(before, after, (*path, number))
        yield from (f"{field_of(path)}: with {_short(each)}" for each in come)
    elif old != new and (old not in _NOTHING or new not in _NOTHING):
        yield f"{field_of(path)}: {_short(old)} → {_short(new)}"


def _name(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    return next((value[name] for name in (*_IDS, "kind") if isinstance(value.get(name), str)), "")


def _short(value: Any) -> str:
    """What a table is known by; else as it reads, cut."""
    value = _name(value) or value
    said = "nothing" if value is None else str(value)
    return said if len(said) <= 80 else f"{said[:77]}…"
