"""Work in a thread takes real time, and a virtual clock stands still for it."""

from __future__ import annotations

import threading

import pytest
import trio
import trio.testing

from kiosk.threads import in_thread
from tests.waiting import HANG_S


async def test_no_time_limit_passes_while_a_thread_is_at_work(autojump_clock: trio.testing.MockClock) -> None:
    gone_on = threading.Event()
    threading.Timer(0.1, gone_on.set).start()
    with trio.move_on_after(1.0) as limit:
        assert await in_thread(gone_on.wait, HANG_S)
    assert not limit.cancel_called
    assert trio.current_time() == pytest.approx(0.0, abs=0.5)
    await trio.sleep(3600)
    assert trio.current_time() >= 3600, "and it goes on afterwards"


async def test_the_clock_stands_until_the_last_of_several_has_ended(autojump_clock: trio.testing.MockClock) -> None:
    doors = [threading.Event(), threading.Event()]
    ended: list[int] = []

    async def work(number: int) -> None:
        await in_thread(doors[number].wait, HANG_S)
        ended.append(number)

    with trio.move_on_after(5.0) as limit:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work, 0)
            nursery.start_soon(work, 1)
            await trio.testing.wait_all_tasks_blocked()
            doors[0].set()
            threading.Timer(0.1, doors[1].set).start()
    assert (ended, limit.cancel_called) == ([0, 1], False)


async def test_a_failure_is_the_callers_and_the_clock_goes_on(autojump_clock: trio.testing.MockClock) -> None:
    def fails(word: str, *, number: int) -> None:
        raise ValueError(f"{word} {number}")

    with pytest.raises(ValueError, match="full 3"):
        await in_thread(fails, "full", number=3)
    await trio.sleep(60)


async def test_with_a_real_clock_the_loop_goes_on_meanwhile() -> None:
    ticks = 0
    door = threading.Event()

    async def tick() -> None:
        nonlocal ticks
        while ticks < 3:
            await trio.sleep(0.001)
            ticks += 1
        door.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        assert await in_thread(door.wait, HANG_S)
    assert ticks == 3
