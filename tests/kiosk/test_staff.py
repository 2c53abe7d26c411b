"""Who is staff, and how long wrong PINs lock: in virtual time, with a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import argon2
import msgspec
import pytest
import trio
from trio.testing import MockClock

from devices.id_card_reader.card import IdCard
from kiosk.staff import LONGEST_LOCK_S, PACE, Record, Staff, StaffBook, is_same_person, lock_s
from offline_cache.store import Store
from offline_cache.values import Values
from offline_cache.vault import open_vault

CARD = "990101199001150513"
PIN = "739164"
CHEAP = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}
START = datetime(2027, 1, 12, tzinfo=UTC)


class Watch:
    """The computer's own time, which the test lets go by. ``wall`` is the clock that somebody sets."""

    def __init__(self) -> None:
        self.boot, self.up_s, self.wall = "boot-1", 1000.0, START

    def __call__(self) -> tuple[str, float]:
        return self.boot, self.up_s

    def switched_off_and_on(self, up_s: float = 0.0) -> None:
        self.boot, self.up_s = self.boot + "+", up_s


def card(number: str = CARD, **other: Any) -> IdCard:
    """What the reader gives for a card."""
    about = {"kind": "resident", "name": "高技术", "birth": date(1990, 1, 15), "valid_from": date(2020, 1, 15)}
    return IdCard(**{**about, "number": number, **other})


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def alarms() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def restart(tmp_path: Path, watch: Watch, alarms: list[tuple[str, str]]) -> Iterator[Callable[[], StaffBook]]:
    """The staff book after a start of the machine; a second call is a restart on the same file."""
    stores: list[Store] = []

    def start() -> StaffBook:
        while stores:
            stores.pop().close()
        stores.append(Store.open(tmp_path / "store.sqlite", now=lambda: watch.wall, ballast_mb=0, free_floor_mb=1))
        book = StaffBook(Values(stores[0]), open_vault(stores[0]), watch, lambda *said: alarms.append(said))
        book._hasher = argon2.PasswordHasher(**CHEAP)
        return book

    yield start
    while stores:
        stores.pop().close()


@pytest.fixture
def book(restart: Callable[[], StaffBook]) -> StaffBook:
    found = restart()
    found.enrol(CARD, "technician", "tech-1", PIN)
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
    staff = await again.find(card(CARD))
    assert (staff.ref, staff.role) == ("tech-1", "technician")
    assert await again.find(card("990101199506010421")) is None
    raw = bytes_in(tmp_path)
    assert CARD.encode() not in raw
    assert PIN.encode() not in raw


async def test_right_pin_is_accepted_and_forgives_the_failures(book: StaffBook, mock_clock: MockClock) -> None:
    staff = await book.find(card(CARD))
    await fail(book, staff, 4)
    assert await book.check_pin(staff, PIN)
    await fail(book, staff, 4)
    assert await book.locked_for_s(staff) == 0


async def test_no_try_is_taken_while_locked_not_even_the_right_one(book: StaffBook, mock_clock: MockClock) -> None:
    staff = await book.find(card(CARD))
    await fail(book, staff, 5)
    assert not await book.check_pin(staff, PIN)
    mock_clock.jump(14)
    assert not await book.check_pin(staff, PIN)
    mock_clock.jump(1.1)
    assert await book.check_pin(staff, PIN)


async def test_restart_does_not_shorten_the_lock(
    book: StaffBook, restart: Callable[[], StaffBook], watch: Watch, mock_clock: MockClock
) -> None:
    staff = await book.find(card(CARD))
    await fail(book, staff, 5)
    watch.up_s += 5
    again = restart()
    assert await again.locked_for_s(staff) == pytest.approx(10, abs=0.01)
    assert not await again.check_pin(staff, PIN)
    mock_clock.jump(10.1)
    assert await again.check_pin(staff, PIN)


