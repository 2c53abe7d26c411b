"""Talk with a CRT-571/591-M: command, ACK, answer, ACK."""

from __future__ import annotations

from devices.card_dispenser import crt_codec as codec
from devices.card_dispenser.crt_codec import Answer, Heard
from devices.card_dispenser.status import CRT_ERRORS, Dispenser, Place, crt_state
from devices.contract import Deadline, TryAgain
from devices.exchange import Exchange
from devices.transport import Transport
from devices.vocabulary import SupplyState

INIT, STATUS, MOVE, ENTRY = 0x30, 0x31, 0x32, 0x33
INIT_HOLD, STATUS_DEVICE = 0x30, 0x30
TO_READER, TO_BIN, TO_GATE = 0x32, 0x33, 0x39
ENTRY_ON, ENTRY_OFF = 0x30, 0x31
ACK_S = 2.0


class DeviceRefusal(Exception):
    """The device has answered with an error; ``error`` is a stable code."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Crt:
    """One device. A refused or unanswered frame is never repeated by itself: it may have been obeyed."""

    def __init__(self, transport: Transport, address: int, answer_s: float) -> None:
        self._line: Exchange[Heard] = Exchange(transport, codec.take, answer_s=answer_s)
        self._transport, self._address = transport, address

    def open(self) -> None:
        """Open the line and reset the device; a card inside is held where it is."""
        self._line.open()
        self._ask(INIT, INIT_HOLD, Deadline(ACK_S * 5))

    def close(self) -> None:
        """Close the line."""
        self._line.close()

    def state(self, deadline: Deadline) -> Dispenser:
        """Where the card is, how full the stacker and the bin are."""
        try:
            answer = self._ask(STATUS, STATUS_DEVICE, deadline)
        except DeviceRefusal as refusal:
            return Dispenser(Place.UNKNOWN, SupplyState.UNKNOWN, fault=refusal.error)
        try:
            return crt_state(answer.states)
        except ValueError:
            raise TryAgain("garbled", "no states in the answer") from None

    def move(self, place: str, deadline: Deadline) -> None:
        """Move a card to ``gate``, ``reader`` or ``bin``; one comes from the stacker when none is inside."""
        self._ask(MOVE, {"reader": TO_READER, "bin": TO_BIN, "gate": TO_GATE}[place], deadline)

    def entry(self, deadline: Deadline, *, is_open: bool) -> None:
        """Whether a card that a person puts in is drawn in."""
        self._ask(ENTRY, ENTRY_ON if is_open else ENTRY_OFF, deadline)

    def _ask(self, command: int, parameter: int, deadline: Deadline) -> Answer:
        frame = codec.encode(self._address, command, parameter)
        taken = self._line.ask(frame, lambda heard: heard in (codec.ACK, codec.NAK), deadline)
        if taken == codec.NAK:
            raise DeviceRefusal("bad_command")
        answer = self._line.hear(
            lambda heard: isinstance(heard, Answer) and (heard.command, heard.parameter) == (command, parameter),
            deadline,
        )
        assert isinstance(answer, Answer)
        self._transport.write(bytes((codec.ACK,)))
        if answer.error:
            raise DeviceRefusal(CRT_ERRORS.get(answer.error, "device_error"))
        return answer
