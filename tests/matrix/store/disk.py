"""A disk in memory whose power can fail: what was not synced may be lost, torn at any sector, or kept out of order.

It stands below SQLite (a VFS through apsw), so that the project's own Store and Outbox run on it unchanged.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from weakref import WeakValueDictionary

import apsw

from offline_cache.engine import sqlite

SECTOR = 512
VFS_NAME = "powercut"
_numbers = itertools.count()
_disks: WeakValueDictionary[str, Disk] = WeakValueDictionary()


class PowerCut(Exception):
    """The power is off: this call and every later one fails."""


class File:
    """``current`` is what programs read, ``durable`` what the platters have, ``waiting`` what lies between."""

    def __init__(self, durable: bytes | None = None) -> None:
        self.durable = None if durable is None else bytearray(durable)
        self.current = bytearray(durable or b"")
        self.waiting: list[tuple[int, bytes | None]] = []

    def write(self, offset: int, data: bytes) -> None:
        _put(self.current, offset, data)
        self.waiting.append((offset, data))

    def truncate(self, size: int) -> None:
        del self.current[size:]
        self.waiting.append((size, None))

    def sync(self) -> None:
        self.durable = self.durable or bytearray()
        for offset, data in self.waiting:
            if data is None:
                del self.durable[offset:]
            else:
                _put(self.durable, offset, data)
        self.waiting.clear()

    def fail_sync(self) -> None:
        """As Linux does it: the failed pages count as clean afterwards, so no later sync will write them."""
        self.waiting.clear()

    def after_cut(self, dice: Random) -> bytes | None:
        """One of the many contents that the platters may have when the power comes back."""
        if self.durable is None and dice.random() < 0.5:
            return None  # the file's name was never synced
        left = bytearray(self.durable or b"")
        for offset, data in self.waiting:
            if data is None:
                if dice.random() < 0.5:
                    del left[offset:]
                continue
            for start, piece in _sectors(offset, data):
                if dice.random() < 0.5:
                    _put(left, start, piece)
        return bytes(left)


class Disk:
    """``cut_at``: the number of the call (write, truncate, sync, delete) during which the power fails, from 1.

    ``honest`` False: a disk that says it has synced and has not. ``failing_sync``: the number of the sync that fails.
    """

    def __init__(
        self,
        files: dict[str, bytes] | None = None,
        *,
        cut_at: int = 0,
        honest: bool = True,
        failing_sync: int = 0,
    ) -> None:
        self.files = {name: File(content) for name, content in (files or {}).items()}
        self.deleted: dict[str, File] = {}
        self.cut_at = cut_at
        self.honest = honest
        self.failing_sync = failing_sync
        self.syncs = 0
        self.calls = 0
        self.off = False
        self.full = False
        self.name = f"disk{next(_numbers)}"
        _disks[self.name] = self

    def call(self) -> None:
        """Counts a call that changes the disk; raises PowerCut when its time has come."""
        self.calls += 1
        if self.off or self.calls == self.cut_at:
            self.off = True
            raise PowerCut

    def after_cut(self, seed: int) -> dict[str, bytes]:
        dice = Random(seed)
        files = {**self.files, **{name: file for name, file in self.deleted.items() if dice.random() < 0.5}}
        left = {name: file.after_cut(dice) for name, file in files.items()}
        return {name: content for name, content in left.items() if content is not None}

    def connector(self, instead: dict[str, str] | None = None) -> Any:
        """For ``Store.open(connect=...)``. ``instead``: statements that a seeded mistake exchanges."""

        def connect(path: Path, *, read_only: bool = False, immutable: bool = False) -> Any:
            return None if read_only else _Connection(path.name, self, instead or {})

        return connect


class _Vfs(apsw.VFS):
    """One for all disks; a file's name begins with that of its disk."""

    def __init__(self) -> None:
        super().__init__(VFS_NAME, "")

    def xFullPathname(self, name: str) -> str:
        return name

    def xAccess(self, name: str, flags: int) -> bool:
        disk, _, inner = name.partition("/")
        return inner in _disks[disk].files

    def xDelete(self, name: str, sync_folder: bool) -> None:
        disk_name, _, inner = name.partition("/")
        disk = _disks[disk_name]
        file = disk.files.get(inner)
        if file is None:
            raise apsw.IOErrorDeleteNoEntError
        disk.call()
        del disk.files[inner]
        if not sync_folder and file.durable is not None:
            disk.deleted[inner] = file

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        full = name.filename() if isinstance(name, apsw.URIFilename) else name
        if not full:
            return _OpenFile(Disk(), File())  # SQLite's own scratch space
        disk_name, _, inner = full.partition("/")
        disk = _disks[disk_name]
        if disk.off:
            raise PowerCut
        return _OpenFile(disk, disk.files.setdefault(inner, File()))

    def excepthook(self, *_: object) -> None:
        """Power cuts are meant; SQLite has turned them into I/O errors."""


