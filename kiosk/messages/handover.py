"""What a person has said of a service before it could be filed: left at the hub for the day, for another machine."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import Line, Lines, Named, Word


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer: the field's name, what was typed or (``is_chosen``) chosen, and what its page calls it."""

    name: Named
    value: Lines
    label: Annotated[dict[Word, Line], Meta(max_length=4)] = {}
    is_chosen: bool = False


AllSaid = Annotated[list[Said], Meta(max_length=60)]


class HandoverQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``keep`` leaves ``said`` for this person, ``take`` takes it up once, ``phone`` makes an address for the phone."""

    action: Literal["keep", "take", "phone"]
    id_number: Named
    service: Named
    said: AllSaid = []


class HandoverAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``state``: ``kept`` · ``taken`` with ``said`` · ``none``: nothing is left · ``ready`` with ``address``.

    ``address`` is good once, until ``until`` (``HH:MM``, local); without a host of its own it begins with ``/``.
    """

    state: Word
    said: AllSaid = []
    address: Line = ""
    until: Word = ""
