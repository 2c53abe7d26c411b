"""The machine's side of its devices: one supervisor each, awaited from the machine's loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog
import trio

from devices.contract import Completed, DriverSettings
from devices.drivers import Configured
from devices.supervisor import Supervisor, Ticket
from devices.vocabulary import Completion, DeviceState, DeviceStatus
from kiosk.clock import Clock
from kiosk.roster import Roster
from kiosk.threads import in_thread

log = structlog.get_logger()
_STOP_S = 1.0
_BREATH_S = 0.2
StatusListener = Callable[[str, DeviceStatus], None]
_ANSWERS = frozenset({DeviceState.ONLINE, DeviceState.BUSY})
_LOST = frozenset({Completion.DEVICE_NOT_READY, Completion.HARDWARE_ERROR})


def is_lost(done: Completed) -> bool:
    """Whether the device, not the person, is why a command failed: asking again at once would not help."""
    return done.code in _LOST


class Begun:
    """A command under way in a device; its completion is told once, in the loop."""

    def __init__(self, ticket: Ticket | None, told: Callable[[str], None]) -> None:
        self._ticket, self._told = ticket, told
        self._done = trio.Event()
        if ticket is not None:
            self._token = trio.lowlevel.current_trio_token()
            ticket.future.add_done_callback(self._wake)

    async def ended(self) -> Completed:
        """The command's one completion."""
        if self._ticket is None:
            return Completed(Completion.DEVICE_NOT_READY, error="not_configured")
        await self._done.wait()
        return self._ticket.future.result()

    def cancel(self) -> None:
        """Ask for an early end; nobody wants the result any more."""
        if self._ticket is not None:
            self._told = lambda _: None
            self._ticket.cancel()

    def _wake(self, _future: object) -> None:
        try:
            self._token.run_sync_soon(self._end)
        except trio.RunFinishedError:
            log.debug("completion_after_end")

    def _end(self) -> None:
        assert self._ticket is not None
        self._told(self._ticket.future.result().code.value)
        self._done.set()


class Peripherals(Roster):
    """All devices by name. Statuses arrive from worker threads and are published in the loop.

    Those named in ``elsewhere`` have no supervisor here: they live in another process, which tells their statuses.
    """

    def __init__(
        self, configured: Mapping[str, Configured], clock: Clock, *, elsewhere: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(configured)
        self._listeners: list[StatusListener] = []
        self.on_command: Callable[[str, str, str, float], None] = lambda *_: None
        """Told of each completed command: device, command, completion code, seconds."""
        self._monotonic = clock.monotonic
        self._token: trio.lowlevel.TrioToken | None = None
        self._changed = trio.Event()
        self._elsewhere = elsewhere
        self._supervisors = {
            name: Supervisor(name, _maker(device.driver, device.settings), on_status=self._from_thread, now=clock.now)
            for name, device in configured.items()
            if name not in elsewhere
        }

    def listen(self, listener: StatusListener) -> None:
        """Call ``listener(name, status)`` in the loop at every change."""
        self._listeners.append(listener)

    def publish(self, name: str, status: DeviceStatus) -> None:
        """Take over a status, of a supervised device or of one that lives in another process."""
        if self.take_over(name, status):
            self._changed.set()
            self._changed = trio.Event()
            self._tell(name, status)

    def _tell(self, name: str, status: DeviceStatus) -> None:
        for listener in self._listeners:
            listener(name, status)

    async def ready(self, name: str) -> None:
        """After a command that failed: a breath, then until the device takes commands. It is not asked meanwhile."""
        await trio.sleep(_BREATH_S)
        await self.until_online(name)

    async def until(self, name: str, states: frozenset[DeviceState]) -> None:
        """Until the device is in one of these states."""
        while self.status(name).device not in states:
            await self._changed.wait()

    async def call(self, name: str, command: str, timeout_s: float, **arguments: Any) -> Completed:
        """One command, one completion. Canceling the caller cancels the command in the device."""
        begun = self.begin(name, command, timeout_s, **arguments)
        try:
            return await begun.ended()
        except trio.Cancelled:
            begun.cancel()
            raise

    def begin(self, name: str, command: str, timeout_s: float, **arguments: Any) -> Begun:
        """Hand a command over and go on; how it ends is asked for when it is needed."""
        supervisor = self._supervisors.get(name)
        if supervisor is None:
            return Begun(None, lambda *_: None)
        began = self._monotonic()
        ticket = supervisor.submit(command, timeout_s, **arguments)

        def told(code: str) -> None:
            self.on_command(name, command, code, round(self._monotonic() - began, 4))

        return Begun(ticket, told)

    def can_restart(self, name: str) -> bool:
        """Whether its driver works in this process."""
        return name in self._supervisors

    def restart(self, name: str) -> bool:
        """Set its driver up anew, after the command that it is at; False for one that hangs. Blocks for a moment."""
        return self._supervisors[name].restart()

    async def until_online(self, name: str) -> None:
        """Until the device works again: nothing is tried on one that is away."""
        await self.until(name, _ANSWERS)

    async def until_change(self) -> None:
        """Until any device tells of a new state."""
        await self._changed.wait()

    async def let_go(self, timeout_s: float) -> list[str]:
        """Wait until no device is at a command that nobody waits for; the names of those that are after ``timeout_s``.

        A driver that hangs holds what it read, and its thread cannot be ended alone.
        """
        busy: list[str] = []

        async def wait(name: str, supervisor: Supervisor) -> None:
            if not await in_thread(supervisor.let_go, timeout_s):
                busy.append(name)

        async with trio.open_nursery() as nursery:
            for name, supervisor in self._supervisors.items():
                nursery.start_soon(wait, name, supervisor)
        return sorted(busy)

    def start(self) -> None:
        """Start every device's worker; call inside the loop."""
        self._token = trio.lowlevel.current_trio_token()
        for name in self._elsewhere & self.statuses.keys():
            self._tell(name, self.statuses[name])
        for supervisor in self._supervisors.values():
            supervisor.start()

    async def stop(self) -> None:
        """Stop all workers; a device that does not let go is left to its daemon thread."""
        async with trio.open_nursery() as nursery:
            for supervisor in self._supervisors.values():
                nursery.start_soon(partial(in_thread, supervisor.stop, _STOP_S))

    def _from_thread(self, name: str, status: DeviceStatus) -> None:
        if self._token is not None:
            try:
                self._token.run_sync_soon(self.publish, name, status)
            except trio.RunFinishedError:
                log.debug("status_after_end", device=name)


def _maker(driver: type, settings: DriverSettings) -> Callable[[Callable[[DeviceStatus], None]], Any]:
    return lambda publish: driver(settings, publish)
