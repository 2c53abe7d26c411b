"""The exit-entry records of the made-up population: on both sides of every rule."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from kiosk.clock import LOCAL, full_years, months_later

_LETTERS = {"passport": "E", "hk_macao_permit": "C", "taiwan_permit": "L"}
_DAYS_LEFT = (-300, -1, 0, 60, 92, 150, 182, 183, 900, 3000)
_STATES = ("valid",) * 8 + ("lost", "void")
_NAMES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_SCHOOL, _ADULT = 6, 16
_CHILDS_DAYS = 5 * 365


def records(rng: random.Random, person: Mapping[str, Any], today: date) -> dict[str, Any]:
    """``documents`` and ``exit_entry`` of one person. Few children have one, some have nothing at all."""
    number, age = person["card"]["number"], full_years(date.fromisoformat(person["card"]["birth"]), today)
    kinds = [kind for kind in _LETTERS if rng.random() < (0.7 if age >= _ADULT else 0.4) and age >= _SCHOOL]
    days_left = _DAYS_LEFT if age >= _ADULT else tuple(days for days in _DAYS_LEFT if days <= _CHILDS_DAYS)
    own: dict[str, Any] = {"person": _person(rng, number), "bars": _bars(rng)}
    if rng.random() < 0.3:
        own["firm"] = {**_NAMES["firm"], "recorded_to": months_later(today, 6)}
    if rng.random() < 0.4:
        own["crossings"] = _journey(rng, today)
    own["ordered"] = _ordered(rng, today)
    return {"documents": [_document(rng, kind, number, today, days_left) for kind in kinds], "exit_entry": own}


def _person(rng: random.Random, number: str) -> dict[str, Any]:
    is_here = number.startswith("9901")
    return {
        "household": "home" if is_here else rng.choice(("province", "other_province")),
        "open_city": rng.random() < 0.7,
        "city_right": rng.choice(("none", "none", "none", "shenzhen", "zhuhai", "hengqin")),
        "endorsed_here": rng.random() < 0.5,
        "identity_changed": rng.random() < 0.05,
        "fingerprints_taken": rng.random() > 0.05,
    }


def _bars(rng: random.Random) -> list[str]:
    return [bar for bar in ("official", "military", "exit") if rng.random() < 0.04]


def _document(rng: random.Random, kind: str, number: str, today: date, days_left: tuple[int, ...]) -> dict[str, Any]:
    days = rng.choice(days_left)
    found = {
        "kind": kind,
        "number": f"{_LETTERS[kind]}98{number[6:8]}{number[-6:-2]}{rng.randrange(10_000):04}",
        "expires_on": today + timedelta(days=days),
        "state": rng.choice(_STATES),
        "chip": rng.random() > 0.08,
        "endorsements": [],
    }
    if kind == "hk_macao_permit":
        found["endorsements"] = [
            {"type": letter, "place": place, "remaining": rng.choice((0, 0, 1, 2)), "valid_until": _soon(rng, today)}
            for letter in "LGS"
            for place in ("hong_kong", "macao")
            if rng.random() < 0.4
        ]
    return found


def _soon(rng: random.Random, today: date) -> date:
    return today + timedelta(days=rng.choice((-20, -1, 0, 40, 300)))


def _journey(rng: random.Random, today: date) -> list[dict[str, Any]]:
    left = today - timedelta(days=rng.randint(30, 2500))
    port = rng.choice(_NAMES["ports"])
    return [
        {"at": datetime.combine(day, time(10), LOCAL), "direction": way, "port": port, "document": "E98000000"}
        for day, way in ((left, "out"), (left + timedelta(days=5), "in"))
    ]


def _ordered(rng: random.Random, today: date) -> list[dict[str, Any]]:
    if rng.random() > 0.3:
        return []
    kind = rng.choice((*_LETTERS, "endorsement"))
    ready = kind != "endorsement" and rng.random() < 0.6
    unpaid = 0 if kind == "endorsement" or rng.random() < 0.6 else 6000
    state = "ready" if ready else "in_review"
    return [{"kind": kind, "state": state, "fee_fen": unpaid, "ordered_on": today - timedelta(days=6)}]
