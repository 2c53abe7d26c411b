"""The SQLite engine that pysqlite3 brings along; its C module has no types to check."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from pysqlite3 import dbapi2

sqlite: Any = dbapi2


def connect(path: Path, *, read_only: bool = False, immutable: bool = False) -> Any:
    """A connection in autocommit mode, usable from any thread.

    ``immutable``: the file is at rest; looking leaves nothing beside it. Text that the disk made unreadable comes back
    with marks in it instead of failing the whole query: the digests say what is damaged.
    """
    name = str(path)
    if read_only:
        name = f"file:{quote(name)}?mode=ro{'&immutable=1' * immutable}"
    # One writing process: nobody to wait for, so a lock held by a stranger is an error at once.
    connection = sqlite.connect(name, uri=read_only, isolation_level=None, check_same_thread=False, timeout=1)
    connection.text_factory = _text
    return connection


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
