"""What waits at the hub for a late result: which service, for whom, and whether the result has come."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import Named, Number, Word
from kiosk.messages.handover import Parts


class ParkedFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A service that this person began and that waits for a result. ``is_ready``: it has come.

    ``is_left``: it waits for nothing, and what was said of it is left here (``kiosk.messages.handover``); ``parts`` are
    the services of a bundle, or of those that were ticked.
    """

    service: Word
    is_ready: bool = False
    is_left: bool = False
    parts: Parts = []


class ParkQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lets a service wait at the hub for this person until none of its ``checks`` fails; nothing else of it is kept."""

    id_number: Named
    service: Number
    checks: Annotated[list[Number], Meta(min_length=1, max_length=20)]


class ParkAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``until``: the last day on which it waits."""

    until: date
