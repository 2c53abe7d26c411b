"""Card dispenser and collector: where a card is, only the device's own state says; no movement's answer does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

from devices.card_dispenser.crt import Crt, DeviceRefusal
from devices.card_dispenser.k720 import K720
from devices.card_dispenser.status import Dispenser, Place, dispenser_status
from devices.contract import Completed, Deadline, DriverSettings, Permanent, TryAgain
from devices.declaration import Declaration, DeviceTest
from devices.ranges import Baudrate, Milliseconds
from devices.transport import SerialTransport
from devices.vocabulary import Completion, DeviceStatus, SupplyState

SETTLE_S = 2.0
LOOK_S = 0.2


class CardDispenserSettings(DriverSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``driver = "card_dispenser"``: a CRT-571/591-M or a K720."""

    port: str
    """Serial port, best by a stable name."""
    protocol: Literal["crt", "k720"] = "crt"
    """Which family: CRT-571 and CRT-591-M, or K720."""
    baudrate: Baudrate = 9600
    """Serial speed, 8N1."""
    address: int = 0
    """Address set on the device, 0 to 15."""
    answer_timeout_ms: Milliseconds = 8000
    """How long an answer may take, a card's way included."""


class CardEnd(StrEnum):
    """What became of a card. Only the device's own state makes it anything but ``UNKNOWN``."""

    READY = "ready"
    TAKEN = "taken"
    KEPT = "kept"
    NOT_MOVED = "not_moved"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CardResult:
    """The value of every movement."""

    end: CardEnd
    place: Place
    reason: str = ""


def dispenser(port: str, baudrate: int, protocol: str, address: int, answer_ms: int) -> Crt | K720:
    """The talk with such a device. Permanent when its address cannot be."""
    if not 0 <= address <= 15:
        raise Permanent("bad_settings", "card_dispenser: address is 0 to 15")
    family = Crt if protocol == "crt" else K720
    return family(SerialTransport(port, baudrate), address, answer_ms / 1000)


