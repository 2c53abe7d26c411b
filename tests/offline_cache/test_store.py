"""The file itself: its form, who may open it, and what happens when the disk does not play along."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pysqlite3 import dbapi2 as sqlite

from offline_cache import schema
from offline_cache import store as store_module
from offline_cache.errors import StoreBusy, StoreError, StoreForeign, StoreFull, StoreMissing
from offline_cache.outbox import Outbox
from offline_cache.store import WAL_BYTES, Store
from offline_cache.strangers import strangers
from offline_cache.values import Values
from tests.waiting import HANG_S


def files_of(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        each.name: (hashlib.sha256(each.read_bytes()).hexdigest(), each.stat().st_mtime_ns)
        for each in folder.iterdir()
        if each.is_file()
    }


def pragma(store: Store, name: str) -> object:
    return store.db.execute(f"PRAGMA {name}").fetchone()[0]


def test_the_file_keeps_the_contract(store: Store, path: Path) -> None:
    assert tuple(map(int, store.engine.split("."))) >= (3, 51, 3)
    told = {name: pragma(store, name) for name in ("journal_mode", "synchronous", "secure_delete", "auto_vacuum")}
    assert told == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "auto_vacuum": 2}
    assert (pragma(store, "application_id"), pragma(store, "user_version")) == (0x544F4E47, len(schema.MIGRATIONS))
    tables = store.query("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    assert all("STRICT" in table["sql"] for table in tables)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {each.name for each in path.parent.iterdir()} <= {
        "store.db",
        "store.db-wal",
        "store.db-shm",
        "store.db.ballast",
    }


def test_an_engine_that_loses_pages_is_refused(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(store_module.sqlite, "sqlite_version_info", (3, 51, 2))
    with pytest.raises(StoreError, match="can lose data"):
        Store.open(path, now=lambda: datetime.now(UTC))


@pytest.mark.parametrize("with_log", [False, True])
def test_a_newer_store_is_refused_untouched(open_store, path: Path, tmp_path: Path, with_log: bool) -> None:
    store = open_store()
    store.db.execute("PRAGMA user_version = 99")
    newer = tmp_path / "newer"
    if with_log:
        shutil.copytree(path.parent, newer)
        store.close()
    else:
        store.close()
        shutil.copytree(path.parent, newer)
    before = files_of(newer)
    with pytest.raises(StoreForeign, match="newer version"):
        open_store(newer / "store.db")
    after = files_of(newer)
    assert {name: after[name] for name in before if not name.endswith("-shm")} == {
        name: before[name] for name in before if not name.endswith("-shm")
    }
    assert set(after) == set(before)


def test_foreign_files_are_refused_untouched(open_store, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    text = tmp_path / "text.db"
    text.write_text("not a database " * 20)
    before = files_of(tmp_path)
    for each in (other, text):
        with pytest.raises(StoreForeign, match="left as it is"):
            open_store(each)
    assert files_of(tmp_path) == before


def test_killed_between_creation_and_first_table(open_store, path: Path) -> None:
    connection = sqlite.connect(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    assert pragma(open_store(), "auto_vacuum") == 2


def test_killed_while_the_file_was_made(open_store, path: Path, tmp_path: Path) -> None:
    """The journal of the very first step is still there: undone, and the machine starts."""
    connection = sqlite.connect(str(path), isolation_level=None)
    connection.execute("PRAGMA page_size = 16384")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("PRAGMA user_version = 5")
    connection.execute("PRAGMA cache_spill = 1")
    dead = tmp_path / "dead"
    connection.execute("CREATE TABLE t (a)")
    shutil.copytree(path.parent, dead)
    connection.close()
    assert (dead / "store.db-journal").exists()
    assert pragma(open_store(dead / "store.db"), "user_version") == len(schema.MIGRATIONS)
    assert {each.name for each in dead.iterdir()} == {"store.db", "store.db-wal", "store.db-shm", "store.db.ballast"}


def test_a_second_process_is_refused_and_told_why(store: Store, path: Path, child) -> None:
    process = child(path, 1, 1, 0)
    _, told = process.communicate(timeout=HANG_S)
    assert process.returncode != 0
    assert "another process runs on" in told
    store.close()
    process = child(path, 1, 1, 0)
    assert "kept k1" in process.communicate(timeout=HANG_S)[0]


def test_looking_only_where_no_machine_runs(store: Store, path: Path, put) -> None:
    put("a")
    with pytest.raises(StoreBusy, match="status socket"):
        Store.peek(path, now=store.now)
    store.close()
    seen = Store.peek(path, now=store.now)
    assert [row.key for row in Outbox(seen).rows()] == ["a"]
    with pytest.raises(StoreError, match="only to look"):
        seen.write(lambda: None)
    seen.close()


def test_looking_at_a_store_that_died_while_sending(
    store: Store, outbox: Outbox, path: Path, put, tmp_path: Path
) -> None:
    put("a")
    outbox.claim(0.0)
    dead = tmp_path / "dead"
    shutil.copytree(path.parent, dead)
    seen = Store.peek(dead / "store.db", now=store.now)
    assert [row.state for row in Outbox(seen).rows()] == ["sending"]
    seen.close()


def test_a_failing_migration_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    def add(db) -> None:
        db.execute("CREATE TABLE more (a INTEGER) STRICT")

    def fail(db) -> None:
        db.execute("CREATE TABLE evenmore (a INTEGER) STRICT")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        schema.migrate(store.db, (*schema.MIGRATIONS, add, fail))
    assert "more" not in store.db.table_names()
    assert pragma(store, "user_version") == len(schema.MIGRATIONS)
    schema.migrate(store.db, (*schema.MIGRATIONS, add))
    assert "more" in store.db.table_names()
    assert pragma(store, "user_version") == len(schema.MIGRATIONS) + 1


def test_the_log_stays_below_8_mb(store: Store, put, path: Path) -> None:
    for number in range(40):
        put(str(number), sealed=os.urandom(600_000))
        assert path.with_name("store.db-wal").stat().st_size <= 8 * 2**20
    store.tidy()
    assert path.with_name("store.db-wal").stat().st_size == 0


def test_the_file_shrinks_after_delivery(store: Store, outbox: Outbox, put, path: Path) -> None:
    for number in range(20):
        put(str(number), sealed=os.urandom(600_000))
    store.tidy()
    full = path.stat().st_size
    for number in range(20):
        outbox.delivered(number + 1, b"receipt")
    store.tidy()
    assert path.stat().st_size < full / 20


def test_below_the_floor_nothing_new_is_filed_and_the_rest_goes_on(open_store, put) -> None:
    store = open_store(free_floor_mb=0)
    outbox = Outbox(store)
    put("a", into=outbox)
    store._floor = store.free_bytes + 10**9
    assert not store.has_room
    with pytest.raises(StoreFull, match="below the floor"):
        put("b", into=outbox)
    outbox.delivered(outbox.claim(0.0).seq, b"receipt")
    assert [(row.key, row.state) for row in outbox.rows()] == [("a", "delivered")]


@pytest.fixture
def small_disk(tmp_path: Path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_full_disk_the_ballast_lets_acknowledging_and_erasing_go_on(open_store, put, small_disk: Path) -> None:
    store = open_store(small_disk / "store.db", ballast_mb=8, free_floor_mb=0)
    outbox, kept = Outbox(store), []
    with pytest.raises(StoreFull):  # noqa: PT012 - until it is full
        for number in range(200):
            put(f"k{number}", sealed=os.urandom(200_000), into=outbox)
            kept.append(f"k{number}")
    (small_disk / "filler").write_bytes(b"x" * store.free_bytes)
    assert kept
    assert store.ballast.in_place
    while claimed := outbox.claim(0.0):
        outbox.delivered(claimed.seq, b"receipt")
    assert [row.key for row in outbox.rows(states=["delivered"])] == kept
    assert not store.ballast.in_place
    (small_disk / "filler").unlink()
    store.tidy()
    assert store.ballast.in_place
    put("again", into=outbox)
    assert outbox.verify_chain() is None


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(
    "fault", ["fsync:error=EIO:when=12", "fsync:error=EIO:when=13+5", "pwrite64:error=EIO:when=40"]
)
def test_disk_errors_leave_every_kept_case_in_place_once(path: Path, child, open_store, fault: str) -> None:
    open_store().close()
    before = (
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        f"trace={fault.partition(':')[0]}",
        "-e",
        f"inject={fault}",
    )
    told = child(path, 1, 12, 0, before=before).communicate(timeout=HANG_S)[0].splitlines()
    kept = [line.split()[1] for line in told if line.startswith("kept")]
    assert "+" in fault or not any(line.startswith("error") for line in told), "one fault is recovered from inside"
    outbox = Outbox(open_store())
    keys = [row.key for row in outbox.rows()]
    assert len(keys) == len(set(keys))
    assert set(kept) <= set(keys)
    assert len(kept) >= 6
    assert outbox.verify_chain() is None


def test_sync_times_are_measured_on_the_ballast(store: Store) -> None:
    ticks = iter(range(10_000))
    times = store.sync_times(lambda: next(ticks) / 1000)
    assert times is not None
    assert times.p50_ms == pytest.approx(1.0)


class Stranger:
    """Another program in the middle of reading the store."""

    READS = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); db.execute('BEGIN'); "
        "db.execute('SELECT count(*) FROM value').fetchone(); print('reads', flush=True); sys.stdin.read()"
    )

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-c", self.READS, str(path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "reads\n"

    def ends(self) -> None:
        self.process.communicate(timeout=HANG_S)


@pytest.fixture
def stranger(path: Path) -> Iterator[Callable[[], Stranger]]:
    started: list[Stranger] = []

    def start() -> Stranger:
        started.append(Stranger(path))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait(HANG_S)


def test_stranger_who_reads_keeps_no_machine_from_starting(open_store, stranger) -> None:
    first = open_store()
    Values(first).put("n", "before", b"1")
    other = stranger()
    Values(first).put("n", "after", b"2")
    first.close()
    store = open_store()
    assert store.log_held
    assert [Values(store).get("n", name) for name in ("before", "after")] == [b"1", b"2"]
    Values(store).put("n", "now", b"3")
    store.empty_log()
    assert store.log_held
    other.ends()
    store.empty_log()
    assert not store.log_held
    assert store.log_bytes == 0


def test_log_is_given_back_when_the_stranger_is_gone(open_store, path: Path, stranger) -> None:
    store = open_store()
    other = stranger()
    for number in range(12):
        Values(store).put("n", f"{number}", bytes(2**20))
    assert store.log_bytes > 2 * WAL_BYTES
    store.tidy()
    assert store.log_held, "it is known, not passed over"
    (named,) = strangers(path)
    assert f"process {other.process.pid}" in named, "our own process is no stranger"
    other.ends()
    store.tidy()
    assert (store.log_held, store.log_bytes) == (False, 0)


def test_folder_that_is_missing_is_not_made(open_store, tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match="nothing was made"):
        open_store(tmp_path / "unmounted" / "store.db")
    assert not (tmp_path / "unmounted").exists()
