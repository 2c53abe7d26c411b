"""The technician's own card: it lies on the reader the whole time, except while the reader itself is tested."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

import trio

from devices.contract import Completed
from devices.id_card_reader.card import IdCard
from devices.vocabulary import WORKS, Completion
from kiosk.machine import Machine
from kiosk.staff import Staff

BACK_WITHIN_S = 30.0
_WATCH_S = 3600.0
_LOOK_S = 1.0


class Watched(Enum):
    """How a watch over the card ended."""

    LIFTED = "card_lifted"
    READER_BACK = "reader_back"


class Badge:
    """Notices when the card is lifted. ``reader`` is where it lies; ``noticeable`` turns false where it cannot tell."""

    def __init__(self, machine: Machine, staff: Staff) -> None:
        self._machine, self._staff = machine, staff
        self.reader = machine.next_card.reader
        self._scope: trio.CancelScope | None = None
        self._given_back: trio.Event | None = None
        self.noticeable = True

    async def watch(self) -> Watched:
        """Until the card is lifted, or a lost reader answers again: then nobody knows whose card lies there."""
        while True:
            while self._given_back is not None and not self._given_back.is_set():
                await self._given_back.wait()
            done = await self._removal()
            if done is None or done.code is Completion.TIME_OUT:
                continue
            if done.ok:
                return Watched.LIFTED
            if done.code is Completion.UNSUPPORTED:
                self.noticeable = False
                await trio.sleep_forever()
            await self._reader_works()
            return Watched.READER_BACK

    async def _removal(self) -> Completed | None:
        """The reader's word on the card; None when the reader was lent meanwhile."""
        with trio.CancelScope() as self._scope:
            return await self._machine.peripherals.call(self.reader, "wait_removed", _WATCH_S)
        return None

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """The reader is free for a test; the watch goes on afterwards."""
        event = self._given_back = trio.Event()
        if self._scope is not None:
            self._scope.cancel()
        try:
            yield
        finally:
            event.set()

    async def returned(self) -> bool:
        """Whether the technician's own card is read again within ``BACK_WITHIN_S``."""
        with trio.move_on_after(BACK_WITHIN_S):
            while True:
                done = await self._machine.peripherals.call(self.reader, "read_card", BACK_WITHIN_S)
                if done.ok and await self._is_own(done.value):
                    return True
                await self._machine.pause_before_retry(device_lost=not done.ok, device=self.reader)
        return False

    async def _is_own(self, card: IdCard) -> bool:
        found = await self._machine.staff.find(card)
        return found is not None and found.ref == self._staff.ref

    async def _reader_works(self) -> None:
        while True:
            await trio.sleep(_LOOK_S)
            if self._machine.peripherals.status(self.reader).device in WORKS:
                return