class CardDispenser:
    """Driver of one dispenser."""

    kind: ClassVar[str] = "card_dispenser"
    declarations: ClassVar[dict[str, Declaration]] = {
        "card_dispenser": Declaration(
            "cardholder", (DeviceTest(), DeviceTest("keep", "tray")), levels={"bin_full": "error"}
        )
    }
    Settings: ClassVar[type[DriverSettings]] = CardDispenserSettings
    commands: ClassVar[frozenset[str]] = frozenset(
        {"dispense", "present", "accept", "keep", "read_position", "self_test"}
    )
    idle_interval_s: ClassVar[float] = 2.0

    def __init__(self, settings: CardDispenserSettings, publish: Callable[[DeviceStatus], None]) -> None:
        self._publish = publish
        where = (settings.port, settings.baudrate, settings.protocol, settings.address)
        self._device = dispenser(*where, settings.answer_timeout_ms)

    def setup(self) -> None:
        """Open and reset; a card that is inside stays there and is told."""
        try:
            self._device.open()
        except DeviceRefusal as refusal:
            raise TryAgain(refusal.error, "the device does not reset") from None
        self._look(Deadline(SETTLE_S))

    def idle(self) -> None:
        """Publish stacker, bin and faults."""
        self._look(Deadline(SETTLE_S))

    def teardown(self) -> None:
        """Close."""
        self._device.close()

    def read_position(self, deadline: Deadline) -> Completed:
        """The value is a ``Dispenser``."""
        return Completed(Completion.SUCCESS, self._look(deadline))

    def dispense(self, deadline: Deadline) -> Completed:
        """Move one card from the stacker to the reader; the value is a ``CardResult`` (``ready``).

        A card that is inside already is refused (``card_inside``): it is of another visit.
        """
        state = self._look(deadline)
        if state.place is not Place.NOWHERE:
            return _done(CardEnd.NOT_MOVED, state.place, "card_inside")
        if reason := state.fault or ("stacker_empty" if state.stacker is SupplyState.OUT else ""):
            return _done(CardEnd.NOT_MOVED, state.place, reason)
        return self._move("reader", Place.READER, CardEnd.READY, deadline)

    def present(self, deadline: Deadline) -> Completed:
        """Give the card out and wait until it is taken; one that nobody takes is kept (``kept``)."""
        if (state := self._look(deadline)).place is Place.NOWHERE:
            return _done(CardEnd.NOT_MOVED, state.place, "no_card")
        done = self._move("gate", Place.GATE, CardEnd.READY, deadline, or_gone=True)
        if not done.ok or done.value.end is CardEnd.TAKEN:
            return done
        while self._look(deadline).place is not Place.NOWHERE:
            if deadline.over:
                return self._kept(Deadline(SETTLE_S), "not_taken")
            deadline.pause(LOOK_S)
        return _done(CardEnd.TAKEN, Place.NOWHERE)

    def accept(self, deadline: Deadline) -> Completed:
        """Wait for a person's card and move it to the reader; nothing is drawn in any more when it ends."""
        state = self._look(deadline)
        if state.place is not Place.NOWHERE or state.fault:
            return _done(CardEnd.NOT_MOVED, state.place, state.fault or "card_inside")
        try:
            place = self._come_in(deadline)
        except DeviceRefusal as refusal:
            return _done(CardEnd.NOT_MOVED, self._look(Deadline(SETTLE_S)).place, refusal.error)
        if place in (Place.NOWHERE, Place.MOVING):
            return _done(CardEnd.NOT_MOVED, place, "no_card")
        return self._move("reader", Place.READER, CardEnd.READY, Deadline(SETTLE_S))

    def keep(self, deadline: Deadline) -> Completed:
        """Put the card that is inside into the bin."""
        if (state := self._look(deadline)).place is Place.NOWHERE:
            return _done(CardEnd.NOT_MOVED, state.place, "no_card")
        return self._kept(deadline, "")

    def self_test(self, deadline: Deadline) -> Completed:
        """Ask the device; nothing moves."""
        state = self._look(deadline)
        error = state.fault or ("bin_full" if state.bin_full else "")
        error = error or ("stacker_empty" if state.stacker is SupplyState.OUT else "")
        return Completed(Completion.HARDWARE_ERROR if error else Completion.SUCCESS, error=error)

    # -- talk ------------------------------------------------------------------------------------------------------

    def _come_in(self, deadline: Deadline) -> Place:
        """Where a card is that came in before the deadline; the entry is closed again however the wait ends."""
        try:
            self._device.entry(Deadline(SETTLE_S), is_open=True)
            while (place := self._look(Deadline(SETTLE_S)).place) in (Place.NOWHERE, Place.MOVING):
                if deadline.over:
                    break
                deadline.pause(LOOK_S)
        finally:
            self._device.entry(Deadline(SETTLE_S), is_open=False)
        return place

    def _kept(self, deadline: Deadline, reason: str) -> Completed:
        if self._look(deadline).bin_full:
            return _done(CardEnd.NOT_MOVED, Place.UNKNOWN, "bin_full")
        done = self._move("bin", Place.NOWHERE, CardEnd.KEPT, deadline)
        return _done(CardEnd.KEPT, Place.NOWHERE, reason) if done.ok and reason else done

    def _move(self, to: str, wanted: Place, end: CardEnd, deadline: Deadline, *, or_gone: bool = False) -> Completed:
        """Move and ask where the card is now. After silence its place is not known until the next look."""
        reason = ""
        try:
            self._device.move(to, deadline)
        except DeviceRefusal as refusal:
            reason = refusal.error
        except TryAgain as fault:
            return _done(CardEnd.UNKNOWN, Place.UNKNOWN, fault.error)
        try:
            place = self._look(Deadline(SETTLE_S)).place
        except TryAgain as fault:
            return _done(CardEnd.UNKNOWN, Place.UNKNOWN, reason or fault.error)
        if place is wanted and not reason:
            return _done(end, place)
        if or_gone and place is Place.NOWHERE and not reason:
            return _done(CardEnd.TAKEN, place)
        return _done(CardEnd.NOT_MOVED if reason else CardEnd.UNKNOWN, place, reason or "in_doubt")

    def _look(self, deadline: Deadline) -> Dispenser:
        state = self._device.state(deadline)
        self._publish(dispenser_status(state))
        return state


def _done(end: CardEnd, place: Place, reason: str = "") -> Completed:
    result = CardResult(end, place, reason)
    if end in (CardEnd.READY, CardEnd.TAKEN) or (end is CardEnd.KEPT and not reason):
        return Completed(Completion.SUCCESS, result)
    code = Completion.TIME_OUT if reason in ("not_taken", "no_card") else Completion.HARDWARE_ERROR
    return Completed(code, result, error=reason)
