"""Runs one driver in one worker thread: set-up, idle, commands, teardown, back-off; one completion per command."""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from devices.backoff import Backoff
from devices.contract import Completed, Deadline, Driver, Permanent, TryAgain
from devices.vocabulary import Completion, DeviceState, DeviceStatus

QUEUE_LIMIT = 8
"""Commands that may wait; more than a visit ever has open at once, few enough that none is forgotten there."""

GRACE_S = 2.0
"""How long a driver may overrun a deadline or a cancellation before its command is completed without it."""

GONE = frozenset({"no_device", "unplugged"})
"""``TryAgain`` codes that mean ``noDevice``; every other one means ``offline``."""

log = structlog.get_logger("devices")


class Ticket:
    """A submitted command. ``future`` always completes, exactly once, and is the only holder of the result."""

    def __init__(self, command: str, timeout_s: float, arguments: dict[str, Any]) -> None:
        self.command = command
        self.future: Future[Completed] = Future()
        # A future that counts as running cannot be canceled behind the driver's back.
        self.future.set_running_or_notify_cancel()
        self.deadline = Deadline(timeout_s)
        self.overdue_at = time.monotonic() + timeout_s + GRACE_S
        self.arguments = arguments
        self._cancel: Callable[[Ticket], None] = lambda _: None
        self._lock = threading.Lock()

    @property
    def is_abandoned(self) -> bool:
        """Whether it was canceled or given up: the driver may still be at it."""
        return self.deadline.canceled.is_set() or self.future.done()

    def cancel(self) -> None:
        """Ask for an early end; the completion says what really happened."""
        self.deadline.canceled.set()
        self.overdue_at = min(self.overdue_at, time.monotonic() + GRACE_S)
        self._cancel(self)

    def complete(self, completed: Completed) -> bool:
        """Complete unless that has happened already; arguments are let go of either way."""
        with self._lock:
            self.arguments = {}
            if self.future.done():
                return False
            self.future.set_result(completed)
            return True

    def give_up(self) -> bool:
        """Complete without the driver: canceled when that was asked for, else timed out."""
        code = Completion.CANCELED if self.deadline.canceled.is_set() else Completion.TIME_OUT
        return self.complete(Completed(code, error=code.value))


