"""Live questions about choosing a plate number 选号: the department offers lists, one number is held, or given back."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import ANY_KEY, END, Line, Number, Word

MOST_NUMBERS = 50
"""On one list: more than a page shows."""


class PlatesQuestion(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """``offer``: a car's present list; ``more``: the one after ``drawn``; ``choose`` a number for the case ``key``.

    ``vehicle``: the car's VIN, "" for the one that can have a number. ``give_back`` frees what is held for the case:
    nobody guesses its key, so that it needs no person. Each is safe to repeat.
    """

    action: Literal["offer", "more", "choose", "give_back"]
    service: Number
    key: Annotated[str, Meta(pattern=f"^{ANY_KEY}{END}")]
    id_number: Word = ""
    vehicle: Word = ""
    drawn: Annotated[int, Meta(ge=0, le=1000)] = 0
    number: Word = ""


class PlatesAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``state``: open (``numbers``), held, gone (somebody was quicker: ``numbers`` are what is left), none, given_back.

    ``drawn``: how many lists the car has had; ``left``: how many more it can have. ``held_min``: so long the number
    waits for its case; ``kept_to``: the last day on which the car can be registered with it once that is accepted.
    """

    state: Word
    numbers: Annotated[list[Line], Meta(max_length=MOST_NUMBERS)] = []
    drawn: Annotated[int, Meta(ge=0, le=1000)] = 0
    left: Annotated[int, Meta(ge=0, le=1000)] = 0
    number: Line = ""
    held_min: Annotated[int, Meta(ge=0, le=1440)] = 0
    kept_to: date | None = None
