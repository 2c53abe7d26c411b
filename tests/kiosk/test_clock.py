"""A wall clock that cannot be believed: an empty battery, a jump, a hub that knows better, and nobody."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import trio

from kiosk import config
from kiosk.clock import BUILT, DAY_BEGAN, Clock, full_months, local
from kiosk.demo import stage
from kiosk.timekeeping import KEEP_S, Timekeeper
from offline_cache.store import Store
from offline_cache.values import Values

TRUTH = datetime(2027, 1, 12, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FUTURE = datetime(2099, 1, 1, tzinfo=UTC)


class Hall:
    """What really happens: time passes, the machine's own clock is off, or is set."""

    def __init__(self, own: datetime) -> None:
        self.own_start = own
        self.passed_s = 0.0

    def clock(self) -> Clock:
        return Clock(wall=self.own, ticks=lambda: self.passed_s)

    def own(self) -> datetime:
        return self.own_start + timedelta(seconds=self.passed_s)

    def truth(self) -> datetime:
        return TRUTH + timedelta(seconds=self.passed_s)

    def set_to(self, own: datetime) -> None:
        self.own_start = own - timedelta(seconds=self.passed_s)


@pytest.mark.parametrize("own", [EPOCH, datetime(2000, 1, 1, tzinfo=UTC), BUILT - timedelta(days=1), FUTURE])
def test_a_clock_that_nothing_proves_knows_no_date(own: datetime) -> None:
    clock = Hall(own).clock()
    assert not clock.knows_date
    assert clock.now() >= BUILT
    assert clock.read().bound_by == "build"
    assert clock.read().is_doubted


def test_a_plausible_clock_is_believed_and_goes_on() -> None:
    hall = Hall(TRUTH)
    clock = hall.clock()
    hall.passed_s = 3600
    assert (clock.knows_date, clock.now()) == (True, hall.truth())
    assert not clock.read().is_doubted


@pytest.mark.parametrize("own", [EPOCH, FUTURE, TRUTH - timedelta(days=400), TRUTH + timedelta(minutes=6)])
def test_beyond_five_minutes_the_hubs_time_is_followed_also_when_the_hub_is_away_again(own: datetime) -> None:
    hall = Hall(own)
    clock = hall.clock()
    clock.now()
    assert clock.hub_says(hall.truth())
    assert (clock.now(), clock.today(), clock.knows_date) == (TRUTH, date(2027, 1, 12), True)
    hall.passed_s = 86_400 * 30
    assert clock.now() == hall.truth()
    assert clock.read().offset_s == pytest.approx((TRUTH - own).total_seconds())


@pytest.mark.parametrize("off_s", [-290, -20, 0, 20, 290])
def test_a_clock_near_the_hubs_is_left_alone_but_never_before_what_the_hub_has_signed(off_s: float) -> None:
    hall = Hall(TRUTH + timedelta(seconds=off_s))
    clock = hall.clock()
    clock.hub_says(hall.truth())
    hall.passed_s = 10
    assert clock.now() == max(hall.own(), hall.truth())
    assert not clock.read().is_doubted


@pytest.mark.parametrize("jump", [FUTURE, EPOCH, TRUTH + timedelta(hours=1), TRUTH - timedelta(hours=1)])
@pytest.mark.parametrize("asked_hub", [True, False])
def test_a_jump_while_the_machine_runs_is_not_followed(jump: datetime, asked_hub: bool) -> None:
    hall = Hall(TRUTH)
    clock = hall.clock()
    clock.now()
    if asked_hub:
        clock.hub_says(hall.truth())
    hall.passed_s = 60
    hall.set_to(jump)
    assert clock.now() == hall.truth()
    assert clock.read().is_doubted
    hall.set_to(hall.truth())
    assert not clock.read().is_doubted


