"""Where else a service can be done: halls with their machines and counters, as the hub knows them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import MOST_COUNTERS, Line, Word

MOST_PLACES = 40
Words = Annotated[dict[Word, Line], Meta(max_length=4)]
"""``{"zh": …, "en": …}``."""


class NearbyQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asks for the places around the machine that asks. It is about nobody."""


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """One hall. ``machine``: the services that another machine there can do now, ``counter``: the lines of its counter.

    ``distance_m``: in a straight line; -1 where it is not known.
    """

    name: Words
    address: Words = {}
    hours: Words = {}
    phone: Word = ""
    distance_m: Annotated[int, Meta(ge=-1, le=10_000_000)] = -1
    machine: Annotated[tuple[Word, ...], Meta(max_length=2000)] = ()
    counter: Annotated[tuple[Word, ...], Meta(max_length=MOST_COUNTERS)] = ()


class NearbyAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The nearest first."""

    places: Annotated[list[Place], Meta(max_length=MOST_PLACES)] = []
