"""The one file that must survive: SQLite in WAL with a sync per commit, one writer (CONTRACTS §7).

A second connection only reads: what a page or a status asks never waits for a commit that is under way.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlite_utils import Database

from offline_cache.ballast import MB, Ballast, SyncTimes, free_bytes
from offline_cache.engine import connect, sqlite
from offline_cache.errors import StoreBroken, StoreBusy, StoreError, StoreForeign, StoreFull, StoreMissing, named_errors
from offline_cache.schema import APPLICATION_ID, MIGRATIONS, migrate

T = TypeVar("T")
log = structlog.get_logger()

OLDEST_ENGINE = (3, 51, 3)  # older ones can lose committed pages when a checkpoint and a commit meet (WAL-reset bug)
PAGE_BYTES = 16384  # fewer, larger writes for parcels of 200 KB (measured: commit 0.71 ms against 0.93 with 4096)
WAL_BYTES = 4 * MB
_NEWBORN_BYTES = MB
_CACHE_PAGES = 16  # of a case with photos the first pages go into the log while its digests are made (0.15 ms less)
_SHRINK_PAGES = WAL_BYTES // PAGE_BYTES // 2
_SQLITE_MAGIC = b"SQLite format 3\x00"
_VERSIONS = ("user_version", "application_id")


class Store:
    """An open store. Safe to call from any thread: one connection to write and one to read, each behind its lock.

    ``connect`` gives a connection (``engine.connect``); None when asked ``read_only`` means that there is only one.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime],
        ballast: Ballast,
        floor: int,
        handle: int,
        connect: Callable[..., Any] = connect,
    ) -> None:
        self.path = path
        self.now = now
        self.ballast = ballast
        self._floor = floor
        self._handle = handle
        self._connection = connect
        # Taken in this order where both are needed.
        self._lock = threading.RLock()
        self._reading = threading.Lock()
        self._writing_thread: int | None = None
        self._db: Database | None = None
        self._reader: Any = None
        self.log_held = False
        """Another process reads the file, so that its log could not be emptied at the last attempt."""

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        now: Callable[[], datetime],
        ballast_mb: int = 64,
        free_floor_mb: int = 128,
        connect: Callable[..., Any] = connect,
    ) -> Store:
        """Opens or creates the store for the one process that writes.

        ``now`` is the wall clock (aware). Raises StoreBusy when another process has it, StoreForeign for a file that
        is not ours or newer (untouched), StoreMissing where its folder is not there, StoreBroken when the disk fails.
        """
        path = Path(path)
        require_engine()
        _require_folder(path)
        with named_errors():
            handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            ballast = Ballast(path.with_name(path.name + ".ballast"), ballast_mb)
            store = cls(path, now=now, ballast=ballast, floor=free_floor_mb * MB, handle=handle, connect=connect)
            try:
                _lock(handle, path)
                os.fchmod(handle, 0o600)
                _refuse_foreign(path)
                store._fresh()
                migrate(store.db)
                sync_folder(path.parent)
                ballast.fill(keep_free_bytes=store._floor)
            except BaseException:
                store.close()
                raise
        return store

    @classmethod
    def peek(cls, path: str | Path, *, now: Callable[[], datetime]) -> Store:
        """Opens an existing store to look only, where no machine runs. Raises StoreBusy beside a running one."""
        path = Path(path)
        require_engine()
        if not path.exists():
            raise StoreMissing(f"there is no store at {path}; kiosk enrol makes one")
        _require_file(path)
        _refuse_running(path)
        _refuse_foreign(path)
        store = cls(path, now=now, ballast=Ballast(path, 0), floor=0, handle=-1)
        with named_errors():
            store._db = Database(connect(path, read_only=True))
            is_new = not store._db.execute("PRAGMA user_version").fetchone()[0]
        if is_new:
            store.close()
            raise StoreMissing(
                f"nothing was ever kept in {path}; look for the right file, or kiosk enrol makes a store"
            )
        return store

    @property
    def db(self) -> Database:
        """The connection, reopened when a disk error had closed it."""
        if self._db is None:
            self._connect()
        assert self._db is not None
        return self._db

    @property
    def read_only(self) -> bool:
        return self._handle < 0

    @property
    def engine(self) -> str:
        return sqlite.sqlite_version

    @property
    def free_bytes(self) -> int:
        return free_bytes(self.path.parent)

    @property
    def log_bytes(self) -> int:
        """Size of the write-ahead log: at most twice ``WAL_BYTES`` unless another process reads the file."""
        try:
            return self.path.with_name(self.path.name + "-wal").stat().st_size
        except OSError:
            return 0

    @property
    def has_room(self) -> bool:
        """False below the free-space floor: then nothing new is filed, what waits is still sent and acknowledged."""
        return self.free_bytes >= self._floor

    def sync_times(self, monotonic: Callable[[], float]) -> SyncTimes | None:
        """p50 and p99 of a durable write, measured now on the ballast file."""
        with self._lock:
            return self.ballast.sync_times(monotonic)

    def stamp(self) -> str:
        """The wall time as stored: RFC 3339, UTC, milliseconds."""
        return self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def write(self, action: Callable[[], T], *, essential: bool = True) -> T:
        """Runs ``action`` in one transaction and returns after its sync; inside another ``write`` it joins that one.

        After a disk error the outcome is unknown, so the store is reopened and ``action`` runs once more: it must
        look first whether it was done. With a full disk an ``essential`` action gets the ballast's space.
        """
        with self._lock:
            if self._writing_thread is not None:
                return action()
            if self.read_only:
                raise StoreError("the store is closed, or was opened only to look")
            try:
                return self._commit(action)
            except StoreFull:
                if not essential:
                    raise
                log.error("store.full", free_bytes=self.free_bytes)
                self.ballast.release()
            except StoreBroken as error:
                log.error("store.broken", error=str(error))
                self.reopen()
            return self._commit(action)

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """The rows of a SELECT: as committed last, and inside ``write`` as that transaction sees them."""
        if self._writing_thread != threading.get_ident():
            with self._reading, named_errors():
                if self._reader is not None:
                    return _rows(self._reader.execute(sql, values))
        with self._lock, named_errors():
            return _rows(self.db.execute(sql, values))

    def reopen(self) -> None:
        """A fresh connection whose every visible row is on the disk. Raises StoreBroken or StoreFull.

        A failed sync may have dropped pages that reading still shows: the checkpoint writes and syncs them again.
        """
        with self._lock, named_errors():
            self._fresh()
            if self.log_held:
                raise StoreBusy("the store is read by another process, its log cannot be emptied")

    def _fresh(self) -> None:
        """A fresh connection. A stranger who reads keeps the log from being emptied, not the machine from starting."""
        with self._lock, named_errors():
            self._disconnect()
            self._connect()
            self.empty_log()
            # A commit begins the log anew, durably: a power cut could bring the old one back, with its failed end.
            version = self.db.execute("PRAGMA user_version").fetchone()[0]
            self.db.execute(f"PRAGMA user_version = {version}")

    def tidy(self) -> None:
        """In a quiet moment: gives freed pages back, empties the log, restores the ballast."""
        # In small steps: one large one would need as much room in the log as it gives back.
        while self._shrink():
            pass
        with self._lock, named_errors():
            self.empty_log()
            self.ballast.fill(keep_free_bytes=self._floor)

    def empty_log(self) -> None:
        """Writes the log into the file and empties it; ``log_held`` says whether another process kept it from that."""
        with self._lock, named_errors():
            held = bool(self._alone("PRAGMA wal_checkpoint(TRUNCATE)")[0]["busy"])
            if held and not self.log_held:
                log.error("store.log_held", bytes=self.log_bytes)
            self.log_held = held

    def close(self) -> None:
        """Closes the file and lets another process have it."""
        with self._lock:
            self._disconnect()
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    def _shrink(self) -> bool:
        with self._lock, named_errors():
            before = self.db.execute("PRAGMA freelist_count").fetchone()[0]
            if before:
                self.db.execute(f"PRAGMA incremental_vacuum({_SHRINK_PAGES})").fetchall()
            return self.db.execute("PRAGMA freelist_count").fetchone()[0] not in (0, before)

    def _alone(self, pragma: str) -> list[dict[str, Any]]:
        """With no reading under way, which would keep the log from being emptied."""
        with self._reading:
            return _rows(self.db.execute(pragma))

    def _commit(self, action: Callable[[], T]) -> T:
        with named_errors():
            db = self.db
            db.execute("BEGIN IMMEDIATE")
            self._writing_thread = threading.get_ident()
            try:
                result = action()
                db.execute("COMMIT")
            except BaseException:
                self._roll_back(db)
                raise
            finally:
                self._writing_thread = None
        return result

    def _roll_back(self, db: Database) -> None:
        try:
            if db.conn.in_transaction:
                db.execute("ROLLBACK")
        except sqlite.DatabaseError as error:
            log.error("store.rollback_failed", error=str(error))
            self._disconnect()

    def _connect(self) -> None:
        if self._handle < 0:
            raise StoreError("the store is closed, or was opened only to look")
        db = Database(self._connection(self.path))
        try:
            _configure(db)
        except BaseException:
            db.close()
            raise
        self._db = db
        with self._reading:
            self._reader = self._connection(self.path, read_only=True)

    def _disconnect(self) -> None:
        with self._reading:
            if self._reader is not None:
                with suppress(sqlite.DatabaseError):
                    self._reader.close()
                self._reader = None
        if self._db is not None:
            with suppress(sqlite.DatabaseError):
                self._db.close()
            self._db = None


