"""Whether the card on the reader was put down anew: what somebody forgot there is not read for the next person."""

from __future__ import annotations

import hashlib
import secrets
import time

EMPTY_LOOKS = 2
"""One failed look may be a disturbance; two in a row are an empty place."""


class Placement:
    """What the looks at the place have shown since the module was opened. Times are monotonic seconds.

    Nothing is ever concluded from a card that lies there: only a place that was seen empty, or the number of another
    chip, shows that a card was put down anew.
    """

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self.forget()

    def forget(self) -> None:
        """Nothing is known any more: the module may have lost its power, and with it what it knew of the card."""
        self._empty_looks = 0
        self._put_down_at: float | None = None
        self._chip = b""

    @property
    def is_empty(self) -> bool:
        """Whether the latest looks agree that nothing lies there."""
        return self._empty_looks >= EMPTY_LOOKS

    def empty(self) -> None:
        """A look showed nothing, neither a card nor one that hides."""
        self._empty_looks += 1
        if self.is_empty:
            self._put_down_at, self._chip = None, b""

    def found(self) -> None:
        """A search found a card."""
        if self.is_empty:
            self._put_down_at = time.monotonic()
        self._empty_looks = 0

    @property
    def knows_chip(self) -> bool:
        """Whether the chip of a card that a search finds now can tell whether it is the same as before."""
        return bool(self._chip)

    def chip(self, number: bytes) -> None:
        """The chip that lies there now: another one than before was put down in between. Only a digest is kept."""
        self._empty_looks = 0
        chip = hashlib.blake2b(number, key=self._salt, digest_size=16).digest()
        if self._chip and chip != self._chip:
            self._put_down_at = time.monotonic()
        self._chip = chip

    def is_new(self, since_s: float) -> bool:
        """Whether the card that lies there was put down after ``since_s``, by what was seen."""
        return self._put_down_at is not None and self._put_down_at > since_s
