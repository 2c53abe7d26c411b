"""Lock board: a door is open when the board, asked again, says so twice; its answer to the command proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

from devices.contract import Completed, Deadline, DriverSettings, Permanent, TryAgain
from devices.declaration import Declaration, DeviceTest
from devices.exchange import Exchange
from devices.lock_board import codec
from devices.lock_board.codec import Frame
from devices.lock_board.status import board_status, open_locks
from devices.ranges import Baudrate, Milliseconds
from devices.transport import SerialTransport
from devices.vocabulary import Completion, DeviceStatus

SETTLE_S = 2.0
LOOK_S = 0.15
"""How long after one look the next one follows: a bolt needs some 100 ms."""
ASKED_AGAIN = 2
_UNHEARD = ("silent", "garbled")


class LockBoardSettings(DriverSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``driver = "lock_board"``: locks on an RS-485 or RS-232 board with frames 8A/80/90/9A/9B."""

    port: str
    """Serial port, best by a stable name."""
    baudrate: Baudrate = 9600
    """Serial speed, 8N1."""
    board: int = 1
    """Address set on the board, 1 to 32."""
    locks: int = 24
    """How many locks are wired, from number 1, at most 24."""
    open_value: Literal["00", "11"] = "00"
    """What a query answers for an open lock (hexadecimal); boards differ with the kind of their contacts."""
    answer_timeout_ms: Milliseconds = 600
    """How long an answer may take; boards need about 200 ms."""
    open_timeout_ms: Milliseconds = 2500
    """How long a door may take to be reported open after its bolt was drawn."""


class Door(StrEnum):
    """What is known about a door after a command. Only the board's second word makes it ``OPENED`` or ``SHUT``."""

    OPENED = "opened"
    SHUT = "shut"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DoorResult:
    """The value of ``open_door`` and ``await_shut``."""

    door: Door
    lock: int
    reason: str = ""


