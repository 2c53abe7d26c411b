"""What the two families say of themselves, in one form and in the common words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from devices.vocabulary import DeviceState, DeviceStatus, MediaState, SupplyState


class Place(StrEnum):
    """Where a card is."""

    NOWHERE = "nowhere"
    GATE = "gate"
    READER = "reader"
    MOVING = "moving"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Dispenser:
    """The device at one moment; ``fault`` is a stable code."""

    place: Place
    stacker: SupplyState
    bin_full: bool = False
    fault: str = ""


CRT_ERRORS = {
    "00": "bad_command",
    "01": "bad_command",
    "02": "bad_sequence",
    "10": "jammed",
    "12": "sensor_error",
    "13": "bad_card_length",
    "14": "bad_card_length",
    "16": "card_moved",
    "40": "card_removed",
    "45": "card_moved",
    "50": "counter_full",
    "51": "motor_error",
    **{f"6{digit}": "chip_error" for digit in "0123456789"},
    "A0": "stacker_empty",
    "A1": "bin_full",
    "B0": "not_reset",
}
"""The two characters of a CRT error. 40 is believed; any other code is ``device_error``."""

_PLACES = {0x30: Place.NOWHERE, 0x31: Place.GATE, 0x32: Place.READER}
_STACKER = {0x30: SupplyState.OUT, 0x31: SupplyState.LOW, 0x32: SupplyState.FULL}


def crt_state(states: bytes) -> Dispenser:
    """st0 st1 st2 of a CRT answer. ValueError when they cannot be."""
    if len(states) != 3:
        raise ValueError("not three states")
    place, stacker, full = states
    return Dispenser(_PLACES.get(place, Place.UNKNOWN), _STACKER.get(stacker, SupplyState.UNKNOWN), full == 0x31)


_K720_BITS = {
    0x0020: "jammed",
    0x0040: "overlap",
    0x0100: "recycle_error",
    0x0200: "issue_error",
}
_K720_BUSY = 0x0400 | 0x0800 | 0x1000


def k720_state(nibbles: str) -> Dispenser:
    """The four hexadecimal digits behind AP: sensors 1 2 4, stacker 8 empty and 10 few, faults. ValueError if none."""
    bits = int(nibbles, 16)
    if bits & _K720_BUSY:
        place = Place.MOVING
    elif bits & 0x0001:
        place = Place.GATE
    else:
        place = Place.READER if bits & 0x0006 else Place.NOWHERE
    stacker = SupplyState.OUT if bits & 0x0008 else SupplyState.LOW if bits & 0x0010 else SupplyState.FULL
    fault = next((code for bit, code in _K720_BITS.items() if bits & bit), "")
    return Dispenser(place, stacker, bool(bits & 0x0080), fault)


_HARD = frozenset({"jammed", "sensor_error", "motor_error", "recycle_error", "issue_error", "overlap", "device_error"})


def dispenser_status(state: Dispenser) -> DeviceStatus:
    """In the common words. A full bin is told: cards that nobody takes could not be kept."""
    media = MediaState.NOT_PRESENT if state.place is Place.NOWHERE else MediaState.PRESENT
    media = MediaState.JAMMED if state.fault == "jammed" else media
    supply = SupplyState.JAMMED if state.fault == "jammed" else state.stacker
    error = state.fault or ("bin_full" if state.bin_full else "")
    device = DeviceState.HARDWARE_ERROR if error in _HARD else DeviceState.ONLINE
    return DeviceStatus(device, media, supply, error)
