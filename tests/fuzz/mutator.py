"""Small changes to valid inputs, repeatable by a seed: bytes, blocks, and what parsers stumble over."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

MOST_BYTES = 256 * 1024
_STUMBLES = [
    *(b"\0", b"\xff", b"\n", b"\r\n", b'"', b"\\", b"'''", b"{", b"}", b"[", b"]", b",", b":", b"=", b"-"),
    *(b"\xef\xbb\xbf", b"../../etc/passwd", b"%00%n%s"),
    *(b"\\u0000", b"\\ud800", b"\\udfff\\ud800", b"\xed\xa0\x80", b"\xc3\x28", b"\xf4\x90\x80\x80", "\u202e".encode()),
    *(b"0", b"-1", b"1e999", b"-0.0", b"NaN", b"Infinity", b"null", b"true", b"9" * 20, b"9" * 400, b"1" * 5000),
    *(b"2147483648", b"9007199254740993", b"9223372036854775808", b"18446744073709551616"),
    *(b"9999-12-31T23:59:59Z", b"0001-01-01T00:00:00+23:59", b"2027-02-30", b"99999999"),
    *(b"[" * 2000, b'{"a":' * 1200, b"[[a]]\n", b"x" * 5000, b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\0\0\0"),
]  # fmt: skip


class Mutator:
    """Makes inputs from ``samples``; a seed gives the same inputs in the same order."""

    def __init__(self, samples: Sequence[bytes], seed: int) -> None:
        self._samples = samples
        self._random = random.Random(seed)
        self._ways: list[Callable[[bytearray], None]] = [
            *(self._flip, self._flip, self._set, self._insert, self._stumble, self._stumble),
            *(self._cut, self._remove, self._repeat, self._splice, self._swap),
        ]

    def next(self) -> bytes:
        """One input: a sample with one to six changes."""
        pick = self._random
        made = bytearray(pick.choice(self._samples))
        for _ in range(pick.choice((1, 1, 1, 2, 3, 6))):
            pick.choice(self._ways)(made)
            if not made:
                made += b"\0"
        return bytes(made[:MOST_BYTES])

    def _at(self, made: bytearray) -> int:
        return self._random.randrange(len(made))

    def _span(self, made: bytearray) -> tuple[int, int]:
        start = self._at(made)
        return start, start + 1 + int(self._random.expovariate(0.1))

    def _flip(self, made: bytearray) -> None:
        made[self._at(made)] ^= 1 << self._random.randrange(8)

    def _set(self, made: bytearray) -> None:
        made[self._at(made)] = self._random.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, self._random.randrange(256)))

    def _insert(self, made: bytearray) -> None:
        at = self._at(made)
        made[at:at] = self._random.randbytes(self._random.randrange(1, 9))

    def _stumble(self, made: bytearray) -> None:
        at = self._at(made)
        made[at : at + self._random.choice((0, 0, 1, 4))] = self._random.choice(_STUMBLES)

    def _cut(self, made: bytearray) -> None:
        del made[self._at(made) :]

    def _remove(self, made: bytearray) -> None:
        start, end = self._span(made)
        del made[start:end]

    def _repeat(self, made: bytearray) -> None:
        start, end = self._span(made)
        made[start:start] = made[start:end] * self._random.choice((1, 2, 10, 100))

    def _splice(self, made: bytearray) -> None:
        other = self._random.choice(self._samples)
        made[self._at(made) :] = other[self._random.randrange(len(other)) :]

    def _swap(self, made: bytearray) -> None:
        (a, b), (c, d) = sorted((self._span(made), self._span(made)))
        if b <= c:
            made[a:d] = made[c:d] + made[b:c] + made[a:b]
