"""Waiting for what another process will do, with a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable


def eventually(true: Callable[[], bool], what: str, tries: int = 300) -> None:
    moment = threading.Event()
    for _ in range(tries):
        if true():
            return
        moment.wait(0.05)
    raise AssertionError(f"did not happen: {what}")
