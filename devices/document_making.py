"""Machines that write documents on numbered blanks: words, the vendor's part, the driver's rules.

A blank with its number is money's worth: every one that leaves the stock ends as written or voided and is counted. The
caller keeps ``key`` and ``serial`` before it asks (intent before effect); by ``key`` the end is found after anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Protocol

from msgspec import Meta

from devices.contract import Completed, Deadline, TryAgain
from devices.vocabulary import Completion, DeviceState, DeviceStatus, MediaState, SupplyState

SETTLE_S = 2.0
LOOK_S = 0.2
FEW_BLANKS = 10
Name = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9_.-]*$(?!\n)")]
"""A code or the number of a blank, as a machine may say it: it goes into logs, status lines and the count of blanks."""
Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class MakeEnd(StrEnum):
    """What became of a blank. Only the machine's own word makes it anything but ``UNKNOWN``."""

    WRITTEN = "written"
    VOIDED = "voided"
    NOT_WRITTEN = "not_written"
    UNKNOWN = "unknown"


class Place(StrEnum):
    """Where the document lies."""

    NOWHERE = "nowhere"
    INSIDE = "inside"
    SLOT = "slot"


@dataclass(frozen=True, slots=True)
class Order:
    """One document to be written. ``fields`` are printed and stored as they come; what they mean is not known here."""

    key: str
    serial: str
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    picture: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Made:
    """The value of ``write`` and ``find_end``: ``serial`` is the blank that was used up, "" when none was."""

    end: MakeEnd
    key: str
    serial: Name = ""
    reason: Name = ""


@dataclass(frozen=True, slots=True)
class MakerState:
    """What the machine says of itself; ``fault`` is a stable code, ``left`` counts blanks, the next one included."""

    next_serial: Name
    left: Count
    place: Place = Place.NOWHERE
    fault: Name = ""
    swallowed: Count = 0
    """Old documents in the collecting box."""
    retracted: Count = 0
    """New documents that nobody took."""


class Refusal(Exception):
    """The machine has answered and does not do it; nothing was used up. ``error`` is a stable code."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Maker(Protocol):
    """A vendor's machine: plain blocking calls. TryAgain when it does not answer, Refusal when it says no."""

    def open(self) -> None:
        """Open and shake hands."""

    def close(self) -> None:
        """Let go; never raises."""

    def state(self, deadline: Deadline) -> MakerState:
        """Stock, faults and where the document lies."""
        ...

    def write(self, order: Order, deadline: Deadline) -> Made:
        """Write the blank ``order.serial``. Refusal ``serial_changed`` when another one is next."""
        ...

    def end_of(self, key: str, deadline: Deadline) -> Made | None:
        """What its own journal says of an order; None when it never had it."""
        ...

    def present(self, deadline: Deadline) -> None:
        """Move the document to the slot."""

    def retract(self, deadline: Deadline) -> None:
        """Take the document back from the slot into the box."""

    def accept_old(self, deadline: Deadline) -> None:
        """Open the mouth for the person's old document; it is drawn in and held when it comes."""

    def swallow_old(self, deadline: Deadline) -> None:
        """Drop the old document, held inside, into the collecting box."""

    def shut(self, deadline: Deadline) -> None:
        """Close the mouth again: nothing more is drawn in."""


_DEVICE = {
    "jammed": DeviceState.HARDWARE_ERROR,
    "printer_error": DeviceState.HARDWARE_ERROR,
    "cover_open": DeviceState.USER_ERROR,
    "box_full": DeviceState.USER_ERROR,
    "ribbon_out": DeviceState.HARDWARE_ERROR,
}


def maker_status(state: MakerState, in_doubt: str = "") -> DeviceStatus:
    """The machine's state in the common words; an order in doubt keeps it from the next person."""
    supply = SupplyState.LOW if state.left <= FEW_BLANKS else SupplyState.FULL
    supply = SupplyState.OUT if state.left <= 0 else supply
    supply = SupplyState.JAMMED if state.fault == "jammed" else supply
    media = MediaState.NOT_PRESENT if state.place is Place.NOWHERE else MediaState.PRESENT
    error = state.fault or ("in_doubt" if in_doubt else "")
    device = _DEVICE.get(error, DeviceState.OFFLINE) if error else DeviceState.ONLINE
    return DeviceStatus(device, media, supply, error)


