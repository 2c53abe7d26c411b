"""The synthetic people as the bench shows them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from kiosk.text import text


class Person(msgspec.Struct, frozen=True):
    """One synthetic person: what a visitor needs to choose whom to play."""

    id: str
    name: str
    kind: str
    birth_year: str
    about_zh: str
    about_en: str
    staff: str
    pin: str
    portrait: Path


def people_of(file: Path) -> list[Person]:
    """The people of the file, in its order. Raises OSError and tomllib.TOMLDecodeError."""
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    return [_person(entry, file.parent) for entry in table["person"]]


def _person(entry: dict[str, Any], folder: Path) -> Person:
    card = entry["card"]
    about = _about(entry)
    return Person(
        id=entry["id"],
        name=card["name"],
        kind=card["kind"],
        birth_year=str(card["birth"])[:4],
        about_zh=about[0],
        about_en=about[1],
        staff=entry.get("staff", ""),
        pin=str(entry.get("pin", "")),
        portrait=folder / entry.get("photo", f"{entry['id']}.webp"),
    )


def _about(entry: dict[str, Any]) -> tuple[str, str]:
    try:
        words = text(f"bench.person.{entry['id']}")
    except KeyError:  # a person that the file has and our texts do not: the file's own note serves both
        return entry.get("about", ""), entry.get("about", "")
    return words.zh, words.en
