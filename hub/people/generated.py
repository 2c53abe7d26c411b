"""A seeded synthetic population: a few hundred people of every age whom nobody knows, with records in every line.

Division 99 is no real one. Each department says what it holds of a person in ``departments/<key>/population.py``, a
function ``records(rng, person, today)``: keys of ``person["records"]``. The same seed makes the same people.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stdnum.cn import ric

from hub.department import Department
from kiosk.catalogue.id_card_years import card_valid_to
from kiosk.catalogue.rules import OF_AGE
from kiosk.clock import full_years, months_later
from kiosk.messages.content import FOR_LIFE

Person = dict[str, Any]
_NAMES = Path(__file__).with_name("names.toml")
_LIMIT_AGES = (1, 6, 14, 16, 18, 23, 26, 46, 60, 63, 70, 76, 80, 100)
"""Where a rule of some service begins or ends: each has people of the day before, the day itself and the day after."""
_LEAP_BIRTHS = tuple(date(year, 2, 29) for year in range(1928, 2025, 4))
_DAYS_LEFT = (-400, -90, -1, 0, 1, 29, 31, 89, 90, 91, 150, 400, 2000)
"""Days that a card is still valid for, so that every window has somebody inside, outside and on its edge."""


def population(departments: Iterable[Department], today: date, *, size: int = 300, seed: int = 99) -> list[Person]:
    """People as a people file has them, without pictures; minors name their ``guardian`` by number."""
    rng = random.Random(seed)
    people = list({each["card"]["number"]: each for each in _people(rng, today, size)}.values())
    adults = [each for each in people if _age(each, today) >= OF_AGE]
    for person in people:
        if _age(person, today) < OF_AGE:
            person["guardian"] = rng.choice(adults)["card"]["number"]
    hooks = [hook for department in departments if (hook := hook_of(department))]
    for person in people:
        own = random.Random(f"{seed} {person['card']['number']}")
        for hook in hooks:
            person["records"] |= hook.records(own, person, today)
    return people


def hook_of(department: Department) -> Any:
    """The department's own ``population`` module, None where it has none."""
    name = f"{type(department).__module__}.population"
    return import_module(name) if find_spec(name) else None


def _people(rng: random.Random, today: date, size: int) -> Iterator[Person]:
    for at, birth in enumerate(_births(rng, today, size)):
        yield _person(rng, at, birth, today)


def _births(rng: random.Random, today: date, size: int) -> Iterator[date]:
    edges = [months_later(today, -12 * age) + timedelta(days=shift) for age in _LIMIT_AGES for shift in (-1, 0, 1)]
    yield from (birth for birth in (*edges, *_LEAP_BIRTHS) if birth <= today)
    for at in range(size - len(edges) - len(_LEAP_BIRTHS)):
        youngest = 0 if at % 6 == 0 else OF_AGE * 366
        yield today - timedelta(days=rng.randint(youngest, 95 * 365))


def _person(rng: random.Random, at: int, birth: date, today: date) -> Person:
    words, is_man = _names(), bool(at % 2)
    name = words["rare"][at % 3] if at % 40 == 0 else rng.choice(words["surnames"]) + rng.choice(words["given"])
    is_here = at % 3 != 0
    address = words["here" if is_here else "away"].format(n=1 + at % 90, room=100 + at)
    valid_from, valid_to = _validity(rng, at, birth, today)
    card = {
        "kind": "resident",
        "name": name,
        "sex": "1" if is_man else "2",
        "nation": "01",
        "birth": f"{birth:%Y%m%d}",
        "address": address,
        "number": _number("990101" if is_here else "990201", birth, 500 + at % 500),
        "authority": words["authority"],
        "valid_from": f"{valid_from:%Y%m%d}",
        "valid_to": f"{valid_to:%Y%m%d}" if valid_to else FOR_LIFE,
    }
    return {"id": f"g{at:03}", "about": "", "card": card, "records": {}}


def _number(division: str, birth: date, order: int) -> str:
    """GB 11643: division, day of birth, order (odd for a man), check digit."""
    head = f"{division}{birth:%Y%m%d}{order:03}"
    return head + ric.calc_check_digit(f"{head}0")


def _validity(rng: random.Random, at: int, birth: date, today: date) -> tuple[date, date | None]:
    """When the card was issued and its last day, as the law has it for the age of that day; None: for life."""
    ends = today + timedelta(days=_DAYS_LEFT[at % len(_DAYS_LEFT)])
    for years in rng.sample((20, 10, 5), 3):
        issued = months_later(ends, -12 * years)
        if issued >= birth and card_valid_to(birth, issued) == ends:
            return issued, ends
    issued = max(birth, today - timedelta(days=rng.randint(1, 3000)))
    return issued, card_valid_to(birth, issued)


def _age(person: Mapping[str, Any], today: date) -> int:
    return full_years(date.fromisoformat(person["card"]["birth"]), today)


@cache
def _names() -> dict[str, Any]:
    return tomllib.loads(_NAMES.read_text("utf-8"))
