"""The short form of the sweep: python -m tests.matrix.store.power_cut runs every call with three seeds."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from offline_cache.errors import StoreBroken
from offline_cache.outbox import Outbox
from tests.matrix.store.disk import Disk, PowerCut
from tests.matrix.store.power_cut import MISTAKES, Promised, check, opened, put, sweep, sweep_failing


def test_power_cut_anywhere_in_a_machines_day_loses_and_damages_nothing() -> None:
    found = sweep(step=11, seeds=1)
    assert found["calls"] > 300
    assert found["runs"] > 30
    assert (found["lost"], found["corrupt"]) == (0, 0)


def test_a_sync_that_fails_and_drops_its_pages_loses_nothing() -> None:
    """Linux forgets pages whose sync failed; the store writes them again before it goes on."""
    found = sweep_failing(step=4, seeds=1)
    assert found["runs"] > 10
    assert (found["lost"], found["corrupt"]) == (0, 0)


def test_what_a_new_process_shows_as_kept_is_on_the_disk(tmp_path: Path) -> None:
    """A sync failed and the process died: the system's memory still has the row, the platters do not."""
    for seed in range(10):
        disk, promised = Disk(), Promised()
        store = opened(tmp_path, disk, {})
        put(Outbox(store), promised, "a", 100)
        disk.failing_sync = disk.syncs + 1
        with pytest.raises(StoreBroken):  # the bare commit: the process dies before the store could mend anything
            store._commit(partial(put, Outbox(store), promised, "b", 100))
        os.close(store._handle)
        again = opened(tmp_path, disk, {})
        put(Outbox(again), promised, "b", 100)
        disk.off = True
        again.close()
        last = opened(tmp_path, Disk(disk.after_cut(seed)), {})
        assert list(check(last, promised)) == []
        last.close()
        store._handle = -1
        store.close()


@pytest.mark.parametrize("name", [name for name, mistake in MISTAKES.items() if mistake])
def test_the_sweep_sees_a_store_that_does_not_wait_for_the_disk(name: str) -> None:
    """Each of these is a mistake somebody could make in one line; the sweep must not stay green."""
    found = sweep(step=60, seeds=1, **MISTAKES[name])
    assert found["lost"] + found["corrupt"] > 0


def test_the_disk_keeps_what_was_synced_and_tears_what_was_not() -> None:
    disk = Disk(cut_at=3)
    file = disk.files.setdefault("a", type(disk)({"a": b""}).files["a"])
    disk.call()
    file.write(0, b"A" * 2048)
    file.sync()
    disk.call()
    file.write(0, b"B" * 2048)
    with pytest.raises(PowerCut):
        disk.call()
    left = {disk.after_cut(seed)["a"] for seed in range(40)}
    sectors = {bytes(content[start : start + 512]) for content in left for start in range(0, 2048, 512)}
    assert sectors == {b"A" * 512, b"B" * 512}, "whole sectors, old or new"
    assert len(left) > 8, "torn in many ways"
    with pytest.raises(PowerCut):
        disk.call()