class LockBoard:
    """Driver of one board."""

    kind: ClassVar[str] = "lock_board"
    declarations: ClassVar[dict[str, Declaration]] = {
        "lock_board": Declaration("lock", (DeviceTest(), DeviceTest("open_all", "lock-open")))
    }
    Settings: ClassVar[type[DriverSettings]] = LockBoardSettings
    commands: ClassVar[frozenset[str]] = frozenset(
        {"open_door", "await_shut", "read_doors", "hold", "release", "open_group", "open_all", "self_test"}
    )
    idle_interval_s: ClassVar[float] = 1.0

    def __init__(self, settings: LockBoardSettings, publish: Callable[[DeviceStatus], None]) -> None:
        if not (1 <= settings.board <= 32 and 1 <= settings.locks <= codec.LOCKS):
            raise Permanent("bad_settings", "lock_board: board is 1 to 32, locks 1 to 24")
        self._settings, self._publish = settings, publish
        self._line = Exchange(
            SerialTransport(settings.port, settings.baudrate),
            codec.take,
            answer_s=settings.answer_timeout_ms / 1000,
            late_s=1.0,
        )
        self._open_is_set = settings.open_value == "11"
        self._said: DeviceStatus | None = None

    def setup(self) -> None:
        """Open and hear the board."""
        self._line.open()
        self._look(Deadline(SETTLE_S))

    def idle(self) -> None:
        """Notice loss and doors that stand open."""
        self._look(Deadline(SETTLE_S))

    def teardown(self) -> None:
        """Close."""
        self._line.close()

    def read_doors(self, deadline: Deadline) -> Completed:
        """The numbers of all locks that stand open, as a frozenset; two answers in a row agree on them."""
        return Completed(Completion.SUCCESS, self._agreed(deadline))

    def open_door(self, deadline: Deadline, lock: int) -> Completed:
        """Draw the bolt of ``lock``; the value is a ``DoorResult``.

        ``opened``: two queries after the command say so. ``shut``: they say that it has stayed shut (``stuck``), or
        nothing was sent. ``unknown``: the board fell silent after the command had left. A door that stands open
        already is refused (``stands_open``): what lies behind it may be another person's.
        """
        if not 1 <= lock <= self._settings.locks:
            return self._refused(lock, Completion.INVALID_DATA, "no_such_lock")
        if lock in self._twice(lock, deadline):
            return self._refused(lock, Completion.DEVICE_NOT_READY, "stands_open", Door.OPENED)
        if deadline.over:
            return self._refused(lock, Completion.TIME_OUT, "timeOut")
        try:
            self._tell(codec.OPEN, lock)
            return self._await_open(lock, deadline)
        except TryAgain as fault:
            done = DoorResult(Door.UNKNOWN, lock, fault.error)
            return Completed(Completion.DEVICE_NOT_READY, done, error=fault.error)

    def await_shut(self, deadline: Deadline, lock: int) -> Completed:
        """Wait until the door is shut; the value is a ``DoorResult``."""
        while lock in self._twice(lock, deadline):
            if deadline.over:
                done = DoorResult(Door.OPENED, lock, "stands_open")
                return Completed(Completion.TIME_OUT, done, error="stands_open")
            deadline.pause(LOOK_S)
        return Completed(Completion.SUCCESS, DoorResult(Door.SHUT, lock))

    def hold(self, deadline: Deadline, lock: int) -> Completed:
        """Keep a lock drawn until ``release``."""
        self._tell(codec.HOLD, lock)
        return self._await_open(lock, deadline)

    def release(self, deadline: Deadline, lock: int) -> Completed:
        """End ``hold``; whether the door is shut is a question of its own."""
        self._tell(codec.RELEASE, lock)
        return Completed(Completion.SUCCESS)

    def open_group(self, deadline: Deadline, group: int) -> Completed:
        """Draw the bolts of one of the board's groups; the value is the frozenset of open locks."""
        self._tell(codec.GROUP, group)
        deadline.pause(LOOK_S)
        return Completed(Completion.SUCCESS, self._look(deadline))

    def open_all(self, deadline: Deadline) -> Completed:
        """Draw every bolt, one after the other: for a technician. Fails with ``stuck`` when one stays shut."""
        self._tell(codec.OPEN, codec.ALL)
        wanted = frozenset(range(1, self._settings.locks + 1))
        while (standing := self._look(deadline)) != wanted and not deadline.over:
            deadline.pause(LOOK_S)
        if standing == wanted:
            return Completed(Completion.SUCCESS, standing)
        return Completed(Completion.HARDWARE_ERROR, standing, error="stuck")

    def self_test(self, deadline: Deadline) -> Completed:
        """Ask the board; a door that stands open is told."""
        self._look(deadline)
        error = self._said.error if self._said else ""
        return Completed(Completion.USER_ERROR if error else Completion.SUCCESS, error=error)

    # -- talk ------------------------------------------------------------------------------------------------------

    def _await_open(self, lock: int, deadline: Deadline) -> Completed:
        wait = Deadline(min(self._settings.open_timeout_ms / 1000, deadline.left_s), deadline.canceled)
        while lock not in self._twice(lock, deadline):
            if wait.over:
                done = DoorResult(Door.SHUT, lock, "stuck")
                return Completed(Completion.HARDWARE_ERROR, done, error="stuck")
            wait.pause(LOOK_S)
        return Completed(Completion.SUCCESS, DoorResult(Door.OPENED, lock))

    def _twice(self, lock: int, deadline: Deadline) -> frozenset[int]:
        """Open locks as two answers in a row agree on for ``lock``; a late answer cannot be both."""
        first = self._look_again(deadline)
        while (lock in (second := self._look_again(deadline))) != (lock in first):
            if deadline.over:
                raise TryAgain("garbled", "its answers contradict each other")
            first = second
        return second

    def _look_again(self, deadline: Deadline) -> frozenset[int]:
        """A look; a board that was not heard is asked again: that moves nothing, and somebody stands at the door."""
        for _ in range(ASKED_AGAIN):
            try:
                return self._look(deadline)
            except TryAgain as fault:
                if deadline.over or fault.error not in _UNHEARD:
                    raise
        return self._look(deadline)

    def _agreed(self, deadline: Deadline) -> frozenset[int]:
        """All open locks as two answers in a row say: one may be the late answer to a question of before."""
        first = self._look_again(deadline)
        while (second := self._look_again(deadline)) != first:
            if deadline.over:
                raise TryAgain("garbled", "its answers contradict each other")
            first = second
        return second

    def _tell(self, head: int, lock: int) -> None:
        """Send a command. Its answer is heard so that it is no later question's, and proves nothing."""
        try:
            self._line.ask(
                codec.encode(head, self._settings.board, lock, codec.DO),
                lambda frame: (frame.head, frame.board, frame.lock) == (head, self._settings.board, lock),
                Deadline(self._settings.answer_timeout_ms / 1000),
            )
        except TryAgain as fault:
            if fault.error not in _UNHEARD:
                raise

    def _look(self, deadline: Deadline) -> frozenset[int]:
        answer = self._line.ask(
            codec.encode(codec.QUERY, self._settings.board, codec.ALL, codec.ASK), self._is_all, deadline
        )
        standing = open_locks(answer.value, open_is_set=self._open_is_set, locks=self._settings.locks)
        self._show(standing)
        return standing

    def _is_all(self, frame: Frame) -> bool:
        return (frame.head, frame.board, frame.lock) == (codec.QUERY, self._settings.board, codec.ALL)

    def _show(self, standing: frozenset[int]) -> None:
        self._said = board_status(standing)
        self._publish(self._said)

    @staticmethod
    def _refused(lock: int, code: Completion, error: str, door: Door = Door.SHUT) -> Completed:
        return Completed(code, DoorResult(door, lock, error), error=error)