class _OpenFile:
    def __init__(self, disk: Disk, file: File) -> None:
        self.disk, self.file = disk, file

    def xRead(self, amount: int, offset: int) -> bytes:
        if self.disk.off:
            raise PowerCut
        return bytes(self.file.current[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        if self.disk.full and offset + len(data) > len(self.file.current):
            full = apsw.FullError("the disk is full")
            full.extendedresult = apsw.SQLITE_FULL
            raise full
        self._change(lambda: self.file.write(offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        self._change(lambda: self.file.truncate(size))

    def xSync(self, flags: int) -> None:
        self.disk.call()
        self.disk.syncs += 1
        if self.disk.syncs == self.disk.failing_sync:
            self.file.fail_sync()
            failed = apsw.IOError("a sync failed")
            failed.extendedresult = apsw.SQLITE_IOERR_FSYNC
            raise failed
        if self.disk.honest:
            if self.file.durable is None:
                self.disk.deleted.clear()  # with a new file SQLite syncs the folder too
            self.file.sync()

    def _change(self, change: Any) -> None:
        try:
            self.disk.call()
        except PowerCut:
            if self.disk.calls == self.disk.cut_at:
                change()  # under way when the power failed: any part of it may have reached the platters
            raise
        change()

    def xFileSize(self) -> int:
        return len(self.file.current)

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE  # as SQLite assumes of every disk under Linux

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, *_: object) -> bool:
        return False

    def xLock(self, level: int) -> None: ...

    def xUnlock(self, level: int) -> None: ...

    def xClose(self) -> None: ...

    def excepthook(self, *_: object) -> None: ...


class _Connection:
    """An apsw connection in the manner that sqlite-utils knows; its errors carry SQLite's names, as pysqlite3's do."""

    def __init__(self, name: str, disk: Disk, instead: dict[str, str]) -> None:
        self._disk, self._instead = disk, instead
        self._apsw = self._tried(lambda: apsw.Connection(f"{disk.name}/{name}", vfs=VFS_NAME))
        try:
            self.execute("PRAGMA locking_mode = EXCLUSIVE")  # a VFS in Python has no shared memory
        except sqlite.OperationalError:
            self.close()
            raise

    def execute(self, sql: str, values: Any = ()) -> Any:
        sql = self._instead.get(sql, sql)
        return self._tried(lambda: _Cursor(self._apsw, sql, values))

    @property
    def in_transaction(self) -> bool:
        return self._apsw.in_transaction

    def close(self) -> None:
        with suppress(apsw.Error, PowerCut):
            self._apsw.close(force=True)

    def _tried(self, work: Any) -> Any:
        try:
            return work()
        except UnicodeDecodeError as error:
            raise sqlite.OperationalError("Could not decode to UTF-8 column") from error
        except (apsw.Error, PowerCut) as error:
            known = sqlite.OperationalError(str(error))
            code = getattr(error, "extendedresult", apsw.SQLITE_IOERR)
            known.sqlite_errorname = "SQLITE_IOERR" if self._disk.off else apsw.mapping_extended_result_codes.get(
                code, apsw.mapping_result_codes.get(code & 255, "SQLITE_ERROR")
            )  # fmt: skip
            raise known from error


class _Cursor:
    """All rows at once: the Store reads them so anyway."""

    def __init__(self, connection: apsw.Connection, sql: str, values: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(sql, tuple(values))
        try:
            self.description = cursor.get_description() or None
        except apsw.ExecutionCompleteError:
            self.description = None
        self._rows = iter(list(cursor))

    def __iter__(self) -> Any:
        return self._rows

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return list(self._rows)


_VFS = _Vfs()


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _sectors(offset: int, data: bytes) -> Any:
    start = 0
    while start < len(data):
        end = min(len(data), start + SECTOR - (offset + start) % SECTOR)
        yield offset + start, data[start:end]
        start = end
