"""The writer's bridge: beside what every maker has, it keeps the number of a blank before the blank is moved."""

from __future__ import annotations

from devices.contract import Deadline
from devices.document_making import Made, MakeEnd, Order
from devices.json_maker import JsonMaker, converted


class WriterBridge(JsonMaker):
    """Stock, journal and writing. It moves nothing; an order that is reserved and not written yet is ``unknown``."""

    def reserve(self, order: Order, deadline: Deadline) -> None:
        """Write down that this blank is about to leave the stacker for this order. Refusal as ``write`` has them."""
        self._asked("reserve", deadline, key=order.key, serial=order.serial)

    def settle(self, key: str, end: MakeEnd, reason: str, deadline: Deadline) -> Made:
        """End an order that was not written: its blank is ``voided``, or never left (``not_written``).

        One that has ended already keeps its end, which is the value.
        """
        return converted(self._asked("settle", deadline, key=key, end=end.value, reason=reason), Made)
