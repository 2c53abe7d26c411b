"""What a person has said of a service before it could be filed: left at the hub for the day, for another machine."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import Count, Line, Lines, Named, Number, Word


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer: the field's name, what was typed or (``is_chosen``) chosen, and what its page calls it.

    ``part``: of several services together, the one that it was said of alone.
    """

    name: Named
    value: Lines
    label: Annotated[dict[Word, Line], Meta(max_length=4)] = {}
    is_chosen: bool = False
    part: Word = ""


TOGETHER = "together"
"""What stands for services that a person ticked, in place of a bundle's key."""
AllSaid = Annotated[list[Said], Meta(max_length=200)]
Parts = Annotated[list[Number], Meta(max_length=20)]
"""The services of a bundle, or of those that were ticked, in their order."""


class HandoverQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``keep`` leaves ``said`` for this person, ``take`` takes it up, ``phone`` makes an address for the phone.

    ``code`` makes the code that leads to what is left; a ``take`` that names one takes nothing else. ``parts`` are kept
    of a ``service`` that stands for several.
    """

    action: Literal["keep", "take", "phone", "code"]
    id_number: Named
    service: Number
    said: AllSaid = []
    parts: Parts = []
    code: Word = ""


class HandoverAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``state``: ``kept`` · ``taken`` with ``said`` · ``none``: nothing is left · ``ready``: ``address`` or ``code``.

    ``address`` is good once, until ``until`` (``HH:MM``, local); without a host of its own it begins with ``/``.
    """

    state: Word
    said: AllSaid = []
    address: Line = ""
    until: Word = ""
    code: Word = ""


class ResumeQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What does this code lead to? About nobody: who it was is not told, and the code alone opens nothing."""

    code: Named


class ResumeAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``state``: ``found`` with ``service`` and its ``parts`` · ``none`` · ``wait``: too many tries, for ``wait_s``."""

    state: Word
    service: Word = ""
    parts: Parts = []
    wait_s: Count = 0
