"""Regular expressions of a catalogue, before they judge what people type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from re import _parser as parser  # type: ignore[attr-defined]  # the only way to see how an expression is built
from typing import Any

_ENDLESS = 100
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT")


@lru_cache(maxsize=512)
def pattern_fault(pattern: str, longest: int = 0) -> tuple[str, str] | None:
    """What is wrong with it, and the fix. ``longest``: how many characters there can be, 0 where nobody counts."""
    try:
        built = parser.parse(pattern)
    except re.error as error:
        return f"not a regular expression: {error}", "correct it"
    except (OverflowError, RecursionError):
        return "too large a regular expression", "write a shorter one"
    if not built.getwidth()[1]:
        return "matches nothing that anybody types", "say what the value looks like"
    if _is_endless(built, inside=False):
        # A repeat inside a repeat tries every way to part the text: (a+)+ needs minutes for 40 characters.
        return "a repeat inside a repeat may take for ever", "take one of the two away"
    if longest and built.getwidth()[0] > longest:
        return f"wants more than the {longest} characters that can be typed", "set max_length"
    return None


def _is_endless(part: Any, *, inside: bool) -> bool:
    for name, argument in part:
        repeats = str(name) in _REPEATS and int(argument[1]) > _ENDLESS
        if (repeats and inside) or any(_is_endless(below, inside=inside or repeats) for below in _below(argument)):
            return True
    return False


def _below(argument: Any) -> Iterator[Any]:
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, list | tuple):
        for each in argument:
            yield from _below(each)
