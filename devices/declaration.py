"""What a driver says of its device for people: its sign, what a technician can try, what counts as trouble.

The words stand beside the driver, in ``locale/zh.po`` and ``locale/en.po`` of its folder: ``device.<kind>.name``,
``device.<kind>.fault.<code>`` for each code that its status or its commands may carry, ``device.<kind>.test.<name>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from devices.vocabulary import WORKS, DeviceState, DeviceStatus, SupplyState

Level = Literal["ok", "info", "warn", "error"]

_BAD = frozenset({DeviceState.OFFLINE, DeviceState.NO_DEVICE, DeviceState.HARDWARE_ERROR})
_SUPPLY: dict[SupplyState, Level] = {SupplyState.OUT: "error", SupplyState.JAMMED: "error", SupplyState.LOW: "warn"}


@dataclass(frozen=True, slots=True)
class DeviceTest:
    """Something that a technician can try.

    ``name`` is a command of the driver that needs nothing but a deadline, or a room that the machine has for it:
    ``test_read`` (a card), ``test_print`` (a page), ``look`` (a picture).
    """

    name: str = "self_test"
    icon: str = "check-circle"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One kind of device. ``levels`` says how urgent an error code is where the common rule would be wrong."""

    icon: str = "power-plug"
    tests: tuple[DeviceTest, ...] = (DeviceTest(),)
    levels: Mapping[str, Level] = field(default_factory=dict)
    at_most_one: bool = False
    """Whether a second one in the configuration is refused, because nobody would use it."""

    def level(self, status: DeviceStatus) -> Level:
        """How urgent a status is: ``error`` is trouble, ``warn`` wants a hand soon."""
        if status.device in _BAD:
            return "error"
        if status.error in self.levels:
            return self.levels[status.error]
        if status.supply in _SUPPLY:
            return _SUPPLY[status.supply]
        if status.device is DeviceState.USER_ERROR or status.error:
            return "warn"
        return "info" if status.device is DeviceState.STARTING else "ok"

    def is_usable(self, status: DeviceStatus) -> bool:
        """Whether what needs such a device can be begun now; one that is just starting is believed in."""
        return status.device in WORKS and self.level(status) != "error"