def require_engine() -> None:
    """Raises StoreError with an engine that can lose committed pages."""
    if sqlite.sqlite_version_info < OLDEST_ENGINE:
        needed = ".".join(map(str, OLDEST_ENGINE))
        raise StoreError(f"SQLite {sqlite.sqlite_version} can lose data; install pysqlite3 with {needed} or newer")


def _configure(db: Database) -> None:
    for pragma in (
        f"page_size = {PAGE_BYTES}",
        "auto_vacuum = INCREMENTAL",
        "journal_mode = WAL",
        "synchronous = FULL",
        "secure_delete = ON",
        f"journal_size_limit = {WAL_BYTES}",
        f"wal_autocheckpoint = {WAL_BYTES // PAGE_BYTES}",
        f"cache_size = {_CACHE_PAGES}",
    ):
        db.execute(f"PRAGMA {pragma}").fetchall()
    if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        raise StoreBroken("the file system does not allow a write-ahead log; put the store on a local disk")
    if db.execute("PRAGMA auto_vacuum").fetchone()[0] != 2:
        db.execute("VACUUM")  # killed between its creation and its first table


def _rows(cursor: Any) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _require_folder(path: Path) -> None:
    """A folder that is missing is a disk that is not mounted: what is made in its place begins to count anew."""
    if not path.parent.is_dir():
        raise StoreMissing(
            f"the folder {path.parent} of [store] path is not there; mount its disk, or enrol this machine with "
            "kiosk enrol; nothing was made"
        )
    _require_file(path)


