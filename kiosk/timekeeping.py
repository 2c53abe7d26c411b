"""Keeps the machine's clock within what is proved (CONTRACTS §10), remembers the time, and says when it is doubted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from math import inf

import structlog
import trio

from kiosk.clock import Clock, from_rfc3339, to_rfc3339
from kiosk.messages.receipts import parse_receipt
from kiosk.threads import in_thread
from offline_cache.errors import StoreError
from offline_cache.outbox import Proof
from offline_cache.values import Values

log = structlog.get_logger()

LOOK_S = 10.0
KEEP_S = 600.0
_LAST_YEAR = 2200
_SPACE, _NAME = "clock", "last"


class Timekeeper:
    """One per machine. ``on_alarm(what, reason)`` is told once for each doubt, ``on_change`` when dates can be judged.

    The time is stored every ten minutes, and at once when the hub has said it for the first time.
    """

    def __init__(
        self,
        clock: Clock,
        values: Values,
        *,
        on_alarm: Callable[[str, str], None] = lambda *_: None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._values = values
        self._on_alarm = on_alarm
        self._on_change = on_change
        self._told = ""
        self._next_keep_s = -inf
        self._heard_hub = False
        if (stored := _moment((values.get(_SPACE, _NAME) or b"").decode("ascii", "replace"))) is not None:
            clock.not_before(stored, "stored")
        self._knew_date = clock.knows_date

    async def run(self) -> None:
        """Looks every ten seconds until canceled."""
        while True:
            self.look()
            if trio.current_time() >= self._next_keep_s:
                await in_thread(self.keep)
                self._next_keep_s = trio.current_time() + KEEP_S
            await trio.sleep(LOOK_S)

    def hub_says(self, now: str) -> None:
        """The hub has signed its time in an answer to us just now."""
        at = _moment(now)
        if at is None:
            return
        if not self._clock.hub_says(at):
            self._tell("hub_wrong", "the hub's own clock is before this program was built; its time is not followed")
            return
        if not self._heard_hub:
            self._heard_hub, self._next_keep_s = True, -inf
        self.look()

    def receipt_kept(self, proof: Proof | None) -> None:
        """A receipt was verified and kept."""
        if proof is not None and proof.receipt is not None:
            self.receipt_says(parse_receipt(proof.receipt).received_at)

    def receipt_says(self, received_at: str) -> None:
        """A verified receipt: so late it was already when the hub wrote it."""
        at = _moment(received_at)
        if at is not None:
            self._clock.not_before(at, "receipt")
            self.look()

    def look(self) -> None:
        """Says what is new about the clock."""
        read = self._clock.read()
        if read.is_doubted:
            shift = timedelta(seconds=round(abs(read.offset_s)))
            way = "behind" if read.offset_s > 0 else "ahead"
            follows = {"hub": "the hub's time", "build": "no date"}.get(read.bound_by, "the last time it knew")
            self._tell(read.bound_by, f"the machine's clock is {shift} {way}; the machine goes by {follows}")
        else:
            self._told = ""
        if read.is_known != self._knew_date:
            self._knew_date = read.is_known
            self._on_change()

    def _tell(self, doubt: str, reason: str) -> None:
        if doubt != self._told:
            self._told = doubt
            log.error("clock.doubted", bound_by=doubt, reason=reason)
            self._on_alarm("clock", reason)

    def keep(self) -> None:
        """Stores the time, if it is known; durable when this returns."""
        read = self._clock.read()
        if not read.is_known or read.bound_by == "demo":
            return
        try:
            self._values.put(_SPACE, _NAME, to_rfc3339(read.at).encode("ascii"))
        except StoreError as error:
            log.warning("clock.not_kept", error=str(error))


def _moment(text: str) -> datetime | None:
    """An RFC 3339 time; None when it is none."""
    try:
        at = from_rfc3339(text)
    except ValueError:
        return None
    # Later than anybody will read it: adding to it would leave the calendar.
    return at if at.year < _LAST_YEAR else None
