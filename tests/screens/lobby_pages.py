"""The real pages of the lobby, made of the shipped catalogue on a machine on which everything works."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from hub import people
from kiosk.catalogue.loader import load
from kiosk.chips import header_chips
from kiosk.lobby import (
    ASKING,
    Due,
    bundle_page,
    bundles_page,
    code_page,
    first_wanted,
    home_page,
    line_page,
    todo_page,
)  # fmt: skip
from kiosk.messages.places import Place
from kiosk.messages.questions import DueFact
from kiosk.nearby import Nearby
from kiosk.pages import Page, Settings
from kiosk.text import text

TODAY = date(2027, 1, 12)

shipped = cache(load)
"""Read once; nothing here changes it."""


def machine() -> Any:
    """What the lobby asks of a machine."""
    catalogue = shipped()
    return SimpleNamespace(
        catalogue=catalogue,
        clock=SimpleNamespace(today=lambda: TODAY, knows_date=True),
        peripherals=SimpleNamespace(is_usable=lambda _name: True),
        link=SimpleNamespace(online=True),
        filing_trouble=lambda: "",
        nearby=around(),
        out_of_service="",
        config=SimpleNamespace(machine=SimpleNamespace(hall="通办派出所 · 24 小时自助服务区")),
        chips=lambda: header_chips(is_online=True, help_phone=catalogue.help_phone),
    )


def around(*, online: bool = True) -> Nearby:
    """Three halls, as the demonstration has them."""
    clock: Any = SimpleNamespace(now=lambda: datetime(2027, 1, 12, 2, 30, tzinfo=UTC))

    async def ask(_question: Any) -> Any:
        return None

    found = Nearby(clock, ask, lambda: online)
    halls = tomllib.loads((Path(people.__file__).parent / "places.toml").read_text("utf-8"))["place"]
    found.known_at = clock.now()
    for hall, metres in zip(halls, (0, 1260, 5800), strict=True):
        shown = {name: hall[name] for name in ("name", "address", "hours", "phone", "counter")}
        found.places.append(msgspec.convert(shown | {"distance_m": metres}, Place))
    found.places[1] = msgspec.structs.replace(found.places[1], machine=("E01", "E04", "H01", "T01"))
    found.places[0] = msgspec.structs.replace(found.places[0], counter=("traffic",))
    return found


def without_fingerprints() -> Any:
    """A machine of which some services are grey, with where they can be done instead."""
    here = machine()
    here.peripherals = SimpleNamespace(is_usable=lambda name: name != "fingerprint_reader")
    return here


def due() -> Due:
    """Four things of three lines, one of them late."""
    days = (("T01", -3), ("H13", 21), ("E02", 80), ("H01", 12))
    names = ("expires_on", "id_card_valid_to", "permit_valid_to", "passport_expires_on")
    facts = dict.fromkeys(names, "2027-02-02")
    return Due([DueFact(key, facts, TODAY + timedelta(days=n)) for key, n in days])


def lobby_pages() -> dict[str, Page]:
    """Home, 我的待办 with and without ticks, each line, the bundles."""
    here = machine()
    visit: Any = SimpleNamespace(card=None, masked_name="王*明", settings=Settings())
    bundle = here.catalogue.bundles["B01"]
    lines = {f"lobby_{key}": line_page(here, visit, key) for key in here.catalogue.lines}
    return {
        "lobby_home": home_page(here, visit, card_lies_there=False),
        "lobby_code": code_page(here, "K7WN"),
        "lobby_code_wrong": code_page(here, "K7WN3HQQ", text("resume_code.none")),
        "lobby_asking": todo_page(here, visit, ASKING),
        "lobby_todo": todo_page(here, visit, due()),
        "lobby_ticked": todo_page(here, visit, due(), {"T01", "H13"}),
        "lobby_greyed": line_page(without_fingerprints(), visit, "exit_entry"),
        "lobby_bundles": bundles_page(here),
        "lobby_bundle": bundle_page(here, visit, bundle, first_wanted(here, visit, bundle)),
        **lines,
    }