def _require_file(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise StoreForeign(f"{path} is not a file; [store] path names the store's file itself")


def _lock(handle: int, path: Path, how: int = fcntl.LOCK_EX) -> None:
    """Locks the file for this process until ``handle`` closes. flock leaves SQLite's own locks (fcntl) alone."""
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreBusy(f"another process runs on {path}; stop it, or ask it through its status socket") from error


def _refuse_running(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _lock(handle, path, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _refuse_foreign(path: Path) -> None:
    """Raises StoreForeign before anything is written.

    Looks at the file's own bytes first: even opening a database read-only leaves files beside it.
    """
    with path.open("rb") as file:
        head = file.read(100)
    if not head:
        return
    if len(head) < 100 or not head.startswith(_SQLITE_MAGIC):
        raise StoreForeign(f"{path} is not a store; it was left as it is")
    version, application = int.from_bytes(head[60:64], "big"), int.from_bytes(head[68:72], "big")
    if application == 0 or path.with_name(path.name + "-wal").exists():
        version, application = _versions_inside(path)
    if application != APPLICATION_ID:
        raise StoreForeign(f"{path} belongs to another program; it was left as it is")
    if version > len(MIGRATIONS) and not _promised(path, version):
        raise StoreForeign(
            f"{path} is from a newer version (schema {version}, this one reads up to {len(MIGRATIONS)}); "
            "install that version again; the file was left as it is"
        )


def _versions_inside(path: Path) -> tuple[int, int]:
    """Schema version and application as the log has them; a file that died before its first table counts as ours."""
    journal = path.with_name(path.name + "-journal")
    if journal.exists() and path.stat().st_size <= _NEWBORN_BYTES:
        return _versions_of_newborn(path, journal)
    with named_errors(), closing(connect(path, read_only=True)) as db:
        return _versions(db)


def _versions_of_newborn(path: Path, journal: Path) -> tuple[int, int]:
    """Of a file that died while it was made: only a writer can undo the half step, so a copy is looked at."""
    with named_errors(), tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for each in (path, journal):
            shutil.copyfile(each, Path(folder) / each.name)
        with closing(connect(Path(folder) / path.name)) as db:
            return _versions(db)


def _versions(db: Any) -> tuple[int, int]:
    version, application = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in _VERSIONS)
    return version, application or (0 if Database(db).table_names() else APPLICATION_ID)


def _promised(path: Path, version: int) -> bool:
    """Whether the newer version that wrote the file left word that this one can work with it."""
    at_rest = not path.with_name(path.name + "-wal").exists()
    with named_errors(), closing(connect(path, read_only=True, immutable=at_rest)) as db:
        try:
            found = db.execute("SELECT back_to FROM readable WHERE version = ?", (version,)).fetchone()
        except sqlite.OperationalError:
            return False
    return found is not None and found[0] <= len(MIGRATIONS)


def sync_folder(folder: Path) -> None:
    """A new file's name is durable only after its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
