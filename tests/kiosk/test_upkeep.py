"""The queue is read through in quiet moments; what is damaged or waits too long calls a person, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import trio
from trio.testing import MockClock

from kiosk.upkeep import ROUND_S, Upkeep
from offline_cache.outbox import Outbox
from offline_cache.store import Store


class Quiet(SimpleNamespace):
    """A machine as far as upkeep sees it: a real queue on a real disk."""

    def __init__(self, path: Path) -> None:
        self.shift = timedelta(0)
        self.store = Store.open(path, now=lambda: datetime.now(UTC) + self.shift, ballast_mb=0, free_floor_mb=0)
        super().__init__(outbox=Outbox(self.store), is_quiet=True, alarms=[], alarmed=trio.Event())

    def alarm(self, what: str, reason: str) -> None:
        self.alarms.append((what, reason))
        self.alarmed.set()

    def file(self, key: str) -> None:
        stamp = lambda seq, _prev, _digests: (b"header %d" % seq, "signature")
        parts = [("form", b"sealed")]
        self.outbox.put(kind="case", key=key, case_id=key, receipt_number=key, parts=parts, stamp=stamp)

    def damage(self, seq: int) -> None:
        self.store.write(lambda: self.store.db.execute("UPDATE parcel SET sealed = x'00' WHERE id = ?", (seq * 256,)))


@pytest.fixture
def machine(tmp_path: Path):
    quiet = Quiet(tmp_path / "store.db")
    for key in ("a", "b", "c"):
        quiet.file(key)
    yield quiet
    quiet.store.close()


async def test_a_damaged_envelope_is_found_while_nobody_is_there_and_said_once(
    machine: Quiet, autojump_clock: MockClock
) -> None:
    upkeep = Upkeep(machine)
    machine.damage(2)
    await upkeep.look()
    await upkeep.look()
    assert machine.alarms == [("damaged", "envelope 2 is set aside: part form is not what was signed")]
    again = Upkeep(machine)
    await again.look()
    assert len(machine.alarms) == 2, "a new process says it again: it still waits for a person"


async def test_the_disk_is_not_read_during_a_visit(machine: Quiet, autojump_clock: MockClock) -> None:
    machine.is_quiet = False
    machine.damage(2)
    upkeep = Upkeep(machine)
    await upkeep.look()
    assert machine.alarms == []
    machine.is_quiet = True
    await upkeep.look()
    assert len(machine.alarms) == 1


async def test_everything_is_read_again_after_a_rest(machine: Quiet, autojump_clock: MockClock) -> None:
    upkeep = Upkeep(machine)
    await upkeep.look()
    machine.damage(3)
    await upkeep.look()
    assert machine.alarms == []
    await trio.sleep(ROUND_S)
    await upkeep.look()
    assert [what for what, _ in machine.alarms] == ["damaged"]


async def test_what_waits_for_a_day_is_an_alarm_until_it_is_delivered(
    machine: Quiet, autojump_clock: MockClock
) -> None:
    upkeep = Upkeep(machine)
    await upkeep.look()
    machine.shift = timedelta(hours=25)
    await upkeep.look()
    await upkeep.look()
    assert machine.alarms == [("waiting", "the oldest envelope has waited for 25 hours")]
    for seq in (1, 2, 3):
        machine.outbox.delivered(seq, b"receipt")
    await upkeep.look()
    machine.shift = timedelta(0)
    machine.file("d")
    machine.shift = timedelta(hours=30)
    await upkeep.look()
    assert machine.alarms[1:] == [("waiting", "the oldest envelope has waited for 30 hours")]


async def test_a_store_that_fails_once_does_not_end_the_looking(
    machine: Quiet, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    machine.damage(1)
    closed = machine.store
    closed.close()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Upkeep(machine).run)
        await trio.sleep(1)
        machine.store = Store.open(closed.path, now=lambda: datetime.now(UTC), ballast_mb=0, free_floor_mb=0)
        machine.outbox = Outbox(machine.store)
        await machine.alarmed.wait()
        nursery.cancel_scope.cancel()
    assert len(machine.alarms) == 1


async def test_stranger_who_reads_the_store_is_named_once_and_again_when_one_comes_back(
    machine: Quiet, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    upkeep, tries = Upkeep(machine), []

    def empty_log() -> None:
        tries.append(machine.store.log_held)

    monkeypatch.setattr(machine.store, "empty_log", empty_log)
    machine.store.log_held = True
    await upkeep.look()
    await upkeep.look()
    assert [what for what, _ in machine.alarms] == ["store_read"]
    assert tries == [True, True], "it is tried again at every look"
    machine.store.log_held = False
    await upkeep.look()
    machine.store.log_held = True
    await upkeep.look()
    assert [what for what, _ in machine.alarms] == ["store_read", "store_read"]
