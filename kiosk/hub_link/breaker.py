"""When a destination may be tried: closed, open for a while, or half-open with one probe under way."""

from __future__ import annotations

from random import Random

_SERVER_ERRORS_IN_A_ROW = 3


def full_jitter_s(rng: Random, base_s: float, cap_s: float, tries: int) -> float:
    """``min(cap, base·2^tries)·U(0,1)``: a city's machines do not come back all at once."""
    return min(cap_s, base_s * 2.0 ** min(tries, 32)) * rng.random()


class Breaker:
    """One per destination. All times are monotonic seconds, given by the caller."""

    def __init__(self, rng: Random, *, base_s: float, cap_s: float) -> None:
        self._rng = rng
        self._base_s = base_s
        self._cap_s = cap_s
        self._failures = 0
        self._server_errors = 0
        self._open_until: float | None = None
        self._asked_until = 0.0
        self._probing = False

    def wait_s(self, now: float) -> float | None:
        """0: send · more: closed again to senders for so long · None: wait for the probe under way."""
        if self._open_until is None:
            return 0.0
        if self._probing:
            return None
        return max(0.0, self._open_until - now)

    @property
    def is_open(self) -> bool:
        """Whether only single probes pass."""
        return self._open_until is not None

    def began(self) -> None:
        """Something is being sent; while open it is the one probe."""
        self._probing = self.is_open

    def dropped(self) -> None:
        """The sending was canceled and says nothing."""
        self._probing = False

    def good(self) -> None:
        """The destination answered as a hub does."""
        self._failures = self._server_errors = 0
        self._open_until = None
        self._asked_until = 0.0
        self._probing = False

    def server_error(self, now: float, retry_after_s: float | None) -> None:
        """5xx or 429: may be this envelope only, so it takes several in a row, or ``Retry-After``, to close the way."""
        self._server_errors += 1
        if retry_after_s or self.is_open or self._server_errors >= _SERVER_ERRORS_IN_A_ROW:
            self.bad(now, retry_after_s)

    def bad(self, now: float, at_least_s: float | None = None) -> None:
        """Nobody is there: the next try is a single probe after a while. Others that were under way count once.

        Whoever answers may ask to be left alone for a while (``at_least_s``), up to the cap.
        """
        self._asked_until = max(self._asked_until, now + min(at_least_s or 0.0, self._cap_s))
        if self.is_open and not self._probing:
            return
        wait_s = full_jitter_s(self._rng, self._base_s, self._cap_s, self._failures)
        self._failures += 1
        self._open_until = max(now + wait_s, self._asked_until)
        self._probing = False

    def pause(self, now: float) -> None:
        """The hub does not take this machine: one probe per cap, or when it is seen to answer again."""
        self._open_until = max(now + self._cap_s, self._asked_until)
        self._probing = False

    def try_now(self, now: float) -> None:
        """The network came back: one probe at once if the destination was given up, but not before it asked for."""
        if self._open_until is not None:
            self._open_until = min(self._open_until, max(now, self._asked_until))
