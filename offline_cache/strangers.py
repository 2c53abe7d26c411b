"""Which other programs have the store open: sqlite3 in a shell, a backup, a virus scanner."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_MOST = 5


def strangers(path: Path) -> list[str]:
    """``name (process id)`` of each, as far as this user may see them; a few are enough to act on."""
    names = {str(path.resolve()) + ending for ending in ("", "-wal", "-shm")}
    found = []
    for process in _PROC.iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid() and _has_open(process, names):
            with suppress(OSError):
                found.append(f"{(process / 'comm').read_text(encoding='utf-8').strip()} (process {process.name})")
    return sorted(found)[:_MOST]


def _has_open(process: Path, names: set[str]) -> bool:
    try:
        handles = list((process / "fd").iterdir())
    except OSError:
        return False
    for handle in handles:
        with suppress(OSError):
            if str(handle.readlink()) in names:
                return True
    return False
