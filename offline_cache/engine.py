"""The SQLite engine that pysqlite3 brings along; its C module has no types to check."""

from __future__ import annotations

from typing import Any

from pysqlite3 import dbapi2

sqlite: Any = dbapi2