def test_a_clock_that_is_put_right_is_believed_again() -> None:
    hall = Hall(EPOCH)
    clock = hall.clock()
    assert not clock.knows_date
    hall.set_to(TRUTH)
    assert (clock.knows_date, clock.now()) == (True, TRUTH)


@pytest.mark.parametrize("own", [EPOCH, TRUTH - timedelta(hours=3), FUTURE])
def test_it_is_never_before_the_time_that_was_stored(own: datetime) -> None:
    hall = Hall(own)
    clock = hall.clock()
    clock.now()
    clock.not_before(TRUTH, "stored")
    hall.passed_s = 120
    assert (clock.now(), clock.knows_date, clock.read().bound_by) == (hall.truth(), True, "stored")


def test_an_old_receipt_moves_nothing_and_a_newer_one_bounds() -> None:
    hall = Hall(EPOCH)
    clock = hall.clock()
    clock.not_before(TRUTH, "receipt")
    clock.not_before(TRUTH - timedelta(days=30), "receipt")
    assert (clock.now(), clock.read().bound_by) == (TRUTH, "receipt")


def test_the_hub_rules_over_a_stored_time_that_a_jump_has_spoiled() -> None:
    hall = Hall(TRUTH)
    clock = hall.clock()
    clock.not_before(FUTURE, "stored")
    assert clock.today() == date(2099, 1, 1)
    clock.hub_says(hall.truth())
    assert clock.now() == TRUTH


def test_a_hub_before_the_build_is_not_followed() -> None:
    clock = Hall(TRUTH).clock()
    assert not clock.hub_says(EPOCH)
    assert clock.now() == TRUTH


BEFORE, AFTER = datetime(2026, 11, 26, 15, 59, tzinfo=UTC), datetime(2026, 11, 26, 16, 1, tzinfo=UTC)
"""Midnight in China lies between them."""


@pytest.mark.parametrize("began", ["2026-11-26T00:00:00+08:00", "2026-11-25T16:00:00Z"])
def test_processes_of_a_demonstration_that_start_before_and_after_midnight_agree(
    began: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DAY_BEGAN, began)
    wall = [BEFORE]
    hub = Clock(date(2027, 1, 12), wall=lambda: wall[0])
    assert hub.today() == date(2027, 1, 12)
    wall[0] = AFTER
    machine = Clock(date(2027, 1, 12), wall=lambda: wall[0])
    assert machine.now() == hub.now()
    assert machine.today() == date(2027, 1, 13), "they go over midnight together"


def test_every_process_of_a_stage_is_told_when_its_day_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DAY_BEGAN)
    monkeypatch.setattr(stage, "_set_up", lambda _stage, _report: iter([os.environ[DAY_BEGAN]]))
    with stage.staged(tmp_path, print) as told:
        assert local(datetime.fromisoformat(str(told))).hour == 0
    assert DAY_BEGAN not in os.environ


@pytest.mark.parametrize("said", ["yesterday", "2027-01-12T00:00:00", "2027-13-12"])
def test_what_is_no_moment_refuses_the_start_in_one_line(
    said: str, config_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DAY_BEGAN, said)
    with pytest.raises(config.ConfigError, match=DAY_BEGAN):
        config.load(config_file())


def test_the_date_of_a_demonstration_is_fixed_and_not_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DAY_BEGAN)
    clock = Clock(date(2030, 5, 6), wall=lambda: EPOCH, ticks=lambda: 0.0)
    clock.hub_says(TRUTH)
    clock.not_before(FUTURE, "stored")
    assert (clock.today(), clock.knows_date) == (date(2030, 5, 6), True)
    assert not clock.read().is_doubted


