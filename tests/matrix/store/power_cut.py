"""Power cuts at every write, truncate, sync and delete of a machine's day: ``python -m tests.matrix.store.power_cut``.

What the store said it has must be there afterwards, whole and once, whatever the disk kept of the rest.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import structlog

from offline_cache.audit import Audit
from offline_cache.counters import Counters
from offline_cache.engine import sqlite
from offline_cache.errors import ParcelDamaged, StoreError
from offline_cache.journal import Journal
from offline_cache.outbox import Outbox, PartDigest
from offline_cache.sealed import digest
from offline_cache.store import Store
from offline_cache.values import Values
from tests.matrix.store.disk import Disk

NOW = datetime(2027, 1, 12, tzinfo=UTC)
MISTAKES: dict[str, dict[str, Any]] = {
    "as built (WAL, FULL)": {},
    "synchronous = NORMAL": {"instead": {"PRAGMA synchronous = FULL": "PRAGMA synchronous = NORMAL"}},
    "synchronous = OFF": {"instead": {"PRAGMA synchronous = FULL": "PRAGMA synchronous = OFF"}},
    "rollback journal in memory": {"instead": {"PRAGMA journal_mode = WAL": "PRAGMA journal_mode = MEMORY",
                                               "PRAGMA journal_mode": "SELECT 'wal'"}},
    "a disk that lies about syncs": {"honest": False},
}  # fmt: skip


class Promised:
    """What the store has said so far; a second value means that the latest word may or may not have been kept."""

    def __init__(self) -> None:
        self.states: dict[str, set[str]] = {}
        self.sealed: dict[str, bytes] = {}
        self.audit = self.numbers = 0
        self.intents: dict[int, str | None] = {}
        self.value = {b""}

    @contextmanager
    def word(self, key: str, state: str) -> Iterator[None]:
        """Both old and new state are right while the call is under way; only the new one when it has returned."""
        self.states.setdefault(key, {"absent"}).add(state)
        yield
        self.states[key] = {state}


def day(store: Store, promised: Promised) -> None:
    """A bit of everything, tidied in between as in a quiet moment."""
    outbox, audit, journal = Outbox(store, priorities={"case": 0}), Audit(store), Journal(store)
    counters, values = Counters(store), Values(store)
    for number in range(8):
        promised.numbers = max(promised.numbers, counters.reserve("receipt", 5).stop - 1)
        put(outbox, promised, f"k{number}", size=(700, 40_000, 5_000)[number % 3])
        audit.append("guide", "filed", {"n": number})
        promised.audit += 1
        intent = journal.begin("print", f"k{number}")
        promised.intents[intent] = None
        if number % 2:
            settle(outbox, promised, number)
            promised.value.add(bytes([number]))
            values.put("lock", "door", bytes([number]))
            promised.value = {bytes([number])}
        journal.resolve(intent, "done")
        promised.intents[intent] = "done"
        if number in (3, 6):
            store.tidy()


def put(outbox: Outbox, promised: Promised, key: str, size: int) -> None:
    promised.sealed[key] = key.encode() + Random(key).randbytes(size)
    with promised.word(key, "stored"):
        outbox.put(
            kind="case",
            key=key,
            case_id=key,
            receipt_number=f"R{key}",
            parts=[("form", promised.sealed[key])],
            stamp=stamp,
        )


def settle(outbox: Outbox, promised: Promised, number: int) -> None:
    row = outbox.rows(states=["stored"])[0]
    with promised.word(row.key, "sending"):
        outbox.claim(0.0)
    ends: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("delivered", lambda: outbox.delivered(row.seq, b"receipt")),
        ("held", lambda: outbox.hold(row.seq, "409")),
        ("stored", lambda: outbox.failed(row.seq, "timeout", 0.0, 0.0)),
    )
    state, end = ends[number // 2 % 3]
    with promised.word(row.key, state):
        end()


def stamp(seq: int, prev: str, digests: list[PartDigest]) -> tuple[bytes, str]:
    return f"{seq} {prev} {digests[0].sha256}".encode(), "signature"


class Finding(NamedTuple):
    kind: str
    what: str


def check(store: Store, promised: Promised) -> Iterator[Finding]:
    """Everything that is not as promised."""
    for row in store.query("PRAGMA integrity_check"):
        if row["integrity_check"] != "ok":
            yield Finding("corrupt", row["integrity_check"])
    before = {row["key"]: row["state"] for row in store.query("SELECT key, state FROM outbox")}
    for key, states in promised.states.items():
        if before.get(key, "absent") not in states:
            yield Finding("lost", f"{key} is {before.get(key, 'absent')}, not {states}")
    outbox, audit, journal = Outbox(store, priorities={"case": 0}), Audit(store), Journal(store)
    if outbox.verify_chain() is not None or audit.verify() is not None:
        yield Finding("corrupt", "a chain is broken")
    if audit.head()[0] < promised.audit:
        yield Finding("lost", f"audit ends at {audit.head()[0]}, not {promised.audit}")
    yield from _check_small(store, journal, promised)
    for key, state in before.items():
        left = store.query("SELECT sealed FROM parcel WHERE id = (SELECT seq FROM outbox WHERE key = ?) * 256", key)
        if state != "delivered" and (not left or digest(left[0]["sealed"]) != digest(promised.sealed[key])):
            yield Finding("corrupt", f"{key} lost its parcel")
        if state == "delivered" and left:
            yield Finding("corrupt", f"{key} was not erased")
    with suppress(ParcelDamaged):
        outbox.scrub(1000)
    if outbox.quarantined():
        yield Finding("corrupt", str(outbox.quarantined()))


def _check_small(store: Store, journal: Journal, promised: Promised) -> Iterator[Finding]:
    if Counters(store).reserve("receipt", 1).start <= promised.numbers:
        yield Finding("lost", "a receipt number would be given twice")
    known = {row["id"]: row["outcome"] for row in store.query("SELECT id, outcome FROM intent")}
    for intent, outcome in promised.intents.items():
        if intent not in known or (outcome and known[intent] != outcome):
            yield Finding("lost", f"intent {intent}")
    if (Values(store).get("lock", "door") or b"") not in promised.value:
        yield Finding("lost", "the value")
    assert journal.open_intents() is not None


def opened(folder: Path, disk: Disk, instead: dict[str, str]) -> Store:
    """The project's own store; ``folder`` has only the file that carries the process's lock."""
    return Store.open(
        folder / "store.db", now=lambda: NOW, ballast_mb=0, free_floor_mb=0, connect=disk.connector(instead)
    )


def run_once(
    folder: Path, cut_at: int, seed: int, *, instead: dict[str, str], honest: bool
) -> tuple[int, list[Finding]]:
    """One day with the power cut at call ``cut_at`` (0: none), and once more while it starts again."""
    disk, promised = Disk(cut_at=cut_at, honest=honest), Promised()
    with suppress(StoreError):
        store = opened(folder, disk, instead)
        try:
            day(store, promised)
        finally:
            calls = disk.calls
            store.close()
    if not cut_at:
        return calls, []
    again = Disk(disk.after_cut(seed), cut_at=1 + seed % 7, honest=honest)
    with suppress(StoreError):
        opened(folder, again, instead).close()
    last = Disk(again.after_cut(seed + 1))
    try:
        store = opened(folder, last, {})
        try:
            return disk.calls, list(check(store, promised))
        finally:
            store.close()
    except (StoreError, sqlite.DatabaseError) as error:
        return disk.calls, [Finding("corrupt", str(error))]


def run_failing(folder: Path, failing_sync: int, seed: int) -> tuple[int, list[Finding]]:
    """One day in which one sync fails, once, and the power cut that shows what was truly written."""
    disk, promised = Disk(failing_sync=failing_sync), Promised()
    with suppress(StoreError):
        store = opened(folder, disk, {})
        try:
            day(store, promised)
        finally:
            disk.off = True
            store.close()
    try:
        store = opened(folder, Disk(disk.after_cut(seed)), {})
        try:
            return disk.syncs, list(check(store, promised))
        finally:
            store.close()
    except (StoreError, sqlite.DatabaseError) as error:
        return disk.syncs, [Finding("corrupt", str(error))]


@contextmanager
def quiet() -> Iterator[Path]:
    """A folder for the process's lock, and no log: thousands of starts after power cuts tell nothing."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    memory = Path("/dev/shm")
    try:
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
            yield Path(name)
    finally:
        structlog.reset_defaults()


