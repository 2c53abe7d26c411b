"""What the city holds for a case that is not filed yet, such as a plate number: given back when the visit is over.

Kept in memory alone: what a machine forgets when it dies is free again when its time at the city is over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from kiosk.hub_link.client import Answered, Refused, Unreachable
from kiosk.messages.plates import PlatesQuestion
from kiosk.rounds import Rounds
from kiosk.threads import in_thread
from offline_cache.errors import StoreError
from offline_cache.outbox import Outbox

log = structlog.get_logger()


class Holds(Rounds):
    """One per machine; ``run`` gives back what no visit needs any more."""

    def __init__(self, outbox: Outbox, ask: Callable[[str, Any], Awaitable[Answered | Unreachable | Refused]]) -> None:
        super().__init__()
        self._outbox, self._ask = outbox, ask
        self._held: dict[str, str] = {}
        self._over: dict[str, str] = {}

    def begin(self, case_id: str, service: str) -> None:
        """Something is about to be held for this case of the present visit."""
        self._held[case_id] = service

    def release(self) -> None:
        """The visit is over: what it has not filed is given back."""
        self._over |= self._held
        self._held.clear()
        self.nudge()

    async def settle(self) -> int:
        """Give back what no visit needs any more; how many are left."""
        for case_id, service in list(self._over.items()):
            if await self._is_done(case_id, service):
                del self._over[case_id]
        return len(self._over)

    async def _is_done(self, case_id: str, service: str) -> bool:
        try:
            if await in_thread(self._outbox.proof, case_id) is not None:
                return True
        except StoreError as error:
            # Whether it was filed is not known: a number is rather held too long than given away.
            log.error("hold_unread", error=type(error).__name__)
            return False
        reply = await self._ask("plates", PlatesQuestion("give_back", service, case_id))
        return not isinstance(reply, Unreachable)