class Kept:
    """A timekeeper with a real store, its alarms, and restarts."""

    def __init__(self, path: Path, hall: Hall) -> None:
        self.hall = hall
        self.alarms: list[str] = []
        self.changes = 0
        self.clock = hall.clock()
        self.store = Store.open(path, now=self.clock.now, ballast_mb=0, free_floor_mb=0)
        self.writes = 0
        values = Values(self.store)
        put = values.put

        def counted(*arguments: str | bytes) -> None:
            self.writes += 1
            put(*arguments)  # type: ignore[arg-type]

        values.put = counted  # type: ignore[method-assign]
        self.keeper = Timekeeper(
            self.clock, values, on_alarm=lambda what, why: self.alarms.append(f"{what}: {why}"), on_change=self._changed
        )

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
def start(tmp_path: Path) -> Callable[[Hall], Kept]:
    return lambda hall: Kept(tmp_path / "store.db", hall)


async def _work(kept: Kept, minutes: int) -> None:
    """Machine and hall live on for a while."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kept.keeper.run)
        for _ in range(minutes * 6):
            await trio.testing.wait_all_tasks_blocked()
            kept.hall.passed_s += 10
            await trio.sleep(10)
        nursery.cancel_scope.cancel()


async def test_the_time_is_kept_now_and_then_and_bounds_the_clock_after_the_battery_ran_empty(
    start: Callable[[Hall], Kept], autojump_clock: trio.testing.MockClock
) -> None:
    before = start(Hall(TRUTH))
    await _work(before, 60)
    assert 60 * 60 / KEEP_S <= before.writes <= 60 * 60 / KEEP_S + 1
    before.store.close()
    after = start(Hall(EPOCH))
    assert TRUTH + timedelta(minutes=49) < after.clock.now() <= TRUTH + timedelta(minutes=61)
    assert after.clock.knows_date
    after.keeper.look()
    after.keeper.look()
    (alarm,) = after.alarms
    assert alarm.startswith("clock: the machine's clock is")
    assert "behind" in alarm
    after.store.close()


async def test_the_hubs_word_ends_the_doubt_tells_it_and_is_kept_at_once(start: Callable[[Hall], Kept]) -> None:
    kept = start(Hall(EPOCH))
    kept.keeper.look()
    assert [("no date" in alarm) for alarm in kept.alarms] == [True]
    kept.keeper.hub_says("2027-01-12T01:00:00.000Z")
    assert kept.clock.today() == date(2027, 1, 12)
    assert kept.changes == 1, "the tiles are drawn anew"
    assert "the hub's time" in kept.alarms[-1]
    kept.keeper.keep()
    kept.store.close()
    again = start(Hall(EPOCH))
    assert (again.clock.today(), again.clock.knows_date) == (date(2027, 1, 12), True)
    again.store.close()


@pytest.mark.parametrize("said", ["", "yesterday", "2027-01-12T01:00:00", "99999-01-01T00:00:00Z"])
def test_a_time_that_is_none_changes_nothing(start: Callable[[Hall], Kept], said: str) -> None:
    kept = start(Hall(EPOCH))
    kept.keeper.hub_says(said)
    kept.keeper.receipt_says(said)
    assert not kept.clock.knows_date
    kept.store.close()


def test_a_time_that_nothing_proves_is_not_kept(start: Callable[[Hall], Kept]) -> None:
    kept = start(Hall(EPOCH))
    kept.keeper.keep()
    assert kept.writes == 0
    kept.store.close()


@pytest.mark.parametrize(
    ("since", "until", "months"),
    [
        ("2026-08-31", "2027-02-28", 6),  # 民法典 202: a month without that day ends on its last
        ("2026-08-31", "2027-02-27", 5),
        ("2026-05-31", "2026-11-30", 6),
        ("2024-02-29", "2025-02-28", 12),
        ("2026-08-30", "2027-02-27", 5),
        ("2027-02-28", "2027-08-28", 6),
        ("2027-01-12", "2027-01-11", 0),
        ("2027-01-12", "2020-01-11", 0),
    ],
)
def test_full_months_end_on_the_same_day_or_on_a_months_last(since: str, until: str, months: int) -> None:
    assert full_months(date.fromisoformat(since), date.fromisoformat(until)) == months
