"""Talk with a K720: command, ACK, ENQ, answer."""

from __future__ import annotations

import time

from devices.card_dispenser import k720_codec as codec
from devices.card_dispenser.crt import DeviceRefusal
from devices.card_dispenser.k720_codec import Heard, Text
from devices.card_dispenser.status import Dispenser, Place, k720_state
from devices.contract import Deadline, TryAgain
from devices.exchange import Exchange
from devices.transport import Transport

MOVES = {"gate": "FC4", "reader": "FC7", "bin": "CP"}
"""Take position, read position, recycle box."""

FRONT_ENTER, RESET, STATUS = "FC8", "RS", "AP"
LOOK_S = 0.1


class K720:
    """One device. It answers a movement at once; that it is over is told by its state."""

    def __init__(self, transport: Transport, address: int, answer_s: float) -> None:
        self._line: Exchange[Heard] = Exchange(transport, codec.take, answer_s=answer_s)
        self._transport, self._address, self._answer_s = transport, address, answer_s

    def open(self) -> None:
        """Open the line and reset the device."""
        self._line.open()
        self._tell(RESET, Deadline(self._answer_s * 2))
        self._settled(Deadline(self._answer_s * 2))

    def close(self) -> None:
        """Close the line."""
        self._line.close()

    def state(self, deadline: Deadline) -> Dispenser:
        """Where the card is, how full the stacker and the bin are."""
        self._tell(STATUS, deadline)
        enquiry = bytes((codec.ENQ,)) + codec.address_bytes(self._address)
        answer = self._line.ask(enquiry, lambda heard: isinstance(heard, Text), deadline)
        assert isinstance(answer, Text)
        try:
            return k720_state(answer.text.removeprefix("P").removeprefix(STATUS)[:4])
        except ValueError:
            raise TryAgain("garbled", "no states in the answer") from None

    def move(self, place: str, deadline: Deadline) -> None:
        """Move a card to ``gate``, ``reader`` or ``bin`` and wait until it stands still."""
        self._tell(MOVES[place], deadline)
        if fault := self._settled(deadline).fault:
            raise DeviceRefusal(fault)

    def entry(self, deadline: Deadline, *, is_open: bool) -> None:
        """Draw in the next card from the front; it cannot be taken back but by a reset."""
        self._tell(FRONT_ENTER if is_open else RESET, deadline)
        if not is_open:
            # It says yes before it does it.
            self._settled(deadline)

    def _settled(self, deadline: Deadline) -> Dispenser:
        ends = time.monotonic() + self._answer_s
        while (state := self.state(deadline)).place is Place.MOVING:
            if time.monotonic() > ends:
                raise TryAgain("silent", "the device does not end its movement")
            Deadline(LOOK_S).pause(LOOK_S)
        return state

    def _tell(self, command: str, deadline: Deadline) -> None:
        taken = self._line.ask(codec.encode(self._address, command), lambda heard: isinstance(heard, int), deadline)
        if taken != codec.ACK:
            raise DeviceRefusal("bad_command")
