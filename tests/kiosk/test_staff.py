"""Who is staff, and how long wrong PINs lock: in virtual time, with a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import argon2
import pytest
import trio
from trio.testing import MockClock

from kiosk.staff import LONGEST_LOCK_S, Staff, StaffBook, lock_s
from offline_cache.store import Store
from offline_cache.values import Values

CARD = "990101199001150513"
START = datetime(2027, 1, 12, tzinfo=UTC)


class Wall:
    """A wall clock that the test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def restart(tmp_path: Path, wall: Wall) -> Iterator[Callable[[], StaffBook]]:
    """The staff book after a start of the machine; a second call is a restart on the same file."""
    stores: list[Store] = []

    def start() -> StaffBook:
        while stores:
            stores.pop().close()
        stores.append(Store.open(tmp_path / "store.sqlite", now=wall, ballast_mb=0, free_floor_mb=1))
        book = StaffBook(Values(stores[0]), wall)
        book._hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        return book

    yield start
    while stores:
        stores.pop().close()


@pytest.fixture
def book(restart: Callable[[], StaffBook]) -> StaffBook:
    found = restart()
    found.enrol(CARD, "technician", "tech-1", "246810")
    return found


def bytes_in(folder: Path) -> bytes:
    return b"".join(f.read_bytes() for f in folder.iterdir() if f.is_file())


async def fail(book: StaffBook, staff: Staff, times: int) -> None:
    for _ in range(times):
        assert not await book.check_pin(staff, "000000")


def test_waits_double_from_fifteen_seconds_and_never_become_permanent() -> None:
    assert [lock_s(n) for n in range(8)] == [0, 0, 0, 0, 0, 15, 30, 60]
    assert lock_s(14) == LONGEST_LOCK_S == 7680
    assert lock_s(1000) == LONGEST_LOCK_S


async def test_card_is_known_after_a_restart_but_its_number_is_not_in_the_store(
    book: StaffBook, restart: Callable[[], StaffBook], tmp_path: Path
) -> None:
    again = restart()
    staff = await again.find(CARD)
    assert (staff.ref, staff.role) == ("tech-1", "technician")
    assert await again.find("990101199506010421") is None
    raw = bytes_in(tmp_path)
    assert CARD.encode() not in raw
    assert b"246810" not in raw


async def test_right_pin_is_accepted_and_forgives_the_failures(book: StaffBook, mock_clock: MockClock) -> None:
    staff = await book.find(CARD)
    await fail(book, staff, 4)
    assert await book.check_pin(staff, "246810")
    await fail(book, staff, 4)
    assert await book.locked_for_s(staff) == 0


async def test_no_try_is_taken_while_locked_not_even_the_right_one(book: StaffBook, mock_clock: MockClock) -> None:
    staff = await book.find(CARD)
    await fail(book, staff, 5)
    assert not await book.check_pin(staff, "246810")
    mock_clock.jump(14)
    assert not await book.check_pin(staff, "246810")
    mock_clock.jump(1.1)
    assert await book.check_pin(staff, "246810")


async def test_restart_does_not_shorten_the_lock(
    book: StaffBook, restart: Callable[[], StaffBook], wall: Wall, mock_clock: MockClock
) -> None:
    staff = await book.find(CARD)
    await fail(book, staff, 5)
    wall.now += timedelta(seconds=5)
    again = restart()
    assert await again.locked_for_s(staff) == pytest.approx(10, abs=0.01)
    assert not await again.check_pin(staff, "246810")
    mock_clock.jump(10.1)
    assert await again.check_pin(staff, "246810")


async def test_clock_set_back_while_switched_off_locks_for_no_longer_than_the_whole_time(
    book: StaffBook, restart: Callable[[], StaffBook], wall: Wall, mock_clock: MockClock
) -> None:
    staff = await book.find(CARD)
    await fail(book, staff, 5)
    wall.now -= timedelta(days=400)
    assert await restart().locked_for_s(staff) == pytest.approx(15)


async def test_clock_set_forward_in_a_running_machine_opens_nothing(
    book: StaffBook, wall: Wall, mock_clock: MockClock
) -> None:
    staff = await book.find(CARD)
    await fail(book, staff, 5)
    wall.now += timedelta(days=1)
    assert await book.locked_for_s(staff) == pytest.approx(15)


async def test_plug_pulled_during_a_try_counts_as_a_failure(
    book: StaffBook, restart: Callable[[], StaffBook], monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    staff = await book.find(CARD)
    await fail(book, staff, 4)

    def die(*_args: str) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(book, "_verify", die)
    with pytest.raises(KeyboardInterrupt):
        await book.check_pin(staff, "246810")
    assert await restart().locked_for_s(staff) == pytest.approx(15)


async def test_tries_at_once_are_taken_one_after_the_other(book: StaffBook, mock_clock: MockClock) -> None:
    staff = await book.find(CARD)
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(book.check_pin, staff, "000000")
    assert (await book._lock(staff)).failures == 5


async def test_guide_without_a_pin_can_never_sign_in(book: StaffBook, mock_clock: MockClock) -> None:
    book.enrol("990101199506010421", "guide", "guide-1")
    staff = await book.find("990101199506010421")
    assert not await book.check_pin(staff, "")
    assert await book.locked_for_s(staff) == 0
