"""Live questions about what a hall gives besides its services: appointments at its counters, post, addresses, codes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import ANY_KEY, END, MOST_ITEMS, ONE_LINE, PHONE, Line, Named, Number, Word

CODE_DIGITS = 6
CODE = f"[0-9]{{{CODE_DIGITS}}}"
PHONE_PROOF = "_sms_proof"
"""Behind the name of a telephone number: the answer that proves it."""
WORDS_CHARACTERS = (2, 60)
"""The words by which an address is looked up, at least and at the most."""
MOST_FOUND = 50


class SlotsQuestion(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """``offer``: which times a counter still has, and the person's own; ``take`` one for the case ``key``; ``cancel``.

    A place that was taken is held for a while; it is the person's for good once the case is at the city.
    ``begins_at``: local time, ``2027-01-14T09:30``.
    """

    action: Literal["offer", "take", "cancel"]
    service: Number
    counter: Named
    id_number: Named
    key: Annotated[str, Meta(pattern=f"^({ANY_KEY})?{END}")] = ""
    begins_at: Annotated[str, Meta(pattern=f"^([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}})?{END}")] = ""


class Slot(msgspec.Struct, frozen=True, omit_defaults=True):
    """A time at a counter, local; ``left``: its free places. ``ticket``: what is called, where somebody has it."""

    begins_at: Word
    ends_at: Word
    left: Annotated[int, Meta(ge=0, le=10_000)] = 0
    ticket: Word = ""
    receipt_number: Word = ""


class SlotsAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``state``: open, taken (``mine`` is it), full (another was quicker), cancelled, none (nothing to cancel)."""

    state: Word
    slots: Annotated[list[Slot], Meta(max_length=MOST_ITEMS)] = []
    mine: Slot | None = None
    unreadable: int = 0


class PostQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of a person's cases can be posted, or are."""

    id_number: Named


class PostCase(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of them. ``post``: waiting (for what is posted, or for the post), sent, or "" when it is not to be posted.

    ``to``: whereto, masked; ``tracking``: the post's own number, once it is sent.
    """

    key: Word
    receipt_number: Word
    service: Word
    state: Word
    post: Word = ""
    to: Line = ""
    tracking: Word = ""


class PostAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The newest first."""

    cases: Annotated[list[PostCase], Meta(max_length=MOST_ITEMS)] = []
    unreadable: int = 0


class AddressQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which standard addresses 标准地址 have all these words, with blanks between them. It is about nobody."""

    words: Annotated[str, Meta(min_length=WORDS_CHARACTERS[0], max_length=WORDS_CHARACTERS[1], pattern=ONE_LINE)]


class AddressAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``more``: there are others besides; more words narrow it."""

    found: Annotated[list[Line], Meta(max_length=MOST_FOUND)] = []
    more: bool = False


class CodeQuestion(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """``send`` a code to a telephone number, or ``check`` what was typed; for the person whose card was read."""

    action: Literal["send", "check"]
    phone: Annotated[str, Meta(pattern=f"^{PHONE}{END}")]
    id_number: Named
    code: Annotated[str, Meta(pattern=f"^({CODE})?{END}")] = ""


class CodeAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``state``: sent, wait (``wait_s``), unavailable · right (``proof``), wrong (``left`` tries), spent, late."""

    state: Word
    wait_s: Annotated[int, Meta(ge=0, le=7 * 86400)] = 0
    left: Annotated[int, Meta(ge=0, le=100)] = 0
    proof: Word = ""
