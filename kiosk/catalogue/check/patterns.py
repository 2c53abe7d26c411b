"""Regular expressions of a catalogue, before they judge what people type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from re import _parser as parser  # type: ignore[attr-defined]  # the only way to see how an expression is built
from typing import Any

from kiosk.catalogue.check.ways import has_too_many

_ENDLESS = 100
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT")


@lru_cache(maxsize=512)
def pattern_fault(pattern: str, longest: int = 0) -> tuple[str, str] | None:
    """What is wrong with it, and the fix. ``longest``: how many characters there can be, 0 where nobody counts."""
    try:
        built = parser.parse(pattern)
        # As a form asks it. What can be parsed may still not work: (?<=a+)b, or (?u) beside re.ASCII.
        re.compile(pattern, re.ASCII)
        return _fault_of(built, longest)
    except re.error as error:
        return f"not a regular expression: {error}", "correct it"
    except (OverflowError, RecursionError):
        return "too large a regular expression", "write a shorter one"
    except ValueError:
        return "a flag or a count that no form takes", "leave it out"


def _fault_of(built: Any, longest: int) -> tuple[str, str] | None:
    if not built.getwidth()[1]:
        return "matches nothing that anybody types", "say what the value looks like"
    if _is_endless(built, inside=False):
        # A repeat inside a repeat tries every way to part the text: (a+)+ needs minutes for 40 characters.
        return "a repeat inside a repeat may take for ever", "take one of the two away"
    if has_too_many(built, longest, _takes):
        return "what is typed may fit in so many ways that it takes for ever", "say each part in one way only"
    if longest and built.getwidth()[0] > longest:
        return f"wants more than the {longest} characters that can be typed", "set max_length"
    return None


@lru_cache(maxsize=512)
def shortest(pattern: str, signs: str) -> int | None:
    """How many characters the shortest match has that is written with ``signs`` only; None: there is none.

    What only looks around, or repeats what was matched, counts for nothing: it is never said of what can be written.
    """
    is_either_case = re.search(r"\(\?[a-z]*i", pattern) is not None
    return _least(parser.parse(pattern), signs + signs.lower() if is_either_case else signs)


def _least(part: Any, signs: str) -> int | None:
    found = [_least_of(str(name), argument, signs) for name, argument in part]
    known = [each for each in found if each is not None]
    return sum(known) if len(known) == len(found) else None


def _least_of(name: str, argument: Any, signs: str) -> int | None:
    if name in ("LITERAL", "NOT_LITERAL", "IN"):
        return 1 if any(_takes(name, argument, sign) for sign in signs) else None
    if name == "ANY":
        return 1
    if name == "SUBPATTERN":
        return _least(argument[-1], signs)
    if name == "BRANCH":
        return min((n for each in argument[1] if (n := _least(each, signs)) is not None), default=None)
    if name in _REPEATS:
        least, inside = int(argument[0]), _least(argument[2], signs) if argument[0] else 0
        return None if inside is None else least * inside
    return 0


def _takes(name: str, argument: Any, sign: str) -> bool:
    if name != "IN":
        return (argument == ord(sign)) is (name == "LITERAL")
    is_not = any(str(each) == "NEGATE" for each, _ in argument)
    return is_not is not any(_is_among(str(each), what, sign) for each, what in argument)


def _is_among(name: str, what: Any, sign: str) -> bool:
    if name == "LITERAL":
        return bool(what == ord(sign))
    if name == "RANGE":
        return bool(what[0] <= ord(sign) <= what[1])
    if name == "CATEGORY":
        is_so = {"DIGIT": sign.isdigit(), "SPACE": sign.isspace(), "WORD": sign.isalnum() or sign == "_"}
        known = next((is_one for kind, is_one in is_so.items() if str(what).endswith(kind)), True)
        return known is not ("NOT_" in str(what))
    return False


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
