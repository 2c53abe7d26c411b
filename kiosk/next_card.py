"""The next card: one that was put down for this. What somebody left on a reader is never read for the next person."""

from __future__ import annotations

from collections.abc import Callable

import trio

from devices.contract import Completed
from devices.id_card_reader.card import IdCard
from devices.id_card_reader.status import CARD_LEFT
from devices.vocabulary import Completion, MediaState
from kiosk.clock import Clock
from kiosk.peripherals import Peripherals, is_lost
from kiosk.roster import READER

_READ_S = 3600.0
"""A read waits for a card as long as it is wanted; canceling it ends it."""
_TRIES = 3
"""So often a card that cannot be read is tried again where it lies; then it has to be put down anew."""


class NextCard:
    """Reads cards that were put down since the last one was read, and since the last visit ended.

    Every reader of the machine takes a tap; the first that has a card is the one. ``reader`` is where it lay.
    """

    def __init__(self, peripherals: Peripherals, clock: Clock) -> None:
        self._peripherals, self._clock = peripherals, clock
        self._since_s = 0.0
        self.reader = peripherals.chosen(READER)

    def begin(self) -> None:
        """Whatever lies on a reader now belongs to what was before."""
        self._since_s = self._clock.monotonic()

    @property
    def is_left(self) -> bool:
        """Whether a card lies there that has to be lifted first."""
        return any(status.error == CARD_LEFT for status in self._peripherals.statuses_of(READER))

    @property
    def is_there(self) -> bool:
        """Whether a reader sees a card."""
        return any(status.media is MediaState.PRESENT for status in self._peripherals.statuses_of(READER))

    async def read(self, on_trouble: Callable[[Completed], None]) -> IdCard:
        """Wait for a card that can be read. ``on_trouble`` is told of each read that failed.

        It is not told of a reader that is away while another one can be used.
        """
        found: list[IdCard] = []

        async def at(reader: str, scope: trio.CancelScope) -> None:
            card = await self._read_at(reader, on_trouble)
            if not found:
                found.append(card)
                self.reader = reader
                self.begin()
            scope.cancel()

        async with trio.open_nursery() as nursery:
            for reader in self._peripherals.of_kind(READER) or (READER,):
                nursery.start_soon(at, reader, nursery.cancel_scope)
        return found.pop()

    async def _read_at(self, reader: str, on_trouble: Callable[[Completed], None]) -> IdCard:
        failed = 0
        while True:
            done = await self._peripherals.call(reader, "read_card", _READ_S, put_down_after=self._since_s)
            if done.ok:
                return done.value
            if not (is_lost(done) and self._another_is_usable(reader)):
                on_trouble(done)
            failed = failed + 1 if done.code is Completion.USER_ERROR else 0
            if done.error == "unknown_card" or failed >= _TRIES:
                self.begin()
            if done.code is not Completion.TIME_OUT:
                await self._peripherals.ready(reader)

    def _another_is_usable(self, reader: str) -> bool:
        return self._peripherals.chosen(READER) != reader and self._peripherals.is_usable(READER)
