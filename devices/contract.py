"""What a driver is: plain blocking code with deadlines, run by its supervisor in one worker thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import msgspec

from devices.vocabulary import Completion, DeviceStatus


class TryAgain(Exception):
    """The device may come back (unplugged, silent, busy): the supervisor backs off and sets it up again."""

    def __init__(self, error: str, detail: str = "") -> None:
        super().__init__(detail or error)
        self.error, self.detail = error, detail or error


class Permanent(Exception):
    """Retrying cannot help (wrong settings, missing library): the device stays ``hardwareError`` until restart."""

    def __init__(self, error: str, detail: str = "") -> None:
        super().__init__(detail or error)
        self.error, self.detail = error, detail or error


@dataclass(slots=True)
class Deadline:
    """A moment to be done by, and a flag that ends the wait early. Monotonic seconds."""

    timeout_s: float
    canceled: threading.Event = field(default_factory=threading.Event)
    _ends: float = 0.0

    def __post_init__(self) -> None:
        self._ends = time.monotonic() + self.timeout_s

    @property
    def left_s(self) -> float:
        """Seconds that remain, never negative."""
        return max(0.0, self._ends - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether the command must end now, by time or by cancellation."""
        return self.canceled.is_set() or self.left_s <= 0.0

    def pause(self, seconds: float) -> None:
        """Wait up to ``seconds``, less if the deadline ends or the command is canceled."""
        self.canceled.wait(min(seconds, self.left_s))


@dataclass(frozen=True, slots=True)
class Completed:
    """The one completion of a command: code, value on success, ``error``/``detail`` otherwise.

    ``begun`` is True when the driver lost its device over the command: what that has done by then is not known.
    """

    code: Completion
    value: Any = None
    error: str = ""
    detail: str = ""
    begun: bool = False

    @property
    def ok(self) -> bool:
        """Whether the device did it, by its own word."""
        return self.code is Completion.SUCCESS

    @property
    def refused(self) -> bool:
        """Whether the supervisor never gave it to the device, so that nothing of it can have happened."""
        return self.code in (Completion.DEVICE_NOT_READY, Completion.UNSUPPORTED) and not self.begun


class DriverSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every driver's configuration; ``driver`` names the entry point in ``tongban.drivers``."""

    driver: str


class Driver(Protocol):
    """A device driver. Every method runs in the supervisor's worker thread and may block up to its deadline.

    ``setup`` opens and shakes hands (``TryAgain`` / ``Permanent``); ``idle`` is called about every
    ``idle_interval_s`` while no command waits, to notice loss and publish status; ``teardown`` never raises.
    Commands are methods named in ``commands``: ``(deadline: Deadline, **arguments) -> Completed``. A command
    returns its failures as ``Completed``; it raises ``TryAgain`` when the device is gone.

    ``kind`` is what the machine asks for (``id_card_reader``), however the configuration calls the device. A driver may
    also have ``declarations: ClassVar[Mapping[str, Declaration]]`` by kind: what people see and try, and further kinds
    that it serves; without one the device is shown plainly, with its self-test.
    """

    kind: ClassVar[str]
    Settings: ClassVar[type[DriverSettings]]
    commands: ClassVar[frozenset[str]]

    @property
    def idle_interval_s(self) -> float: ...
    def __init__(self, settings: Any, publish: Callable[[DeviceStatus], None]) -> None: ...
    def setup(self) -> None: ...
    def idle(self) -> None: ...
    def teardown(self) -> None: ...