class Supervisor:
    """Owns a driver's thread, its restarts and its status.

    ``on_status`` is called from the supervisor's threads, once per change. Nothing of a command, neither arguments
    nor result, is kept here after its completion.
    """

    def __init__(
        self,
        name: str,
        make_driver: Callable[[Callable[[DeviceStatus], None]], Driver],
        *,
        on_status: Callable[[str, DeviceStatus], None],
        now: Callable[[], datetime],
        backoff_base_s: float = 0.5,
        backoff_cap_s: float = 5.0,
    ) -> None:
        self.name = name
        self._make_driver, self._on_status, self._now = make_driver, on_status, now
        self._backoff = Backoff(backoff_base_s, backoff_cap_s)
        self._changed = threading.Condition()
        self._waiting: deque[Ticket] = deque()
        self._current: Ticket | None = None
        self._stopping = False
        self._anew = False
        self._ready = False
        self._held: DeviceStatus | None = None
        self._status = DeviceStatus(since=now())
        self._status_lock = threading.RLock()
        self._worker = threading.Thread(target=self._work, name=name, daemon=True)
        self._watchdog = threading.Thread(target=self._watch, name=f"{name}-watchdog", daemon=True)

    @property
    def status(self) -> DeviceStatus:
        """The latest status."""
        return self._status

    def start(self) -> None:
        """Start the threads; the first status published is ``starting``."""
        self._on_status(self.name, self._status)
        self._worker.start()
        self._watchdog.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Cancel what is open and tear the driver down. A driver that hangs is left behind with its daemon thread."""
        with self._changed:
            self._stopping, self._ready = True, False
            open_tickets = [*self._waiting, *([self._current] if self._current else [])]
            self._changed.notify_all()
        for ticket in open_tickets:
            ticket.cancel()
        if self._worker.is_alive():
            self._worker.join(timeout_s)
        if self._worker.is_alive():
            log.error("driver_hangs", device=self.name)
        for ticket in open_tickets:
            ticket.give_up()

    def restart(self, timeout_s: float = 5.0) -> bool:
        """Tear the driver down after the command that it is at, and set a new one up. False for one that hangs.

        One that had given up for good is tried again.
        """
        with self._changed:
            self._anew = True
            self._changed.notify_all()
            if not self._worker.is_alive() and not self._stopping:
                self._worker = threading.Thread(target=self._work, name=self.name, daemon=True)
                self._worker.start()
            return self._changed.wait_for(lambda: not self._anew, timeout_s)

    def let_go(self, timeout_s: float) -> bool:
        """Wait until no command is held here that nobody waits for any more; whether that came in time."""

        def is_free() -> bool:
            return not any(ticket.is_abandoned for ticket in (*self._waiting, self._current) if ticket)

        with self._changed:
            return self._changed.wait_for(is_free, timeout_s)

    def submit(self, command: str, timeout_s: float, **arguments: Any) -> Ticket:
        """Hand a command over from any thread. While the device is not online it completes at once, not ready."""
        ticket = Ticket(command, timeout_s, arguments)
        ticket._cancel = self._canceled
        with self._changed:
            refusal = self._refusal()
            if refusal is None:
                self._waiting.append(ticket)
                self._changed.notify_all()
        if refusal is not None:
            ticket.complete(refusal)
        return ticket

    def _refusal(self) -> Completed | None:
        if not self._ready:
            return Completed(Completion.DEVICE_NOT_READY, error=self._status.error or self._status.device.value)
        if len(self._waiting) >= QUEUE_LIMIT:
            return Completed(Completion.DEVICE_NOT_READY, error="busy")
        return None

    def _canceled(self, ticket: Ticket) -> None:
        with self._changed:
            waiting = ticket in self._waiting
            if waiting:
                self._waiting.remove(ticket)
            self._changed.notify_all()
        if waiting:
            ticket.give_up()

    # -- the worker thread ---------------------------------------------------------------------------------------

    def _work(self) -> None:
        driver: Driver | None = None
        while not self._stopping:
            online_since, sound = math.inf, True
            try:
                self._begin_anew()
                driver = driver or self._make_driver(self._published)
                self._set_up(driver)
                online_since = time.monotonic()
                self._serve(driver)
            except TryAgain as fault:
                gone = fault.error in GONE
                self._down(DeviceState.NO_DEVICE if gone else DeviceState.OFFLINE, fault.error, fault.detail)
            except Permanent as fault:
                self._down(DeviceState.HARDWARE_ERROR, fault.error, fault.detail)
                return
            except Exception as surprise:
                self._log_surprise(surprise)
                self._down(DeviceState.OFFLINE, "driver_fault", type(surprise).__name__)
                sound = False
            finally:
                self._tear_down(driver)
            if self._anew:
                self._down(DeviceState.STARTING, "", "")
                driver = None
                self._backoff.reset()
                continue
            # Who kept up for a while starts over; who only came up to fail again is left alone longer and longer.
            stood = time.monotonic() - online_since > self._backoff.cap_s
            driver = driver if sound else None
            self._rest(self._backoff.pause_s(stood=stood))

    def _begin_anew(self) -> None:
        with self._changed:
            self._anew = False
            self._changed.notify_all()

    def _set_up(self, driver: Driver) -> None:
        """Online is said only after a handshake and one idle round, so a flapping device does not flicker."""
        with self._status_lock:
            self._held = DeviceStatus(DeviceState.ONLINE)
        driver.setup()
        driver.idle()
        with self._changed:
            self._ready = not self._stopping
        with self._status_lock:
            status, self._held = self._held, None
            self._publish(status)

    def _serve(self, driver: Driver) -> None:
        while self._wait_for_work(driver.idle_interval_s):
            if self._current is None:
                driver.idle()
            else:
                try:
                    self._perform(driver, self._current)
                finally:
                    with self._changed:
                        self._current = None
                        self._changed.notify_all()

    def _wait_for_work(self, idle_interval_s: float) -> bool:
        with self._changed:
            if not self._waiting and not self._stopping and not self._anew:
                self._changed.wait_for(lambda: self._waiting or self._stopping or self._anew, idle_interval_s)
            if self._waiting and not self._anew:
                self._current = self._waiting.popleft()
                self._changed.notify_all()
            return not (self._stopping or self._anew) or self._current is not None

    def _perform(self, driver: Driver, ticket: Ticket) -> None:
        if ticket.command not in driver.commands:
            ticket.complete(Completed(Completion.UNSUPPORTED, error="unknown_command", detail=ticket.command))
            return
        if ticket.deadline.over:
            ticket.give_up()
            return
        try:
            completed = getattr(driver, ticket.command)(ticket.deadline, **ticket.arguments)
        except TryAgain as fault:
            code = Completion.DEVICE_NOT_READY
            ticket.complete(Completed(code, error=fault.error, detail=fault.detail, begun=True))
            raise
        except Permanent as fault:
            ticket.complete(Completed(Completion.HARDWARE_ERROR, error=fault.error, detail=fault.detail))
            raise
        except Exception:
            ticket.complete(Completed(Completion.INTERNAL_ERROR, error="driver_fault"))
            raise
        if ticket.deadline.canceled.is_set() and completed.code is Completion.TIME_OUT:
            completed = Completed(Completion.CANCELED, error=Completion.CANCELED.value)
        if not ticket.complete(completed):
            raise TryAgain("not_responding", "the driver came back after its command had been given up")

    def _down(self, device: DeviceState, error: str, detail: str) -> None:
        """Not online any more: whatever waits completes at once."""
        with self._changed:
            self._ready = False
            stranded = list(self._waiting)
            self._waiting.clear()
        with self._status_lock:
            self._held = None
            # "unplugged" is followed by "no_device" at each attempt: one absence, said once.
            if not (device is DeviceState.NO_DEVICE and self._status.device is device):
                self._publish(DeviceStatus(device, error=error, detail=detail))
        for ticket in stranded:
            ticket.complete(Completed(Completion.DEVICE_NOT_READY, error=error))

    def _tear_down(self, driver: Driver | None) -> None:
        if driver is None:
            return
        try:
            driver.teardown()
        except Exception as surprise:
            self._log_surprise(surprise)

    def _rest(self, pause_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._anew, pause_s)

    # -- the watchdog thread -------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Completes what the worker cannot: commands that wait behind a slow one, and one whose driver hangs."""
        while not self._stopping:
            with self._changed:
                late = [ticket for ticket in self._waiting if ticket.deadline.over]
                for ticket in late:
                    self._waiting.remove(ticket)
                hung = self._current if self._current and self._current.overdue_at <= time.monotonic() else None
                if not late and hung is None:
                    self._changed.wait(self._next_due_s())
            for ticket in late:
                ticket.give_up()
            gave_up = hung is not None and hung.give_up()
            if hung is not None and gave_up:
                log.error("driver_hangs", device=self.name, command=hung.command)
                self._down(DeviceState.OFFLINE, "not_responding", "the driver overran its deadline")
            was_late, late, hung = hung is not None and not gave_up, [], None
            if was_late:
                # Completed meanwhile: what it read is held by nobody here while the driver is left to come back.
                with self._changed:
                    self._changed.wait(GRACE_S)

    def _next_due_s(self) -> float | None:
        now = time.monotonic()
        due = [ticket.deadline.left_s for ticket in self._waiting]
        if self._current is not None:
            due.append(self._current.overdue_at - now)
        return min(max(0.0, min(due)), 3600.0) if due else None

    # -- status --------------------------------------------------------------------------------------------------

    def _published(self, status: DeviceStatus) -> None:
        """What the driver says; during set-up it waits for the outcome."""
        with self._status_lock:
            if self._held is not None:
                self._held = status
            elif self._ready:
                self._publish(status)

    def _publish(self, status: DeviceStatus | None) -> None:
        if status is None or status.same_as(self._status):
            return
        self._status = DeviceStatus(
            status.device, status.media, status.supply, status.error, status.detail, since=self._now()
        )
        log.info("device_status", device=self.name, state=status.device.value, error=status.error)
        try:
            self._on_status(self.name, self._status)
        except Exception as surprise:
            self._log_surprise(surprise)

    def _log_surprise(self, surprise: Exception) -> None:
        """Type and place only: messages and locals of an exception may hold what was read from a card."""
        frames = traceback.extract_tb(surprise.__traceback__)
        where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-3:]]
        log.error("driver_fault", device=self.name, fault=type(surprise).__name__, where=where)
