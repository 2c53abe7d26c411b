"""Reserved disk space that is given back when the disk is full, so that acknowledging and erasing go on."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MB = 1024 * 1024
_PROBE_BYTES = 4096


class SyncTimes(NamedTuple):
    """How long one durable 4 KB write takes on this disk."""

    p50_ms: float
    p99_ms: float


class Ballast:
    """``<store>.ballast``, ``size_mb`` of allocated disk. ``size_mb`` 0 means none."""

    def __init__(self, path: Path, size_mb: int) -> None:
        self.path = path
        self._bytes = size_mb * MB

    @property
    def in_place(self) -> bool:
        return self._bytes == 0 or (self.path.exists() and self.path.stat().st_size >= self._bytes)

    def fill(self, *, keep_free_bytes: int) -> bool:
        """Reserves the space when more than ``keep_free_bytes`` would stay free. Says whether it is in place."""
        if self.in_place:
            return True
        if free_bytes(self.path.parent) - self._bytes < keep_free_bytes:
            return False
        handle = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            os.posix_fallocate(handle, 0, self._bytes)
        except OSError:
            self.release()
            return False
        finally:
            os.close(handle)
        return True

    def release(self) -> None:
        """Gives the space back to the disk."""
        with suppress(FileNotFoundError):
            self.path.unlink()

    def sync_times(self, monotonic: Callable[[], float], count: int = 50) -> SyncTimes | None:
        """Writes one block of the ballast durably ``count`` times. None without a ballast or with a failing disk."""
        if not self._bytes or not self.in_place:
            return None
        handle = os.open(self.path, os.O_RDWR)
        try:
            times = sorted(_timed_write(handle, monotonic) for _ in range(count))
        except OSError:
            return None
        finally:
            os.close(handle)
        return SyncTimes(times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000)


def _timed_write(handle: int, monotonic: Callable[[], float]) -> float:
    start = monotonic()
    os.pwrite(handle, bytes(_PROBE_BYTES), 0)
    os.fdatasync(handle)
    return monotonic() - start


def free_bytes(folder: Path) -> int:
    """What an ordinary process may still write into the file system of ``folder``."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
