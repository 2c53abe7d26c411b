"""Which devices there are, of what kind, and what each has said last. A device is found by its driver's kind."""

from __future__ import annotations

from collections.abc import Mapping

from devices.declaration import Declaration
from devices.drivers import Configured
from devices.vocabulary import DeviceState, DeviceStatus

READER, PRINTER, CAMERA = "id_card_reader", "receipt_printer", "camera"
DOCUMENT_CAMERA = "document_camera"
"""The kinds that the machine itself works with; of any other it knows what the driver declares."""

PLAIN = Declaration()


class Roster:
    """The configured devices by name, in the order of the file, which is the order in which they are preferred."""

    def __init__(self, configured: Mapping[str, Configured]) -> None:
        self.kinds = {name: device.kind for name, device in configured.items()}
        self.declarations = {name: device.declaration for name, device in configured.items()}
        self.statuses: dict[str, DeviceStatus] = {name: DeviceStatus() for name in configured}

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """The names of all devices of this kind."""
        return tuple(name for name, own in self.kinds.items() if own == kind)

    def chosen(self, kind: str) -> str:
        """The device of this kind to use now: the first that can be used and answers, else one that is starting.

        Where none can be used it is the first of all, whose trouble is told; where none is configured, the kind
        itself: nothing has that name, so it is ``noDevice`` and takes no command.
        """
        names = self.of_kind(kind)
        usable = [name for name in names if self._is_usable(name)]
        answering = [name for name in usable if self.status(name).device is not DeviceState.STARTING]
        return next(iter(answering or usable or names), kind)

    def is_usable(self, kind: str) -> bool:
        """Whether what needs such a device can be begun now."""
        return any(self._is_usable(name) for name in self.of_kind(kind))

    def status(self, name: str) -> DeviceStatus:
        """The last known status; a device that is not configured is ``noDevice``."""
        return self.statuses.get(name) or DeviceStatus(device=DeviceState.NO_DEVICE, error="not_configured")

    def statuses_of(self, kind: str) -> tuple[DeviceStatus, ...]:
        """What each device of this kind has said last."""
        return tuple(self.status(name) for name in self.of_kind(kind))

    def status_of(self, kind: str) -> DeviceStatus:
        """The status of the device of this kind that would be used now."""
        return self.status(self.chosen(kind))

    def declaration(self, name: str) -> Declaration:
        """What its driver says of the device."""
        return self.declarations.get(name, PLAIN)

    def take_over(self, name: str, status: DeviceStatus) -> bool:
        """Keep what a device says; whether that is new. One that is not configured is of the kind that it is called."""
        before = self.statuses.get(name)
        self.kinds.setdefault(name, name)
        self.statuses[name] = status
        return before is None or not before.same_as(status)

    def _is_usable(self, name: str) -> bool:
        return self.declaration(name).is_usable(self.status(name))
