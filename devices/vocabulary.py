"""Words for device state, after XFS4IoT ``Common/CommonSchemas`` and CUSS 2.

The spellings are the ones that ``kiosk doctor --json`` and the status socket publish.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class DeviceState(StrEnum):
    """Whether a device can be used (XFS4IoT ``DeviceEnum``)."""

    STARTING = "starting"
    ONLINE = "online"
    OFFLINE = "offline"
    NO_DEVICE = "noDevice"
    BUSY = "deviceBusy"
    HARDWARE_ERROR = "hardwareError"
    USER_ERROR = "userError"


WORKS = frozenset({DeviceState.ONLINE, DeviceState.BUSY, DeviceState.STARTING})
"""A device in one of these states can be counted on."""


class MediaState(StrEnum):
    """The card or paper that a person puts in or takes (XFS4IoT ``media``)."""

    UNKNOWN = "unknown"
    PRESENT = "present"
    NOT_PRESENT = "notPresent"
    JAMMED = "jammed"
    NONE = ""


class SupplyState(StrEnum):
    """Paper and other stock (XFS4IoT printer ``paper``). Empty for devices without stock."""

    UNKNOWN = "unknown"
    FULL = "full"
    LOW = "low"
    OUT = "out"
    JAMMED = "jammed"
    NONE = ""


class Completion(StrEnum):
    """How a command ended (XFS4IoT completion codes)."""

    SUCCESS = "success"
    CANCELED = "canceled"
    DEVICE_NOT_READY = "deviceNotReady"
    HARDWARE_ERROR = "hardwareError"
    INTERNAL_ERROR = "internalError"
    INVALID_COMMAND = "invalidCommand"
    TIME_OUT = "timeOut"
    UNSUPPORTED = "unsupportedCommand"
    INVALID_DATA = "invalidData"
    USER_ERROR = "userError"


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """One device's state at one moment.

    ``error`` is a short stable code ("" when none, such as ``cover_open``), ``detail`` plain English for logs
    without personal data; what a person reads is looked up from ``error`` by the maintenance board.
    """

    device: DeviceState = DeviceState.STARTING
    media: MediaState = MediaState.NONE
    supply: SupplyState = SupplyState.NONE
    error: str = ""
    detail: str = ""
    since: datetime = datetime.min.replace(tzinfo=UTC)

    def same_as(self, other: DeviceStatus) -> bool:
        """Equal in everything but the time: a repeated state is not a change."""
        return (self.device, self.media, self.supply, self.error, self.detail) == (
            other.device,
            other.media,
            other.supply,
            other.error,
            other.detail,
        )
