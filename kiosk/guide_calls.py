"""Calls for a hall guide: each one is sent, and it is known how long ago the one before was."""

from __future__ import annotations

from collections.abc import Callable

import trio

_SAME_WAIT_S = 1800.0
"""A call longer ago than this belongs to another person's wait and is not told."""


class GuideCalls:
    """Sends calls as status lines, which is what the guide's desk sees."""

    def __init__(self, publish: Callable[..., None]) -> None:
        self._publish = publish
        self._last: float | None = None

    def call(self, visit_id: str) -> float | None:
        """Call a guide; the seconds since the call before, or None when there was none lately."""
        now, before = trio.current_time(), self._last
        self._last = now
        self._publish("guide_called", visit=visit_id)
        return now - before if before is not None and now - before < _SAME_WAIT_S else None
