"""What traffic holds of made-up people: somebody in every state that a check or a due rule asks about."""

from __future__ import annotations

import random
import tomllib
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from kiosk.catalogue.rules import OF_AGE
from kiosk.clock import day_of, full_years, months_later

_WORDS = Path(__file__).with_name("population.toml")
_OLD = 70
_MOSTLY = 8
"""So many parts of ten are as usual, so that of several conditions all hold for many."""
_STATES = (
    *("overdue", "unreviewed", "seized", "withheld", "suspended", "full_points", "locked", "stopped"),
    *("moved_out", "cancelled", "recoverable", "revoked", "withdrawn"),
)
_DAYS_OF_LICENCE = (-400, -300, -1, 0, 30, 60, 89, 90, 91, 400, 2000)
_DAYS_OF_MEDICAL = (-400, -20, 0, 15, 29, 30, 31, 200)
_YEARS_OF_CAR = (1, 3, 5, 7, 9, 12)
_SUBJECTS = 3


def records(rng: random.Random, person: dict[str, Any], today: date) -> dict[str, Any]:
    """Records by the names that ``records.py`` reads."""
    card = person["card"]
    number, age = card["number"], full_years(day_of(card["birth"]) or today, today)
    if age < OF_AGE or rng.randrange(12) == 0:
        return {}
    found: dict[str, Any] = {}
    if rng.randrange(10) < 9:
        found |= _driver(rng, age, today)
    if rng.randrange(10) < 2:
        ends = today + timedelta(days=rng.choice((-1, 300)))
        found["learner"] = {"class": "D", "valid_to": ends, "subject": 1 + int(number[-4:-1]) % _SUBJECTS}
    if rng.randrange(10) == 0:
        found["booking"] = [{"key": _key(number), "what": "subject_2", "booked_on": today}]
    if rng.randrange(10) < 6:
        found["vehicle"] = [
            _car(rng, number, today),
            *([_new_car(rng, number, today)] if rng.randrange(4) == 0 else []),
        ]
    return found


def _mostly(rng: random.Random, usual: Any, *others: Any) -> Any:
    return usual if rng.randrange(10) < _MOSTLY else rng.choice(others)


def _key(number: str) -> str:
    return f"99000000-0000-4000-8000-{number[5:17]}"


def _driver(rng: random.Random, age: int, today: date) -> dict[str, Any]:
    kind = rng.choice(("C1", "C1", "C1", "C2", "C1E", "C5", "B2"))
    licence: dict[str, Any] = {
        "class": kind,
        "state": _mostly(rng, "normal", *_STATES),
        "file_number": f"9901{rng.randrange(10**8):08}",
        "expires_on": today + timedelta(days=rng.choice(_DAYS_OF_LICENCE)),
        "points": _mostly(rng, rng.choice((0, 0, 1, 3)), 6, 9, 11, 12),
        "moved_out": _mostly(rng, False, False, True),
        "postponed_to": _mostly(rng, None, today + timedelta(days=200)),
    }
    if rng.randrange(10):
        licence["medical_on"] = months_later(today, -_mostly(rng, 2, 5, 7, 14))
    if age >= _OLD or kind == "C5":
        licence["medical_due_on"] = today + timedelta(days=rng.choice(_DAYS_OF_MEDICAL))
    found: dict[str, Any] = {"licence": licence}
    if age >= _OLD:
        scores = rng.choice(([], [95], [80, 92], [50, 60, 70, 80, 85]))
        days = [date(today.year, 1, 1) + timedelta(days=at) for at in range(len(scores))]
        found["ability_test"] = [{"taken_on": day, "score": score} for day, score in zip(days, scores, strict=True)]
    studies = _mostly(rng, 0, 1, 3)
    found["full_point_study"] = [{"passed_on": months_later(today, -12 * each - 2)} for each in range(studies)]
    if rng.randrange(10) == 0:
        found["accident"] = [{"number": f"A{licence['file_number']}", "happened_on": today, "is_settled": False}]
    return found


def _car(rng: random.Random, number: str, today: date) -> dict[str, Any]:
    years = rng.choice(_YEARS_OF_CAR)
    due = today + timedelta(days=rng.choice((-10, 20, 60, 85, 200, 700)))
    kind = _mostly(rng, "small_car", "small_nev", "van", "motorcycle", "large_bus", "trailer")
    return {
        "vin": f"LT{number[2:17]}",
        "plate": _words()["trailer_plate" if kind == "trailer" else "plate"].format(digits=number[8:17]),
        "kind": kind,
        "used": _mostly(rng, "private", "commercial"),
        "state": _mostly(rng, "normal", "sealed", "mortgaged", "scrapped"),
        "registered_on": months_later(due, -12 * (years + 1)),
        "inspection_due_on": due,
        "label_to": due,
        "insured_to": today + timedelta(days=_mostly(rng, 200, -3)),
        "tax_paid": _mostly(rng, True, False),
        "is_barred": _mostly(rng, False, True),
        "violation": [_violation(rng, number, at, today) for at in range(_mostly(rng, 0, 1, 2, 3))],
    }


def _violation(rng: random.Random, number: str, at: int, today: date) -> dict[str, Any]:
    day = today - timedelta(days=rng.randint(2, 90))
    seen = {
        **rng.choice(_words()["act"]),
        "number": f"{number[2:17]}{at}",
        "at": datetime.combine(day, time(8, 12)),
        "place": _words()["place"].format(n=1 + at),
        "source": _mostly(rng, "traffic", "city"),
    }
    if rng.randrange(3) == 0:
        decided = {"driver": number, "decision_number": f"9{number[3:17]}"[:14] + str(at), "decided_on": day}
        return {**seen, **decided}
    return seen


def _new_car(rng: random.Random, number: str, today: date) -> dict[str, Any]:
    plates = rng.choice((0, 0, 1, 3))
    days = {"issued_on": today - timedelta(days=40), "valid_to": today - timedelta(days=10)}
    at = int(number[14:17]) % 8
    chosen = [{"number": _words()["chosen"].format(digits=number[8:17]), "kept_to": today + timedelta(days=9)}]
    return {
        "vin": f"LN{number[2:17]}",
        "state": _mostly(rng, "normal", "stolen", "recalled"),
        "insured_to": today + timedelta(days=_mostly(rng, 300, -1)),
        "kind": "motorcycle" if at == 1 else "small_nev" if at == 2 else "small_car",
        "purchase_tax_paid": at != 3,
        "plate_number": chosen if at == 4 else [],
        "temporary_plate": [{"number": f"{number[3:17]}{at}", **days} for at in range(plates)],
    }


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(_WORDS.read_text("utf-8"))
