"""Numbered blanks: each one that was loaded ends used, voided, handed over or retained, and is counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from offline_cache.store import Store

STATES = ("loaded", "used", "voided", "handed_over", "retained")
"""``used``: written, nobody has it yet. ``retained``: drawn back, a member of staff gives it out."""


class Blank(NamedTuple):
    """One blank; ``ref`` is the case it was used for, "" while it lies in the pack."""

    kind: str
    serial: str
    state: str
    ref: str
    at: str


class Stock:
    """Blanks by kind and serial. Every call may be made twice, and inside a transaction of the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, kind: str, serials: Iterable[str]) -> int:
        """New blanks; those that are known stay as they are. How many are new."""
        at = self._store.stamp()

        def action() -> int:
            before = self._store.db.execute("SELECT count(*) FROM stock").fetchone()[0]
            for serial in serials:
                self._store.db.execute(
                    "INSERT INTO stock VALUES (?, ?, 'loaded', '', ?) ON CONFLICT DO NOTHING", (kind, serial, at)
                )
            return self._store.db.execute("SELECT count(*) FROM stock").fetchone()[0] - before

        return self._store.write(action)

    def mark(self, kind: str, serial: str, state: str, ref: str = "") -> None:
        """What became of a blank; one that nobody has loaded is counted all the same."""
        at = self._store.stamp()
        self._store.write(
            lambda: self._store.db.execute(
                "INSERT INTO stock VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, serial) DO UPDATE "
                "SET state = excluded.state, ref = excluded.ref, at = excluded.at",
                (kind, serial, state, ref, at),
            )
        )

    def knows(self, kind: str, serial: str) -> bool:
        """Whether this blank is in the book."""
        return bool(self._store.query("SELECT 1 FROM stock WHERE kind = ? AND serial = ?", kind, serial))

    def counts(self) -> dict[str, dict[str, int]]:
        """How many of each kind are in which state."""
        found: dict[str, dict[str, int]] = {}
        for row in self._store.query("SELECT kind, state, count(*) AS n FROM stock GROUP BY kind, state ORDER BY kind"):
            found.setdefault(row["kind"], dict.fromkeys(STATES, 0))[row["state"]] = row["n"]
        return found

    def of(self, kind: str, state: str) -> list[Blank]:
        """The blanks of a kind in this state, by serial."""
        rows = self._store.query("SELECT * FROM stock WHERE kind = ? AND state = ? ORDER BY serial", kind, state)
        return [Blank(**row) for row in rows]
