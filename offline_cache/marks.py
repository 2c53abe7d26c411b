"""Whose an envelope is, for as long as it waits: an opaque mark, written and erased with its row.

The mark says nothing to who does not hold what it was made from; the store only compares it.
"""

from __future__ import annotations

from offline_cache.store import Store

_NAMESPACE = "mark"


class Marks:
    """Marks by the number of the envelope. ``add`` and ``drop`` belong inside a transaction of the outbox."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, seq: int, mark: bytes) -> None:
        self._store.db.execute(
            "INSERT OR REPLACE INTO value VALUES (?, ?, ?, ?)", (_NAMESPACE, str(seq), mark, self._store.stamp())
        )

    def drop(self, seq: int) -> None:
        self._store.db.execute("DELETE FROM value WHERE namespace = ? AND name = ?", (_NAMESPACE, str(seq)))

    def find(self, mark: bytes) -> list[int]:
        """The numbers that carry it and are not delivered yet, in order."""
        rows = self._store.query(
            "SELECT seq FROM outbox WHERE state <> 'delivered' AND seq IN "
            "(SELECT CAST(name AS INTEGER) FROM value WHERE namespace = ? AND value = ?) ORDER BY seq",
            _NAMESPACE,
            mark,
        )
        return [row["seq"] for row in rows]
