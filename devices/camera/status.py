"""What a camera's troubles mean in the common device words."""

from __future__ import annotations

from devices.vocabulary import DeviceState, DeviceStatus

ABSENT = "no_device"
"""No such device, file or listening address."""
LOST = "camera_lost"
"""It was there, and no picture has come for ``lost_after_s``."""
FROZEN = "camera_frozen"
"""It sends the same picture again and again: a sensor's noise never repeats."""
DARK = "camera_dark"
"""Pictures come but are black: a covered lens. The camera itself is online."""
TOO_LARGE = "camera_too_large"
"""A picture says that it has more pixels than any camera for this has: it is not unpacked."""
SOURCE = "camera_source"
"""The configured source cannot be one."""

_STATES = {
    "": DeviceState.ONLINE,
    DARK: DeviceState.ONLINE,
    ABSENT: DeviceState.NO_DEVICE,
    LOST: DeviceState.OFFLINE,
    FROZEN: DeviceState.HARDWARE_ERROR,
    TOO_LARGE: DeviceState.HARDWARE_ERROR,
    SOURCE: DeviceState.HARDWARE_ERROR,
}


def camera_status(error: str, detail: str = "") -> DeviceStatus:
    """The status for an error code of this module; an unknown code means offline. Who publishes it stamps the time."""
    return DeviceStatus(device=_STATES.get(error, DeviceState.OFFLINE), error=error, detail=detail)
