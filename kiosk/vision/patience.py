"""The time that a person has: what a busy computer takes for its pictures is not taken from it."""

from __future__ import annotations

PICTURE_S = 0.5
"""The most that one picture may take of the person's time, however long the computer looked at it."""
AT_MOST = 2.0
"""Times the limit, by the clock on the wall: then it is over on the slowest computer too."""


class LookedAt:
    """Seconds that somebody has been looked at, picture by picture."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._last_s: float | None = None

    def until(self, at_s: float) -> float:
        """With the picture of this moment (monotonic, s)."""
        if self._last_s is not None:
            self._seconds += min(max(at_s - self._last_s, 0.0), PICTURE_S)
        self._last_s = at_s
        return self._seconds


class Patience:
    """A limit on ``LookedAt``."""

    def __init__(self, limit_s: float, now_s: float) -> None:
        self._limit_s, self._ends_s = limit_s, now_s + AT_MOST * limit_s
        self._looked_at = LookedAt()
        self._looked_at.until(now_s)

    def is_over(self, now_s: float) -> bool:
        """Ask once for each picture, and while none comes."""
        return self._looked_at.until(now_s) >= self._limit_s or now_s >= self._ends_s
