"""Plain words for what devices and the queue report in codes."""

from __future__ import annotations

from datetime import datetime
from math import ceil

from devices.vocabulary import DeviceState, DeviceStatus, SupplyState
from kiosk.clock import local
from kiosk.maintenance.stay import Stay
from kiosk.text import NOTHING, Text, same, text

_SUPPLY_TROUBLE = frozenset({SupplyState.OUT, SupplyState.JAMMED, SupplyState.LOW})


def device(name: str, kind: str) -> Text:
    """What people call the device; one that is configured under a name of its own is told apart by it."""
    words = known(f"device.{kind}.name", same(kind))
    return words if name == kind else text("maintenance.device_named", device=words, name=name)


def test(name: str, kind: str) -> Text:
    """What a test of the device is called."""
    return known(f"device.{kind}.test.{name}", known(f"maintenance.{name}", same(name)))


def state(status: DeviceStatus) -> Text:
    """The device's state, and its paper where that is what matters."""
    if status.device is DeviceState.ONLINE and status.supply in _SUPPLY_TROUBLE:
        return text(f"maintenance.supply_{status.supply}")
    return text(f"maintenance.state_{status.device}")


def fault(code: str, kind: str) -> Text:
    """An error code in plain words, those of the device's folder first; an unknown one is shown itself."""
    common = known(f"maintenance.fault_{code}", text("maintenance.fault_other", code=code))
    return known(f"device.{kind}.fault.{code}", common)


def fault_of(status: DeviceStatus, kind: str) -> Text:
    """What is wrong, in words."""
    return fault(status.error, kind) if status.error else text(f"maintenance.state_{status.device}")


def last_fault(stay: Stay, name: str) -> Text:
    """The latest fault of a device and when it began."""
    status = stay.faults.last(name)
    if status is None:
        return text("maintenance.no_fault")
    fault = fault_of(status, stay.machine.peripherals.kinds[name])
    return text("maintenance.last_fault", fault=fault, when=moment(status.since))


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
