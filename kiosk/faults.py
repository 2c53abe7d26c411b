"""What went wrong last with each device, and since when its card has been lying there."""

from __future__ import annotations

from devices.vocabulary import DeviceState, DeviceStatus, MediaState
from kiosk.clock import Clock
from kiosk.peripherals import Peripherals

_WORKS = frozenset({DeviceState.ONLINE, DeviceState.STARTING, DeviceState.BUSY})


class Faults:
    """Listens to the statuses of all devices; remembers in memory only."""

    def __init__(self, peripherals: Peripherals, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, DeviceStatus] = {}
        self._media: dict[str, tuple[MediaState, float]] = {}
        for name, status in peripherals.statuses.items():
            self.note(name, status)
        peripherals.listen(self.note)

    def note(self, name: str, status: DeviceStatus) -> None:
        """One status of one device."""
        if status.error or status.device not in _WORKS:
            self._last[name] = status
        if self._media.get(name, (None, 0.0))[0] is not status.media:
            self._media[name] = (status.media, self._clock.monotonic())

    def last(self, name: str) -> DeviceStatus | None:
        """The latest status that was a fault, also when it has passed."""
        return self._last.get(name)

    def present_since(self, name: str) -> float | None:
        """Monotonic seconds at which the card that lies there was found; None when none is known to lie there."""
        media, since = self._media.get(name, (None, 0.0))
        return since if media is MediaState.PRESENT else None
