"""Plain words for what devices and the queue report in codes."""

from __future__ import annotations

from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING

from devices.vocabulary import DeviceState, DeviceStatus, SupplyState
from kiosk.clock import local
from kiosk.pages import Level
from kiosk.text import NOTHING, Text, same, text

if TYPE_CHECKING:
    from kiosk.maintenance.stay import Stay

_BAD = frozenset({DeviceState.OFFLINE, DeviceState.NO_DEVICE, DeviceState.HARDWARE_ERROR})
_SUPPLY_LEVELS: dict[SupplyState, Level] = {
    SupplyState.OUT: "error",
    SupplyState.JAMMED: "error",
    SupplyState.LOW: "warn",
}


def device(name: str) -> Text:
    """What people call the device ``name`` of the configuration."""
    return known(f"maintenance.device_{name}", same(name))


def state(status: DeviceStatus) -> Text:
    """The device's state, and its paper where that is what matters."""
    if status.device is DeviceState.ONLINE and status.supply in _SUPPLY_LEVELS:
        return text(f"maintenance.supply_{status.supply}")
    return text(f"maintenance.state_{status.device}")


def level(status: DeviceStatus) -> Level:
    """How urgent a status is."""
    if status.device in _BAD:
        return "error"
    if status.supply in _SUPPLY_LEVELS:
        return _SUPPLY_LEVELS[status.supply]
    if status.device is DeviceState.USER_ERROR or status.error:
        return "warn"
    return "info" if status.device is DeviceState.STARTING else "ok"


def fault(code: str) -> Text:
    """An error code in plain words; an unknown one is shown itself, for the maker's support."""
    return known(f"maintenance.fault_{code}", text("maintenance.fault_other", code=code))


def fault_of(status: DeviceStatus) -> Text:
    """What is wrong, in words."""
    return fault(status.error) if status.error else text(f"maintenance.state_{status.device}")


def last_fault(stay: Stay, name: str) -> Text:
    """The latest fault of a device and when it began."""
    status = stay.faults.last(name)
    if status is None:
        return text("maintenance.no_fault")
    return text("maintenance.last_fault", fault=fault_of(status), when=moment(status.since))


def moment(when: datetime) -> Text:
    """Month, day, hour and minute as people on the spot read them; nothing for a time that was never set."""
    return same(f"{local(when):%m-%d %H:%M}") if when.year > 2000 else NOTHING


def duration(seconds: float) -> Text:
    """A length of time in its two largest units."""
    whole = ceil(seconds)
    if whole < 60:
        return text("maintenance.seconds", s=whole)
    if whole < 3600:
        return text("maintenance.minutes", m=whole // 60, s=whole % 60)
    return text("maintenance.hours", h=whole // 3600, m=whole % 3600 // 60)


def known(key: str, otherwise: Text) -> Text:
    """The message ``key``, or ``otherwise`` for a key that has no words."""
    try:
        return text(key)
    except KeyError:
        return otherwise
