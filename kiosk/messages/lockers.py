"""What of a person's lies in a locker of the machine that asks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import Named, Word
from kiosk.messages.envelope import Key

MOST_LOCKS = 24


class LockerQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Behind which door lies what this accepted case collects; ``key`` is that of its envelope."""

    id_number: Named
    key: Key


class LockerAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``lock``: its number; 0: not in this machine, or ``in_doubt``: staff has to look first."""

    lock: Annotated[int, Meta(ge=0, le=MOST_LOCKS)] = 0
    reason: Word = ""
