"""How often receipt numbers may be tried at one machine: a few at once, then one a minute, whoever tries.

It is kept in memory: to begin anew is to start the machine anew, which takes as long as the wait.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

AT_ONCE = 5
PACE_S = 60.0


class SlipTries:
    """Counts the tries that opened nothing, of all visits together. ``monotonic`` in seconds: no clock shortens it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._paid_until = monotonic()

    def miss(self) -> None:
        """A try that opened nothing."""
        self._paid_until = max(self._paid_until, self._monotonic()) + PACE_S

    def wait_s(self) -> int:
        """Seconds until the next try; 0 when there may be one now."""
        return max(0, ceil(self._paid_until - self._monotonic() - (AT_ONCE - 1) * PACE_S))
