"""What is told to the city sooner or later: now when something has changed, and again as long as something is left."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import trio

AGAIN_S = 20.0


class Rounds(ABC):
    """Goes round until canceled; ``settle`` is one round."""

    def __init__(self) -> None:
        self._bell = trio.Event()

    @abstractmethod
    async def settle(self) -> int:
        """Tell what can be told now; how many are left."""

    def nudge(self) -> None:
        """Look now: the network is back, or something has ended."""
        self._bell.set()

    async def run(self) -> None:
        """Until canceled. What the hub cannot be told now is told later; it is never dropped."""
        while True:
            self._bell = trio.Event()
            left = await self.settle()
            with trio.move_on_after(AGAIN_S if left else math.inf):
                await self._bell.wait()
