"""What the register holds of made-up people: somebody in every state that a check or a due rule asks about."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from hub.departments.household.city import STANDARD
from kiosk.catalogue.rules import OF_AGE
from kiosk.clock import day_of, full_years, months_later

_MOSTLY = 8
"""So many parts of ten are as usual, so that of several conditions all hold for many."""
_DAYS_OF_PERMIT = (-200, -1, 0, 1, 20, 30, 31, 200)
_MONTHS_HERE = (0, 1, 5, 6, 7, 12, 60)


def records(rng: random.Random, person: dict[str, Any], today: date) -> dict[str, Any]:
    """Records by the names that ``records.py`` reads."""
    card = person["card"]
    age = full_years(day_of(card["birth"]) or today, today)
    found: dict[str, Any] = {
        "resident": _resident(rng, age),
        "id_card": _id_card(rng, age),
        "offences": _mostly(rng, "clear", "record", "sealed", "conflict"),
    }
    if age >= OF_AGE and rng.randrange(4) == 0:
        found["id_case"] = _id_case(rng, card["number"], today)
        if rng.randrange(3) == 0:
            found["temporary_card"] = _temporary_card(rng, card["number"], today)
    if rng.randrange(3):
        found["residence"] = _residence(rng, today)
    if rng.randrange(2):
        found["residence_permit"] = _permit(rng, card["number"], today)
    return found


def _mostly(rng: random.Random, usual: Any, *others: Any) -> Any:
    return usual if rng.randrange(10) < _MOSTLY else rng.choice(others)


def _resident(rng: random.Random, age: int) -> dict[str, Any]:
    return {
        "kind": _mostly(rng, "family", "collective", "entrusted_collective", "restricted_collective"),
        "role": _mostly(rng, "head", "adult") if age >= OF_AGE else "minor",
        "address_kind": _mostly(rng, "standard", "virtual"),
        "is_registered": _mostly(rng, True, False),
        "numbers_held": _mostly(rng, 1, 2),
        "name_can_be_written": _mostly(rng, True, False),
        "fingerprints": age >= OF_AGE and _mostly(rng, True, False),
        "book_state": rng.choice(("valid", "lost", "damaged", "none")),
    }


def _id_card(rng: random.Random, age: int) -> dict[str, Any]:
    has_one = age >= OF_AGE or rng.randrange(2) == 0
    if not has_one:
        return {"times_issued": 0, "state": "none", "valid_to": None}
    return {"times_issued": rng.randint(1, 3), "state": _mostly(rng, "valid", "lost")}


def _id_case(rng: random.Random, number: str, today: date) -> dict[str, Any]:
    return {
        "key": str(uuid5(NAMESPACE_OID, f"id_case {number}")),
        "reason": rng.choice(("expired", "damaged", "lost")),
        "state": rng.choice(("in_work", "ready")),
        "applied_on": today - timedelta(days=rng.randint(1, 50)),
        "valid_to": months_later(today, 240),
    }


def _temporary_card(rng: random.Random, number: str, today: date) -> dict[str, Any]:
    issued = today - timedelta(days=rng.choice((1, 30, 120)))
    return {
        "key": str(uuid5(NAMESPACE_OID, f"temporary_card {number}")),
        "issued_on": issued,
        "valid_to": months_later(issued, 3),
    }


def _residence(rng: random.Random, today: date) -> dict[str, Any]:
    return {
        "address": rng.choice(STANDARD),
        "since": months_later(today, -rng.choice(_MONTHS_HERE)),
        "state": _mostly(rng, "registered", "ended"),
    }


def _permit(rng: random.Random, number: str, today: date) -> dict[str, Any]:
    return {
        "number": number,
        "state": _mostly(rng, "normal", "suspended", "cancelled"),
        "valid_to": today + timedelta(days=rng.choice(_DAYS_OF_PERMIT)),
        "still_resident": _mostly(rng, True, False),
        "address": rng.choice(STANDARD),
    }
