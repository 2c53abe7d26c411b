"""What the register has of somebody without a card: what their last card said and showed; and how many have a name."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import END, Base64, Line, Named, Word

MOST_PICTURE_BYTES = 256 * 1024
Day = Annotated[str, Meta(pattern=f"^([0-9]{{8}})?{END}")]
"""``YYYYMMDD``; "" for none."""


class RegisterQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asks what the register has of the person who has typed this number and whose face is compared next."""

    id_number: Named


class RegisterAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fields of a card. Not ``known``: nobody, or nobody whose picture is there; they look alike.

    ``picture``: WebP or JPEG. ``valid_to`` "": for life. ``wait_s`` above 0: too many have been asked for.
    """

    known: bool = False
    name: Line = ""
    sex: Word = ""
    nation_code: Word = ""
    birth: Day = ""
    address: Line = ""
    authority: Line = ""
    valid_from: Day = ""
    valid_to: Day = ""
    picture: Base64 = ""
    wait_s: Annotated[int, Meta(ge=0, le=86_400)] = 0


class NameCountQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many people of the city have this name. It is about nobody in particular."""

    name: Named


class NameCountAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``below``: fewer than that, and no exact number; 0: ``count`` is exact."""

    count: Annotated[int, Meta(ge=0, le=2**31)]
    below: Annotated[int, Meta(ge=0, le=1000)] = 0
