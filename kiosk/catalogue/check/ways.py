"""In how many ways an expression takes a text: what it takes in millions it needs hours to refuse in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice, permutations
from typing import Any

MOST_WAYS = 10_000_000
"""Tried in a second or so."""
_MOST_EMPTY = 1000
_LONGEST = 64
"""Who needs long for more than that needs long for this."""
_SIGNS = "0Aa "
_MOST_SIGNS = 8
_ONE = frozenset({"LITERAL", "NOT_LITERAL", "IN", "ANY"})
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT"})

Takes = Callable[[str, Any, str], bool]
"""Whether a single part of an expression (its name and argument) takes a sign."""


class _TooMany(Exception):
    pass


def has_too_many(built: Any, longest: int, takes: Takes) -> bool:
    """Of a parsed expression; ``longest``: how many characters there can be, 0 where nobody counts.

    Tried on texts of one sign and of two in turn: where parts of an expression overlap, they do so there.
    """
    length = min(longest or _LONGEST, _LONGEST)
    signs = list(islice(dict.fromkeys(chain(_named(built), _SIGNS)), _MOST_SIGNS))
    try:
        for each in (*signs, *map("".join, permutations(signs, 2))):
            _ends(built, (each * length)[:length], Counter({0: 1}), takes)
    except _TooMany:
        return True
    return False


def _named(part: Any) -> Iterator[str]:
    """The signs that stand in it, and the ends of its ranges."""
    for name, argument in part:
        if str(name) in ("LITERAL", "NOT_LITERAL"):
            yield chr(argument)
        elif str(name) == "RANGE":
            yield from map(chr, argument)
        elif str(name) == "IN":
            yield from _named(argument)
        elif str(name) == "BRANCH":
            yield from chain.from_iterable(map(_named, argument[1]))
        elif str(name) == "SUBPATTERN" or str(name) in _REPEATS:
            yield from _named(argument[-1])


def _ends(part: Any, text: str, starts: Counter[int], takes: Takes) -> Counter[int]:
    """Where it can end that begins at ``starts``, each with the number of ways to come there."""
    for name, argument in part:
        starts = _ends_of(str(name), argument, text, starts, takes)
        if starts.total() > MOST_WAYS:
            raise _TooMany
    return starts


def _ends_of(name: str, argument: Any, text: str, starts: Counter[int], takes: Takes) -> Counter[int]:
    if name in _ONE:
        fits = {
            at: n for at, n in starts.items() if at < len(text) and (name == "ANY" or takes(name, argument, text[at]))
        }
        return Counter({at + 1: n for at, n in fits.items()})
    if name == "SUBPATTERN":
        return _ends(argument[-1], text, starts, takes)
    if name == "BRANCH":
        return sum((_ends(each, text, starts, takes) for each in argument[1]), Counter[int]())
    if name in _REPEATS:
        return _repeated(argument, text, starts, takes)
    # What only looks around, or repeats what was matched, is said of no text.
    return starts


def _repeated(argument: Any, text: str, starts: Counter[int], takes: Takes) -> Counter[int]:
    least, most, part = int(argument[0]), int(argument[1]), argument[2]
    found = Counter[int]() if least else starts.copy()
    for times in range(1, min(most, least + len(text)) + 1):
        before, starts = starts, _ends(part, text, starts, takes)
        if not starts:
            break
        if starts == before:
            # It takes nothing, however often; so often as it must is tried all the same.
            if least > _MOST_EMPTY:
                raise _TooMany
            return found or starts
        if times >= least:
            found += starts
        if found.total() > MOST_WAYS:
            raise _TooMany
    return found
