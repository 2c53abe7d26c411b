"""What a field of a form is, and what a kind of field does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from kiosk.catalogue.model import Condition, Dated
from kiosk.messages.typed import digits
from kiosk.text import NOTHING, Text, same

Keys = Literal["digits", "phone", "receipt", "id_number", "text", "date", "plate"]
FieldKind = Literal[
    "text",
    "phone",
    "number",
    "id_number",
    "date",
    "choice",
    "region",
    "address",
    "plate",
    "vin",
    "decision",
    "uscc",
    "code",
]


class FieldOption(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to choose; with ``only_if`` it is offered to whom all of it is known to hold."""

    id: str
    label: Text
    detail: Text = NOTHING
    only_if: tuple[Condition, ...] | Condition = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All that must hold for it to be offered."""
        return (self.only_if,) if isinstance(self.only_if, Condition) else self.only_if


class FormField(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is asked. ``pattern`` must match the whole value, besides what the kind itself demands.

    ``keys``, ``pattern``, ``error`` are a text's own (``keys`` says how it is typed); the other kinds bring theirs.
    ``least``, ``most``: of a number. ``earliest``, ``latest``: of a date, ISO 8601 or ``today``. ``younger_than``: of a
    citizen number or a date of birth, the age in full years that is not reached. ``options``: of a
    choice; with ``fact`` they are what the department knows of this person, such as cars, and who has one is not asked.
    ``plates``: the kinds of plates that are meant, none: all. ``within``: the beginning of a division's code.
    ``optional``: it may be left empty, and is then no answer; ``neither`` is what a choice calls that. An optional
    choice that is ``closed_if`` something is known to hold can only be left empty, and says why: ``closed``.
    """

    name: str
    label: Text
    kind: FieldKind = "text"
    keys: Keys = "text"
    pattern: str | None = None
    error: Text = NOTHING
    hint: Text = NOTHING
    max_length: int | None = None
    optional: bool = False
    least: int | None = None
    most: int | None = None
    earliest: str = ""
    latest: str = ""
    younger_than: int | None = None
    options: tuple[FieldOption, ...] = ()
    fact: str = ""
    neither: Text = NOTHING
    closed_if: Condition | None = None
    closed: Text = NOTHING
    plates: tuple[str, ...] = ()
    within: str = ""


class Wrong(Exception):
    """What was typed cannot be meant, in plain words. ``may_be``: said once, the same again is taken."""

    def __init__(self, words: Text, *, may_be: bool = False) -> None:
        super().__init__(words.zh)
        self.words = words
        self.may_be = may_be
        self.value = ""
        """What had been typed."""


@dataclass(frozen=True)
class Kind:
    """How one kind of field is typed and read.

    ``normal`` brings what was typed into one form; ``judge`` (field, value, today or None where nobody knows the date)
    gives the answer that is kept, or raises Wrong; ``typed`` makes of an answer what had been typed, ``shown`` what is
    read on the review.
    """

    keys: Keys
    longest: int
    judge: Callable[[FormField, str, date | None], str]
    normal: Callable[[str], str] = lambda value: digits(value).upper()
    typed: Callable[[str], str] = lambda answer: answer
    shown: Callable[[str], Text] = same
    hint: str = ""
    """Key of the hint that stands there when the service gives none."""
    shortest: int = 1
    """How many characters the shortest has that is right, where no pattern says otherwise."""
