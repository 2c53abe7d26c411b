"""The next card: one that was put down for this. What somebody left on the reader is never read for the next person."""

from __future__ import annotations

from collections.abc import Callable

from devices.contract import Completed
from devices.id_card_reader.card import IdCard
from devices.id_card_reader.status import CARD_LEFT
from devices.vocabulary import Completion
from kiosk.clock import Clock
from kiosk.peripherals import Peripherals

READER = "id_card_reader"
_READ_S = 3600.0
"""A read waits for a card as long as it is wanted; canceling it ends it."""
_TRIES = 3
"""So often a card that cannot be read is tried again where it lies; then it has to be put down anew."""


class NextCard:
    """Reads cards that were put down since the last one was read, and since the last visit ended."""

    def __init__(self, peripherals: Peripherals, clock: Clock) -> None:
        self._peripherals, self._clock = peripherals, clock
        self._since_s = 0.0

    def begin(self) -> None:
        """Whatever lies on the reader now belongs to what was before."""
        self._since_s = self._clock.monotonic()

    @property
    def is_left(self) -> bool:
        """Whether a card lies there that has to be lifted first."""
        return self._peripherals.status(READER).error == CARD_LEFT

    async def read(self, on_trouble: Callable[[Completed], None]) -> IdCard:
        """Wait for a card that can be read. ``on_trouble`` is told of each read that failed."""
        failed = 0
        while True:
            done = await self._peripherals.call(READER, "read_card", _READ_S, put_down_after=self._since_s)
            if done.ok:
                self.begin()
                return done.value
            on_trouble(done)
            failed = failed + 1 if done.code is Completion.USER_ERROR else 0
            if done.error == "unknown_card" or failed >= _TRIES:
                self.begin()
            if done.code is not Completion.TIME_OUT:
                await self._peripherals.ready(READER)