@pytest.mark.attack(9)
@pytest.mark.parametrize("days", [-400, -1, 1, 400, 20_000])
@pytest.mark.parametrize("up_s", [None, 0.0, 4.0])
async def test_clock_set_and_a_restart_open_no_lock(
    book: StaffBook,
    restart: Callable[[], StaffBook],
    watch: Watch,
    mock_clock: MockClock,
    days: int,
    up_s: float | None,
) -> None:
    staff = await book.find(card(CARD))
    await book._count(staff, 7)
    watch.wall += timedelta(days=days)
    assert await book.locked_for_s(staff) == pytest.approx(60), "in the running machine"
    if up_s is not None:
        watch.switched_off_and_on(up_s)
    again = restart()
    assert await again.locked_for_s(staff) == pytest.approx(60 - (up_s or 0.0))
    assert not await again.check_pin(staff, PIN)
    mock_clock.jump(61)
    assert await again.check_pin(staff, PIN), "it never becomes permanent"


@pytest.mark.attack(9)
async def test_computer_that_is_switched_off_again_and_again_opens_no_lock(
    book: StaffBook, restart: Callable[[], StaffBook], watch: Watch, mock_clock: MockClock
) -> None:
    staff = await book.find(card(CARD))
    await book._count(staff, 9)
    for _ in range(50):
        watch.switched_off_and_on(30.0)
        assert await restart().locked_for_s(staff) == pytest.approx(lock_s(9) - 30)


@pytest.mark.attack(9)
async def test_lock_of_a_version_before_is_kept_whole(
    book: StaffBook, restart: Callable[[], StaffBook], mock_clock: MockClock
) -> None:
    staff = await book.find(card(CARD))
    book._values.put("staff", "lock:tech-1", b'{"failures": 7, "until": "2027-01-12T00:00:00Z"}')
    assert await restart().locked_for_s(staff) == pytest.approx(60)


@pytest.mark.attack(9)
@pytest.mark.parametrize(
    "other",
    [
        {"name": "假技术"},
        {"birth": date(1991, 1, 15)},
        {"valid_from": date(2021, 1, 15)},
        {"valid_to": date(2040, 1, 15)},
        {"authority": "另一分局"},
        {"kind": "hmt"},
        {"name": "", "english_name": "GAO JISHU"},
        {"name": "高技术|", "authority": ""},
    ],
    ids=str,
)
async def test_number_alone_is_no_card(
    book: StaffBook, alarms: list[tuple[str, str]], mock_clock: MockClock, other: dict[str, Any]
) -> None:
    forged = await book.find(card(CARD, **other))
    assert forged is not None, "nobody has seen the true card yet: the PIN alone decides"
    assert await book.check_pin(await book.find(card(CARD)), PIN)
    assert await book.find(card(CARD, **other)) is None
    assert [what for what, _ in alarms] == ["staff"]
    assert not await book.check_pin(forged, PIN), "nor one that was looked up before"
    assert await book.check_pin(await book.find(card(CARD)), PIN)


@pytest.mark.attack(9)
async def test_copy_of_a_card_in_another_chip_is_refused_where_the_reader_tells_chips(
    book: StaffBook, alarms: list[tuple[str, str]], mock_clock: MockClock
) -> None:
    assert await book.check_pin(await book.find(card(CARD)), PIN), "this reader tells none"
    assert await book.check_pin(await book.find(card(CARD, chip="a" * 64)), PIN)
    assert await book.find(card(CARD, chip="b" * 64)) is None
    assert len(alarms) == 1
    assert await book.find(card(CARD)) is None, "not told this time: the card is laid down again"
    assert len(alarms) == 1
    assert await book.check_pin(await book.find(card(CARD, chip="a" * 64)), PIN)


@pytest.mark.attack(9)
async def test_wrong_pin_binds_no_card(book: StaffBook, mock_clock: MockClock) -> None:
    assert not await book.check_pin(await book.find(card(CARD, name="假技术")), "908172")
    assert await book.check_pin(await book.find(card(CARD)), PIN)
    assert book.known()[0].seen == 1


