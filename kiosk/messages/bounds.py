r"""What a message may hold (CONTRACTS §9): sets of characters, lengths, ranges and depth, in the types themselves.

A database, a log and a page must be able to hold what a machine says, so no text has U+0000, another control character
or half a surrogate pair. ``$`` alone would let a line feed pass at the end.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from msgspec import Meta

END = r"$(?!\n)"
KIOSK_ID = "[A-Za-z0-9_.-]{1,64}"
"""The name of a machine."""
SHA256 = "[0-9a-f]{64}"
ANY_KEY = "[0-9a-f-]{36}"
"""Of a case, of whatever version."""
DECISION_DIGITS = (15, 16)
DECISION = f"[0-9]{{{DECISION_DIGITS[0]},{DECISION_DIGITS[1]}}}"
"""The number of a decision about a fine."""
PHONE = "1[3-9][0-9]{9}"
"""A mobile number of the mainland."""
ONE_LINE = rf"^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*{END}"
_LINES = rf"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*{END}"
_NUMBER = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_TEXT = re.compile(_LINES)
_NOT_ONE_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

Word = Annotated[str, Meta(max_length=64, pattern=ONE_LINE)]
"""A key, a number, a version, a state: one line."""
Named = Annotated[str, Meta(min_length=1, max_length=64, pattern=ONE_LINE)]
Number = Annotated[str, Meta(pattern=f"^{_NUMBER}{END}")]
"""A receipt number, a service, a bundle: stands in tables, addresses and pages as it is. Other cities' have letters."""
NumberIfAny = Annotated[str, Meta(pattern=f"^({_NUMBER})?{END}")]
Line = Annotated[str, Meta(max_length=500, pattern=ONE_LINE)]
"""A name, an address, a reason. A card's longest field has 60 characters."""
Lines = Annotated[str, Meta(max_length=2000, pattern=_LINES)]
"""What a person wrote."""
Base64 = Annotated[str, Meta(pattern=f"^[A-Za-z0-9_-]*{END}")]
"""base64url without padding; its length is bounded by that of the whole message."""
Signed = Annotated[str, Meta(min_length=1, max_length=512, pattern=f"^[A-Za-z0-9_-]*{END}")]
"""A key or a signature as base64url without padding."""
Moment = Annotated[str, Meta(max_length=40, pattern=f"^[0-9T:.+Zz -]*{END}")]
"""RFC 3339."""
MAX_INT = 2**53 - 1
"""JSON numbers are exact up to here."""
DecisionNumber = Annotated[str, Meta(pattern=f"^{DECISION}{END}")]
Count = Annotated[int, Meta(ge=0, le=MAX_INT)]
Seq = Annotated[int, Meta(ge=1, le=MAX_INT)]
"""The number of an envelope in its machine's chain."""

MOST_FEN = 100_000_000
"""Of one demand or payment: a million yuan."""
MOST_ITEMS = 1000
"""In a list that an answer has: far more than anybody has."""
MOST_COUNTERS = 50
"""Of one hall."""
MAX_DEPTH = 32
_MAX_TEXT = 20_000
_MAX_VALUES = 20_000


def one_line(text: str, length: int = 500) -> str:
    """``text`` as a ``Line`` may hold it: what a stranger has named may be quoted in it."""
    return _NOT_ONE_LINE.sub("?", text)[:length]


def is_deep(value: Any, left: int = MAX_DEPTH) -> bool:
    """Whether plain JSON values nest deeper than anything that is said here."""
    if isinstance(value, dict):
        return not left or any(is_deep(item, left - 1) for item in value.values())
    if isinstance(value, list):
        return not left or any(is_deep(item, left - 1) for item in value)
    return False


def check_values(values: Any) -> None:
    """Free values, such as a form's answers: texts, numbers, lists and tables of these. Raises ValueError."""
    if _checked(values, MAX_DEPTH) > _MAX_VALUES:
        raise ValueError(f"more than {_MAX_VALUES} values")


def _checked(value: Any, left: int) -> int:
    """How many values there are."""
    if isinstance(value, str):
        if len(value) > _MAX_TEXT or not _TEXT.search(value):
            raise ValueError(f"a text has at most {_MAX_TEXT} characters, none of them a control character")
    elif isinstance(value, int):
        if abs(value) > MAX_INT:
            raise ValueError("a number beyond 2^53 - 1")
    elif isinstance(value, (list, tuple, dict)):
        if not left:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        items = [*value, *value.values()] if isinstance(value, dict) else value
        return 1 + sum(_checked(item, left - 1) for item in items)
    return 1
