"""Receipt numbers that no other machine gives: the hub says the machine's number, and the last one it knows of it."""

from __future__ import annotations

from datetime import date

import msgspec
import structlog

from kiosk import shapes
from kiosk.cases import receipt_number
from kiosk.messages.fleet import Numbering
from offline_cache.counters import Counters
from offline_cache.errors import StoreError
from offline_cache.values import Values

log = structlog.get_logger()

_NAMESPACE, _NAME = "numbers", "machine"
_COUNTER = "receipt"
_ROUND = 100_000
"""The sequence has five digits."""
SKIPPED = 1000
"""More than a machine gives in a day: what a lost disk gave, and the hub has not heard of, is not given again."""


class NoNumber(StoreError):
    """The hub has never accepted this machine: it has no number of its own, and nothing is filed."""


class _Kept(msgspec.Struct, frozen=True):
    kiosk_id: str
    machine_number: int


class ReceiptNumbers:
    """One per machine; ``heard`` and ``take`` write to the store and belong into a thread."""

    def __init__(self, values: Values, counters: Counters, kiosk_id: str) -> None:
        self._values = values
        self._counters = counters
        self._kiosk_id = kiosk_id
        self._machine = self._known()

    @property
    def are_known(self) -> bool:
        """Whether a number may be given; without one the machine takes no case."""
        return bool(self._machine)

    def heard(self, told: Numbering) -> None:
        """The hub has said this machine's number. Durable when it returns. Raises StoreError."""
        last = self._counters.last(_COUNTER)
        # A new store, or a copy from before: go on behind what was given, however often the five digits went round.
        behind = (told.last_receipt - last) % _ROUND if last else told.last_receipt
        if 0 < behind < _ROUND // 2 or (not last and behind):
            log.warning("numbers.continued", last=last, at_hub=told.last_receipt)
            self._counters.skip_to(_COUNTER, last + behind + SKIPPED)
        if self._machine != f"{told.machine_number:04}":
            kept = _Kept(self._kiosk_id, told.machine_number)
            self._values.put(_NAMESPACE, _NAME, msgspec.json.encode(kept))
        self._machine = f"{told.machine_number:04}"

    def take(self, division: str, day: date) -> str:
        """A number that no other case ever had. Raises NoNumber, StoreError."""
        if not self._machine:
            raise NoNumber("the hub has not said this machine's number; enrol it with kiosk enrol")
        return receipt_number(division, self._machine, day, self._counters.take(_COUNTER))

    def _known(self) -> str:
        """What stands for the machine in its numbers; "" before the hub has said it.

        A store that has given numbers before hubs said any goes on with the digits of its name until the hub speaks.
        """
        raw = self._values.get(_NAMESPACE, _NAME)
        if raw is not None:
            kept = shapes.from_json(raw, _Kept)
            return f"{kept.machine_number:04}" if kept.kiosk_id == self._kiosk_id else ""
        return self._kiosk_id if self._counters.last(_COUNTER) else ""