async def test_renewed_card_is_made_known_anew(book: StaffBook, mock_clock: MockClock) -> None:
    assert await book.check_pin(await book.find(card(CARD)), PIN)
    renewed = card(CARD, valid_from=date(2026, 12, 1))
    assert await book.find(renewed) is None
    book.enrol(CARD, "technician", "tech-1", PIN)
    assert await book.check_pin(await book.find(renewed), PIN)


@pytest.mark.attack(9)
async def test_hash_without_its_key_says_nothing_of_the_pin(
    book: StaffBook, restart: Callable[[], StaffBook], mock_clock: MockClock
) -> None:
    (place,) = (name for name in book._values.names("staff") if name.startswith("card:"))
    record = msgspec.json.decode(book._values.get("staff", place), type=Record)
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        book._hasher.verify(record.pin_hash, PIN)
    kept = book._keys.get("staff", "secret")
    assert kept not in book._values.get("staff", "secret"), "and the key is sealed"


@pytest.mark.parametrize(("typed", "state"), [(PIN, "good"), ("2468", "old"), ("123456", "old")])
async def test_hash_of_a_version_before_is_upgraded_with_the_next_right_pin_or_named(
    book: StaffBook, mock_clock: MockClock, typed: str, state: str
) -> None:
    (place,) = (name for name in book._values.names("staff") if name.startswith("card:"))
    before = {"ref": "tech-1", "role": "technician", "pin_hash": argon2.PasswordHasher(**CHEAP).hash(typed)}
    book._values.put("staff", place, msgspec.json.encode(before))
    assert book.known()[0].pin == "old"
    assert await book.check_pin(await book.find(card(CARD)), typed)
    assert book.known()[0].pin == state
    assert await book.check_pin(await book.find(card(CARD)), typed)


@pytest.mark.attack(9)
def test_search_of_all_pins_takes_weeks_of_a_core() -> None:
    """The work of one guess, of which ``make bench`` measures the time; never below what was measured."""
    assert PACE.type is argon2.Type.ID
    assert PACE.memory_cost * PACE.time_cost >= 128 * 1024 * 17
    assert PACE.parallelism == 1


@pytest.mark.attack(9)
@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        (card(), card(), True),
        (card(), card(name="别人"), True),
        (card(), card("990101199506010428"), True),
        (card(), card("HMT00000001", kind="hmt"), True),
        (card(), card("990101199506010428", birth=date(1995, 6, 1)), False),
        (card(), card("990101199506010428", name="别人"), False),
    ],
)
def test_same_person_by_number_or_by_name_and_birth(one: IdCard, other: IdCard, are_same: bool) -> None:
    assert is_same_person(one, other) is are_same
    assert is_same_person(other, one) is are_same


async def test_plug_pulled_during_a_try_counts_as_a_failure(
    book: StaffBook, restart: Callable[[], StaffBook], monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    staff = await book.find(card(CARD))
    await fail(book, staff, 4)

    def die(*_args: Any) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(book, "_is_right", die)
    with pytest.raises(KeyboardInterrupt):
        await book.check_pin(staff, PIN)
    assert await restart().locked_for_s(staff) == pytest.approx(15)


async def test_tries_at_once_are_taken_one_after_the_other(book: StaffBook, mock_clock: MockClock) -> None:
    staff = await book.find(card(CARD))
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(book.check_pin, staff, "000000")
    assert (await book._lock(staff)).failures == 5


@pytest.mark.attack(9)
async def test_guide_of_a_version_before_has_no_pin_and_confirms_nobody(book: StaffBook, mock_clock: MockClock) -> None:
    (place,) = (name for name in book._values.names("staff") if name.startswith("card:"))
    book._values.put("staff", place, b'{"ref": "guide-1", "role": "guide"}')
    staff = await book.find(card(CARD))
    assert (staff.pin_state, book.known()[0].pin) == ("none", "none")
    for pin in ("", PIN):
        assert not await book.check_pin(staff, pin)
