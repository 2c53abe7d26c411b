"""Whose an envelope is: opaque marks that say nothing to who does not hold what they were made from.

One tells the owner, is compared by the store, and is erased when the envelope is delivered. The other is the digest of
what the owner has on paper; it stays, and only who made it can compare it.
"""

from __future__ import annotations

from offline_cache.store import Store

_NAMESPACE, _PAPER = "mark", "paper_mark"


class Marks:
    """Marks by the number of the envelope. ``add`` and ``drop`` belong inside a transaction of the outbox."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, seq: int, mark: bytes, on_paper: bytes = b"") -> None:
        for namespace, each in ((_NAMESPACE, mark), (_PAPER, on_paper)):
            if each:
                self._store.db.execute(
                    "INSERT OR REPLACE INTO value VALUES (?, ?, ?, ?)", (namespace, str(seq), each, self._store.stamp())
                )

    def on_paper(self, seq: int) -> bytes:
        """The digest of what its owner has on paper; b"" where there is none."""
        rows = self._store.query("SELECT value FROM value WHERE namespace = ? AND name = ?", _PAPER, str(seq))
        return rows[0]["value"] if rows else b""

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
