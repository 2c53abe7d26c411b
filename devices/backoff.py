"""How long to wait before something that has ended is begun anew."""

from __future__ import annotations

import random

_DOUBLINGS = 16


class Backoff:
    """``base_s`` after the first end, twice as long after each further one, never longer than ``cap_s``.

    Up to half of it is taken off by chance, so that what ended together does not come back together.
    """

    def __init__(self, base_s: float, cap_s: float) -> None:
        self.cap_s = cap_s
        self._base_s = base_s
        self._ends = 0

    def pause_s(self, *, stood: bool) -> float:
        """After one more end. ``stood``: it had kept up for a while before; then it starts over."""
        self._ends = 1 if stood else self._ends + 1
        return min(self.cap_s, self._base_s * 2 ** min(self._ends - 1, _DOUBLINGS)) * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """All is well, or somebody has come to look: the next pause is the shortest."""
        self._ends = 0
