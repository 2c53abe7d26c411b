"""Blocking work off the machine's loop: the store, the audit chain, what reads or writes files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import trio

P = ParamSpec("P")
T = TypeVar("T")
_held: WeakKeyDictionary[Any, tuple[int, float]] = WeakKeyDictionary()
"""Virtual clocks that stand: how many threads are at work, and what their threshold was."""


async def in_thread(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What ``function`` gives or raises, called in a worker thread. It is not cut off when its caller is canceled.

    A virtual clock stands still meanwhile: to it every task is asleep, and it would run on to the next time limit
    while a thread that takes real time is at work.
    """
    with _clock_stands():
        return await trio.to_thread.run_sync(partial(function, *arguments, **named))


@contextmanager
def _clock_stands() -> Iterator[None]:
    clock: Any = trio.lowlevel.current_clock()
    if not hasattr(clock, "autojump_threshold"):
        yield
        return
    count, threshold = _held.get(clock, (0, clock.autojump_threshold))
    _held[clock] = (count + 1, threshold)
    clock.autojump_threshold = math.inf
    try:
        yield
    finally:
        count, threshold = _held.pop(clock)
        if count > 1:
            _held[clock] = (count - 1, threshold)
        else:
            clock.autojump_threshold = threshold
