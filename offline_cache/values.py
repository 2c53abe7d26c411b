"""Small named values: keys, lock-out state, staff records, reference answers with their time."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from offline_cache.store import Store


class Kept(NamedTuple):
    """A value and the wall time (aware) at which it was put."""

    value: bytes
    at: datetime


class Values:
    """Bytes by namespace and name."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, namespace: str, name: str, value: bytes) -> None:
        """Durable when this returns; replaces what was there."""
        at = self._store.stamp()
        self._store.write(
            lambda: self._store.db.execute(
                "INSERT INTO value VALUES (?, ?, ?, ?) "
                "ON CONFLICT (namespace, name) DO UPDATE SET value = excluded.value, at = excluded.at",
                (namespace, name, value, at),
            )
        )

    def get(self, namespace: str, name: str) -> bytes | None:
        kept = self.kept(namespace, name)
        return kept and kept.value

    def kept(self, namespace: str, name: str) -> Kept | None:
        """The value with the time at which it was put."""
        rows = self._store.query("SELECT value, at FROM value WHERE namespace = ? AND name = ?", namespace, name)
        return Kept(rows[0]["value"], datetime.fromisoformat(rows[0]["at"])) if rows else None

    def delete(self, namespace: str, name: str) -> None:
        self._store.write(
            lambda: self._store.db.execute("DELETE FROM value WHERE namespace = ? AND name = ?", (namespace, name))
        )

    def names(self, namespace: str) -> list[str]:
        rows = self._store.query("SELECT name FROM value WHERE namespace = ? ORDER BY name", namespace)
        return [row["name"] for row in rows]
