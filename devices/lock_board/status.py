"""What a lock board says, in the common words. Boards differ in which value means open: the configuration says it."""

from __future__ import annotations

from devices.lock_board.codec import LOCKS
from devices.vocabulary import DeviceState, DeviceStatus


def open_locks(bits: int, *, open_is_set: bool, locks: int = LOCKS) -> frozenset[int]:
    """The numbers (from 1) of the locks that stand open."""
    return frozenset(n for n in range(1, locks + 1) if bool(bits >> (n - 1) & 1) == open_is_set)


def board_status(standing_open: frozenset[int]) -> DeviceStatus:
    """A door that stands open is told: the board works, its locker cannot be given to the next person."""
    if not standing_open:
        return DeviceStatus(DeviceState.ONLINE)
    numbers = ", ".join(map(str, sorted(standing_open)))
    return DeviceStatus(DeviceState.ONLINE, error="door_open", detail=f"locks {numbers}")
