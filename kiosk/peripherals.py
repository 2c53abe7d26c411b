"""The machine's side of its devices: one supervisor each, awaited from the machine's loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
import trio

from devices.contract import Completed, DriverSettings
from devices.supervisor import Supervisor
from devices.vocabulary import Completion, DeviceState, DeviceStatus
from kiosk.clock import Clock

log = structlog.get_logger()
StatusListener = Callable[[str, DeviceStatus], None]


class Peripherals:
    """All supervised devices by name. Statuses arrive from worker threads and are published in the loop."""

    def __init__(self, configured: dict[str, tuple[type, DriverSettings]], clock: Clock) -> None:
        self._listeners: list[StatusListener] = []
        self.on_command: Callable[[str, str, str, float], None] = lambda *_: None
        """Told of each completed command: device, command, completion code, seconds."""
        self._monotonic = clock.monotonic
        self._token: trio.lowlevel.TrioToken | None = None
        self.statuses: dict[str, DeviceStatus] = {name: DeviceStatus() for name in configured}
        self.drivers = {name: settings.driver for name, (_, settings) in configured.items()}
        self._supervisors = {
            name: Supervisor(name, _maker(driver, settings), on_status=self._from_thread, now=clock.now)
            for name, (driver, settings) in configured.items()
        }

    def listen(self, listener: StatusListener) -> None:
        """Call ``listener(name, status)`` in the loop at every change."""
        self._listeners.append(listener)

    def has(self, name: str) -> bool:
        """Whether the configuration names this device."""
        return name in self._supervisors or name in self.statuses

    def status(self, name: str) -> DeviceStatus:
        """The last known status; a device that is not configured is ``noDevice``."""
        return self.statuses.get(name) or DeviceStatus(device=DeviceState.NO_DEVICE, error="not_configured")

    def publish(self, name: str, status: DeviceStatus) -> None:
        """Take over a status, of a supervised device or of one that lives in another process."""
        before = self.statuses.get(name)
        self.statuses[name] = status
        if before is None or not before.same_as(status):
            for listener in self._listeners:
                listener(name, status)

    async def call(self, name: str, command: str, timeout_s: float, **arguments: Any) -> Completed:
        """One command, one completion. Canceling the caller cancels the command in the device."""
        supervisor = self._supervisors.get(name)
        if supervisor is None:
            return Completed(Completion.DEVICE_NOT_READY, error="not_configured")
        began = self._monotonic()
        ticket = supervisor.submit(command, timeout_s, **arguments)
        done = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def wake(_future: object) -> None:
            try:
                token.run_sync_soon(done.set)
            except trio.RunFinishedError:
                log.debug("completion_after_end", device=name)

        ticket.future.add_done_callback(wake)
        try:
            await done.wait()
        except trio.Cancelled:
            ticket.cancel()
            raise
        done_so = ticket.future.result()
        self.on_command(name, command, done_so.code.value, round(self._monotonic() - began, 4))
        return done_so

    def start(self) -> None:
        """Start every device's worker; call inside the loop."""
        self._token = trio.lowlevel.current_trio_token()
        for supervisor in self._supervisors.values():
            supervisor.start()

    async def stop(self) -> None:
        """Stop all workers; a device that does not let go is left to its daemon thread."""
        async with trio.open_nursery() as nursery:
            for supervisor in self._supervisors.values():
                nursery.start_soon(trio.to_thread.run_sync, supervisor.stop)

    def _from_thread(self, name: str, status: DeviceStatus) -> None:
        if self._token is not None:
            try:
                self._token.run_sync_soon(self.publish, name, status)
            except trio.RunFinishedError:
                log.debug("status_after_end", device=name)


def _maker(driver: type, settings: DriverSettings) -> Callable[[Callable[[DeviceStatus], None]], Any]:
    return lambda publish: driver(settings, publish)