def sweep(*, step: int = 1, seeds: int = 3, instead: dict[str, str] | None = None, honest: bool = True) -> Counter[str]:
    """How many runs, and how many of them found something ``lost`` or ``corrupt``."""
    found: Counter[str] = Counter()
    with quiet() as folder:
        found["calls"], _ = run_once(folder, 0, 0, instead=instead or {}, honest=honest)
        for cut_at, seed in product(range(1, found["calls"] + 1, step), range(seeds)):
            _, findings = run_once(folder, cut_at, seed + 100 * cut_at, instead=instead or {}, honest=honest)
            found["runs"] += 1
            found.update({finding.kind for finding in findings})
    return found


def sweep_failing(*, step: int = 1, seeds: int = 3) -> Counter[str]:
    """The same for a failure of each sync of the day."""
    found: Counter[str] = Counter()
    with quiet() as folder:
        found["calls"], _ = run_failing(folder, 0, 0)
        for failing, seed in product(range(1, found["calls"] + 1, step), range(seeds)):
            _, findings = run_failing(folder, failing, seed + 100 * failing)
            found["runs"] += 1
            found.update({finding.kind for finding in findings})
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--step", type=int, default=1)
    options = parser.parse_args()
    write = sys.stdout.write
    write(f"{'':<40}{'runs':>7}{'lost':>7}{'corrupt':>9}\n")
    good = True
    for name, mistake in MISTAKES.items():
        found = sweep(step=options.step, seeds=options.seeds, **mistake)
        write(f"{name:<40}{found['runs']:>7}{found['lost']:>7}{found['corrupt']:>9}\n")
        clean = not found["lost"] and not found["corrupt"]
        good &= clean if not mistake else not clean
    found = sweep_failing(step=options.step, seeds=options.seeds)
    write(f"{'a sync that fails, drops its pages':<40}{found['runs']:>7}{found['lost']:>7}{found['corrupt']:>9}\n")
    good &= not found["lost"] and not found["corrupt"]
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