class DocumentMaker:
    """Driver over a ``Maker``; a vendor's driver is a subclass that makes its own (docs/vendor-devices.md)."""

    commands: ClassVar[frozenset[str]] = frozenset(
        {
            "read_stock",
            "write",
            "find_end",
            "hand_out",
            "retract",
            "accept_old",
            "swallow_old",
            "give_back",
            "self_test",
        }
    )
    idle_interval_s: ClassVar[float] = 2.0

    def __init__(self, settings: Any, publish: Callable[[DeviceStatus], None]) -> None:
        self._settings, self._publish = settings, publish
        self._maker = self.maker(settings)
        self._in_doubt = ""

    def maker(self, settings: Any) -> Maker:
        """The machine that these settings name."""
        raise NotImplementedError

    def setup(self) -> None:
        """Open and hear the machine; an order in doubt is asked after."""
        self._maker.open()
        self.idle()

    def idle(self) -> None:
        """Publish stock and faults."""
        deadline = Deadline(SETTLE_S)
        if self._in_doubt and self._end_of(self._in_doubt, deadline).end is not MakeEnd.UNKNOWN:
            self._in_doubt = ""
        self._look(deadline)

    def teardown(self) -> None:
        """Let go of the machine."""
        self._maker.close()

    def read_stock(self, deadline: Deadline) -> Completed:
        """The value is a ``MakerState``: what ``write`` needs is its ``next_serial``."""
        return Completed(Completion.SUCCESS, self._look(deadline))

    def write(self, deadline: Deadline, order: Order) -> Completed:
        """Write one document; the value is always a ``Made``.

        ``written`` and ``voided`` use the blank up; ``not_written`` does not; ``unknown`` may have. After that nothing
        is written before the machine has said how it ended.
        """
        try:
            if reason := self._refusal(order, deadline):
                return made(Made(MakeEnd.NOT_WRITTEN, order.key, reason=reason))
        except TryAgain as fault:
            return made(Made(MakeEnd.NOT_WRITTEN, order.key, reason=fault.error))
        self._in_doubt = order.key
        try:
            done = self._maker.write(order, deadline)
        except Refusal as refusal:
            done = Made(MakeEnd.NOT_WRITTEN, order.key, reason=refusal.error)
        except TryAgain as fault:
            return made(Made(MakeEnd.UNKNOWN, order.key, order.serial, fault.error))
        self._in_doubt = ""
        return made(done)

    def find_end(self, deadline: Deadline, key: str) -> Completed:
        """How the order with this key has ended, by the machine's own journal."""
        return made(self._end_of(key, deadline))

    def hand_out(self, deadline: Deadline) -> Completed:
        """Give the document out and wait until it is taken; one that nobody takes is drawn back (``retracted``)."""
        return self._moved(self._maker.present, deadline, back=self._maker.retract, lost="retracted")

    def give_back(self, deadline: Deadline) -> Completed:
        """Give an old document back and wait until it is taken; it stays in the slot if it is not (``not_taken``)."""
        return self._moved(self._maker.present, deadline, back=None, lost="not_taken")

    def retract(self, deadline: Deadline) -> Completed:
        """Put what lies in the slot into the box: what is left over of another visit."""
        return self._tried(self._maker.retract, deadline)

    def accept_old(self, deadline: Deadline) -> Completed:
        """Wait for the person's old document; it is held inside afterwards."""
        if not (done := self._tried(self._maker.accept_old, deadline)).ok:
            return done
        while self._look(deadline).place is not Place.INSIDE:
            if deadline.over:
                return self._shut()
            deadline.pause(LOOK_S)
        return Completed(Completion.SUCCESS)

    def _shut(self) -> Completed:
        """Nobody waits any more: the mouth is closed, and what came at the last moment counts as put in."""
        last = Deadline(SETTLE_S)
        self._tried(self._maker.shut, last)
        if self._look(last).place is Place.INSIDE:
            return Completed(Completion.SUCCESS)
        return Completed(Completion.TIME_OUT, error="nothing_inserted")

    def swallow_old(self, deadline: Deadline) -> Completed:
        """Keep the old document; success only when the machine has counted one more."""
        before = self._look(deadline)
        if before.place is not Place.INSIDE:
            return Completed(Completion.INVALID_COMMAND, error="nothing_inserted")
        if not (done := self._tried(self._maker.swallow_old, deadline)).ok:
            return done
        after = self._look(deadline)
        counted = after.swallowed == before.swallowed + 1 and after.place is Place.NOWHERE
        return Completed(
            Completion.SUCCESS if counted else Completion.HARDWARE_ERROR, error="" if counted else "jammed"
        )

    def self_test(self, deadline: Deadline) -> Completed:
        """Ask the machine; nothing is written."""
        state = self._look(deadline)
        error = state.fault or ("stock_out" if state.left <= 0 else "") or ("in_doubt" if self._in_doubt else "")
        return Completed(Completion.HARDWARE_ERROR if error else Completion.SUCCESS, error=error)

    # -- talk ------------------------------------------------------------------------------------------------------

    def _refusal(self, order: Order, deadline: Deadline) -> str:
        if deadline.over:
            return "canceled" if deadline.canceled.is_set() else "timeOut"
        self.idle()
        if self._in_doubt:
            return "in_doubt"
        state = self._look(deadline)
        if state.fault or state.left <= 0:
            return state.fault or "stock_out"
        return "" if state.next_serial == order.serial else "serial_changed"

    def _end_of(self, key: str, deadline: Deadline) -> Made:
        found = self._maker.end_of(key, deadline)
        return Made(MakeEnd.NOT_WRITTEN, key, reason="never_received") if found is None else found

    def _moved(
        self,
        move: Callable[[Deadline], None],
        deadline: Deadline,
        *,
        back: Callable[[Deadline], None] | None,
        lost: str,
    ) -> Completed:
        if self._look(deadline).place is Place.NOWHERE:
            return Completed(Completion.INVALID_COMMAND, error="nothing_inside")
        if not (done := self._tried(move, deadline)).ok:
            return done
        while self._look(deadline).place is not Place.NOWHERE:
            if deadline.over:
                drawn_back = self._tried(back, Deadline(SETTLE_S)) if back else Completed(Completion.SUCCESS)
                return Completed(Completion.TIME_OUT, error=lost if drawn_back.ok else drawn_back.error)
            deadline.pause(LOOK_S)
        return Completed(Completion.SUCCESS)

    @staticmethod
    def _tried(move: Callable[[Deadline], None], deadline: Deadline) -> Completed:
        try:
            move(deadline)
        except Refusal as refusal:
            return Completed(Completion.HARDWARE_ERROR, error=refusal.error)
        return Completed(Completion.SUCCESS)

    def _look(self, deadline: Deadline) -> MakerState:
        state = self._maker.state(deadline)
        self._publish(maker_status(state, self._in_doubt))
        return state


def made(done: Made) -> Completed:
    """The completion that says this."""
    if done.end is MakeEnd.WRITTEN:
        return Completed(Completion.SUCCESS, done)
    code = Completion.HARDWARE_ERROR if done.end is MakeEnd.VOIDED else Completion.DEVICE_NOT_READY
    return Completed(code, done, error=done.reason)


def made_of(completed: Completed, order: Order) -> Made:
    """What a ``write`` completion says, also when the supervisor ended it without the driver."""
    if isinstance(completed.value, Made):
        return completed.value
    end = MakeEnd.NOT_WRITTEN if completed.refused else MakeEnd.UNKNOWN
    return Made(end, order.key, "" if completed.refused else order.serial, completed.error or completed.code.value)
