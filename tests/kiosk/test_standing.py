"""What runs beside the visits: one part that fails ends nothing, is told of once, and is begun anew, ever later."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
import trio.testing

from kiosk.standing import CAP_S, standing


async def test_a_part_that_fails_is_begun_anew_each_time_later_and_told_of_once(
    mock_clock: trio.testing.MockClock, parts_failed: list[str]
) -> None:
    mock_clock.autojump_threshold = 0
    begun: list[float] = []
    alarms: list[tuple[str, str]] = []

    async def fails() -> None:
        begun.append(trio.current_time())
        if len(begun) < 10:
            raise LookupError("the name of a person")

    with trio.fail_after(3600):
        await standing("Forwarder", fails, lambda what, why: alarms.append((what, why)))
    pauses = [later - earlier for earlier, later in pairwise(begun)]
    assert pauses[0] <= 1.0
    assert CAP_S / 2 <= pauses[-1] <= CAP_S
    assert [what for what, _ in alarms] == ["part_failed"]
    assert "Forwarder" in alarms[0][1]
    assert "person" not in alarms[0][1] + "".join(parts_failed), "an error may quote what somebody typed"
    assert len(parts_failed) == 9
    parts_failed.clear()


async def test_one_that_stood_for_a_while_is_told_of_again(
    mock_clock: trio.testing.MockClock, parts_failed: list[str]
) -> None:
    mock_clock.autojump_threshold = 0
    lives, alarms = [2 * CAP_S, 2 * CAP_S], []

    async def fails() -> None:
        if lives:
            await trio.sleep(lives.pop())
            raise LookupError

    await standing("Link", fails, lambda *said: alarms.append(said))
    assert len(alarms) == len(parts_failed) == 2
    parts_failed.clear()


async def test_who_stops_the_machine_is_obeyed(mock_clock: trio.testing.MockClock) -> None:
    mock_clock.autojump_threshold = 0
    with trio.move_on_after(5) as scope:
        await standing("Link", trio.sleep_forever, pytest.fail)
    assert scope.cancelled_caught
