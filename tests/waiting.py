"""Waiting for what something else will do. The limit ends a hang; on a busy machine nothing comes near it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import trio

from kiosk.clock import Clock

T = TypeVar("T")
HANG_S = 180.0
"""After this long nothing will come any more, however busy the machine is."""
_LOOK_S, _BIT_S = 0.05, 0.1


def times_slower() -> float:
    """How many times longer than by itself a bit of work takes right now: others have the processor too."""
    began, ends = time.perf_counter(), time.thread_time() + _BIT_S
    while time.thread_time() < ends:
        pass
    return max(1.0, (time.perf_counter() - began) / _BIT_S)


def eventually(true: Callable[[], T], what: str | Callable[[], str], limit_s: float = HANG_S) -> T:
    """Blocks until ``true()`` holds and gives its value; when it never does, fails with what was waited for."""
    clock, moment = Clock(), threading.Event()
    ends = clock.monotonic() + limit_s
    while not (value := true()):
        assert clock.monotonic() < ends, f"did not happen: {what() if callable(what) else what}"
        moment.wait(_LOOK_S)
    return value


async def comes_true(true: Callable[[], T], what: str | Callable[[], str], limit_s: float = HANG_S) -> T:
    """The same in a trio story, on trio's clock."""
    ends = trio.current_time() + limit_s
    while not (value := true()):
        assert trio.current_time() < ends, f"did not happen: {what() if callable(what) else what}"
        await trio.sleep(_LOOK_S)
    return value


@contextmanager
def given_up(what: Callable[[], str]) -> Iterator[None]:
    """Ends what is awaited inside when it never comes, also where trio's clock stands still, and says what it was."""
    token = trio.lowlevel.current_trio_token()
    with trio.CancelScope() as scope:
        late = threading.Timer(HANG_S, token.run_sync_soon, [scope.cancel])
        late.daemon = True
        late.start()
        try:
            yield
        finally:
            late.cancel()
    assert not scope.cancelled_caught, f"did not happen: {what()}"
