"""Frames of lock boards: head, board, lock, code, exclusive-or (RS-485, 9600 8N1; maker's sheets agree).

``8A`` opens, ``80`` asks, ``90`` opens a group, ``9A`` holds a lock open, ``9B`` ends that, ``82`` tells a change.
A question for all locks (lock 0) is answered with three bytes of bits, lock 1 lowest in the last: seven bytes in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import xor

OPEN, QUERY, GROUP, HOLD, RELEASE, CHANGED = 0x8A, 0x80, 0x90, 0x9A, 0x9B, 0x82
DO, ASK = 0x11, 0x33
ALL = 0
LOCKS = 24

_HEADS = frozenset({OPEN, QUERY, GROUP, HOLD, RELEASE, CHANGED})
_SHORT, _LONG = 5, 7


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; ``value`` is the code of one lock, or the bits of all when ``lock`` is 0 and ``head`` is QUERY."""

    head: int
    board: int
    lock: int
    value: int


def check(body: bytes) -> int:
    """Exclusive-or of all bytes."""
    return reduce(xor, body, 0)


def encode(head: int, board: int, lock: int, code: int) -> bytes:
    """A frame of five bytes."""
    body = bytes((head, board, lock, code))
    return body + bytes((check(body),))


def take(heard: bytearray) -> Frame | None:
    """Cut the first sound frame off ``heard``; bytes that begin none are dropped. None while one may still be coming.

    Of queries only the long answer counts: the short one of a single lock can look like the beginning of a long one.
    """
    while heard:
        length = _LONG if heard[0] == QUERY else _SHORT
        if heard[0] in _HEADS:
            if len(heard) < length:
                return None
            if frame := _frame(bytes(heard[:length])):
                del heard[:length]
                return frame
        del heard[0]
    return None


def _frame(raw: bytes) -> Frame | None:
    if check(raw[:-1]) != raw[-1]:
        return None
    if len(raw) == _SHORT:
        return Frame(raw[0], raw[1], raw[2], raw[3]) if raw[3] in (0x00, DO) else None
    return Frame(QUERY, raw[1], ALL, int.from_bytes(raw[2:5], "big")) if raw[5] == ASK else None
