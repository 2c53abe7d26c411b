"""Stacker, reader, gate, bin and what moves between them in a simulated card dispenser."""

from __future__ import annotations

import time


class Mechanism:
    """One card at a time; each movement takes ``move_s``. ``move`` returns a CRT error, "" if it was good."""

    def __init__(self, cards: int, move_s: float, bin_size: int) -> None:
        self.full, self.move_s, self.bin_size = cards, move_s, bin_size
        self.reset()

    def reset(self) -> None:
        """As good as new."""
        self.cards, self.place, self.kept, self.taken = self.full, "nowhere", 0, 0
        self.entry_open = self.jam_next = self.attended = False
        self.error = ""

    @property
    def stacker(self) -> str:
        """``empty``, ``few`` or ``enough``."""
        return "empty" if self.cards == 0 else "few" if self.cards <= 5 else "enough"

    @property
    def bin_full(self) -> bool:
        """Whether no card fits into the bin any more."""
        return self.kept >= self.bin_size

    def move(self, to: str) -> str:
        """To ``reader``, ``gate`` or ``bin``; from the stacker when nothing is inside."""
        if self.error:
            return self.error
        if self.place == "nowhere":
            if self.cards == 0:
                return "A0"
            self.cards -= 1
            self.place = "reader"
        if to == "bin" and self.bin_full:
            return "A1"
        if self.jam_next:
            self.jam_next, self.error = False, "10"
            return "10"
        time.sleep(self.move_s)
        is_taken = to == "gate" and self.attended
        self.place = "nowhere" if to == "bin" or is_taken else to
        self.kept += to == "bin"
        self.taken += is_taken
        return ""
