"""Live questions about violations 交通违法: what is held against a person or one fine, and what each would cost."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import MOST_ITEMS, DecisionNumber, Line, Named, Word


class ViolationsQuestion(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The violations and fines of a person; with ``decision_number`` that one fine, whosever it is."""

    id_number: Named
    decision_number: DecisionNumber | None = None


class Violation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One violation. ``at``: local time. ``state``: open, decided (its fine is not paid) or paid.

    ``reasons``: why it cannot be settled at a machine, none when it can. Of somebody else's fine only what it costs is
    told: ``decision_number``, ``fine_fen``, ``late_fen`` (added today), ``pay_until``.
    """

    number: Word
    fine_fen: Annotated[int, Meta(ge=0, le=2**31)]
    state: Word
    plate: Word = ""
    at: Word = ""
    place: Line = ""
    act: Line = ""
    article: Line = ""
    points: Annotated[int, Meta(ge=0, le=2**31)] = 0
    reasons: Annotated[list[Word], Meta(max_length=MOST_ITEMS)] = []
    is_own_car: bool = False
    decision_number: Word = ""
    decided_on: date | None = None
    pay_until: date | None = None
    late_fen: Annotated[int, Meta(ge=0, le=2**31)] = 0


class ViolationsAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``points``: of this cycle so far."""

    violations: Annotated[list[Violation], Meta(max_length=MOST_ITEMS)]
    points: Annotated[int, Meta(ge=0, le=2**31)] = 0
    unreadable: int = 0
