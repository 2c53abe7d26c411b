"""Files that decide what a machine or the hub does: believed only when nobody else can have written them.

Links are the administrator's and are followed; what they lead to, and the folders in which link and file lie, must
belong to root or to this user, and nobody else may write there.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from kiosk.messages.foreign import Refused, read_at_most


class NotOurs(PermissionError):
    """One line: what it is instead of a file of ours, or what others may do with it, and how to end that."""


def read_ours(path: Path, limit_bytes: int, *, secret: bool = False) -> bytes:
    """The content of such a file; ``secret``: nobody else may read it either.

    Raises NotOurs, also for what is no regular file or too large, OSError.
    """
    # Opened without waiting: a pipe in place of a file would otherwise hold the program for ever.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise NotOurs(f"{path}: is not a regular file; name the file itself")
        judge(path, about, secret=secret)
        for folder in dict.fromkeys((path.absolute().parent, path.resolve().parent)):
            judge(folder, folder.stat())
        with os.fdopen(handle, "rb", closefd=False) as file:
            return read_at_most(file, limit_bytes)
    except Refused as error:
        raise NotOurs(f"{path}: {error}") from None
    finally:
        os.close(handle)


def judge(path: Path, about: os.stat_result, *, secret: bool = False) -> None:
    """Raises NotOurs when another user owns it or may write it, or may read what is secret."""
    if about.st_uid not in (0, os.geteuid()):
        raise NotOurs(f"{path}: belongs to another user (number {about.st_uid}); give it to root (chown root)")
    others = about.st_mode & (stat.S_IWOTH | stat.S_IWGRP)
    # In a folder like /tmp nobody can replace what is not his.
    if others and not (stat.S_ISDIR(about.st_mode) and about.st_mode & stat.S_ISVTX):
        who = "every user" if others & stat.S_IWOTH else "its group"
        raise NotOurs(f"{path}: {who} may write it; take that right away (chmod o-w,g-w)")
    if secret and about.st_mode & stat.S_IROTH:
        raise NotOurs(f"{path}: every user may read this secret; take that right away (chmod o-rwx)")
