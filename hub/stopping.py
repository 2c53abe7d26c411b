"""A stop that is asked for comes: what hangs then is left behind, and the next start finds it as after a power cut."""

from __future__ import annotations

import os
import signal
import threading

import structlog

STOP_WITHIN_S = 10.0
"""Requests have 3 s of it, jobs 2 s, and connections to the database the rest; an ordinary stop takes less than one."""
FORCED = 128 + signal.SIGTERM
_log = structlog.get_logger()


class Stop:
    """The end of this process, from the signal on. A database that hangs, and does not fail, would hold it for ever."""

    def __init__(self, within_s: float = STOP_WITHIN_S) -> None:
        self._timer = threading.Timer(within_s, _by_force)
        self._timer.daemon = True

    def begin(self) -> None:
        """Counts from the first time."""
        if self._timer.ident is None:
            self._timer.start()

    def done(self) -> None:
        """All was taken down in order."""
        self._timer.cancel()


def _by_force() -> None:
    _log.error("stopped_by_force")
    os._exit(FORCED)
