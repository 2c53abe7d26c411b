"""The reader's words in the common ones."""

from __future__ import annotations

from devices.vocabulary import DeviceState, DeviceStatus, MediaState

_MEDIA = {
    "empty": MediaState.NOT_PRESENT,
    "taken": MediaState.NOT_PRESENT,
    "retained": MediaState.NOT_PRESENT,
    "inserted": MediaState.PRESENT,
    "at_slot": MediaState.PRESENT,
    "jammed": MediaState.JAMMED,
}
FEEDER_WORDS = frozenset(_MEDIA)


def reader_status(feeder: str) -> DeviceStatus:
    """``feeder`` is the last word of the feeder, "" for readers without one: those only push what is laid on."""
    if feeder == "jammed":
        return DeviceStatus(DeviceState.HARDWARE_ERROR, MediaState.JAMMED, error="jammed")
    return DeviceStatus(DeviceState.ONLINE, _MEDIA.get(feeder, MediaState.UNKNOWN))
