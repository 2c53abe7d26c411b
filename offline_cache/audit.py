"""What was done at the machine, each row bound to the one before by its digest."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from offline_cache.store import Store

FIRST_PREV = "0" * 64


class AuditRow(msgspec.Struct, frozen=True):
    """One action. ``detail`` carries ids and numbers, never personal data."""

    seq: int
    at: str
    actor: str
    event: str
    detail: dict[str, Any]
    prev_sha256: str
    sha256: str


class Audit:
    """The chain. An owner of the file could rewrite all of it, so its head travels to the hub."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, actor: str, event: str, detail: dict[str, Any] | None = None) -> AuditRow:
        """Adds a row; inside ``Store.write`` it stands or falls with that transaction."""
        at, text = self._store.stamp(), msgspec.json.encode(detail or {}, order="deterministic").decode()

        tried: list[str] = []

        def action() -> AuditRow:
            last = self._last()
            if last and last["sha256"] in tried:
                return _typed(last)  # a second run after a disk error, and the first one was kept
            seq, prev = (last["seq"] + 1, last["sha256"]) if last else (1, FIRST_PREV)
            digest = _digest(seq, at, actor, event, text, prev)
            tried.append(digest)
            self._store.db.execute(
                "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", (seq, at, actor, event, text, prev, digest)
            )
            return AuditRow(seq, at, actor, event, detail or {}, prev, digest)

        return self._store.write(action)

    def head(self) -> tuple[int, str]:
        """Number and digest of the last row; (0, 64 zeros) when there is none."""
        last = self._last()
        return (last["seq"], last["sha256"]) if last else (0, FIRST_PREV)

    def rows(self, limit: int = -1) -> list[AuditRow]:
        """The newest ``limit`` rows (all by default), oldest first."""
        found = self._store.query("SELECT * FROM audit ORDER BY seq DESC LIMIT ?", limit)
        return [_typed(row) for row in reversed(found)]

    def verify(self) -> int | None:
        """The number of the first row that is missing or was changed; None when the chain is whole."""
        # Asked first: what is appended while this reads may be seen beyond it, and is whole all the same.
        given = self._given()
        expected, prev = 1, FIRST_PREV
        for row in self._store.query("SELECT * FROM audit ORDER BY seq"):
            digest = _digest(row["seq"], row["at"], row["actor"], row["event"], row["detail"], prev)
            if (row["seq"], row["prev_sha256"], row["sha256"]) != (expected, prev, digest):
                return expected
            expected, prev = expected + 1, digest
        return None if expected - 1 >= given else expected

    def digest_of(self, seq: int) -> str | None:
        """What the row of this number holds as its digest; of number 0 the 64 zeros; None: there is no such row."""
        if seq == 0:
            return FIRST_PREV
        found = self._store.query("SELECT sha256 FROM audit WHERE seq = ?", seq)
        return found[0]["sha256"] if found else None

    def _last(self) -> dict[str, Any] | None:
        return next(iter(self._store.query("SELECT * FROM audit ORDER BY seq DESC LIMIT 1")), None)

    def _given(self) -> int:
        """The highest number ever given (AUTOINCREMENT keeps it), so that a cut-off end shows."""
        found = self._store.query("SELECT seq FROM sqlite_sequence WHERE name = 'audit'")
        return found[0]["seq"] if found else 0


def _digest(seq: int, at: str, actor: str, event: str, detail: str, prev: str) -> str:
    return sha256(msgspec.json.encode([seq, at, actor, event, detail, prev])).hexdigest()


def _typed(row: dict[str, Any]) -> AuditRow:
    return AuditRow(**{**row, "detail": msgspec.json.decode(row["detail"])})
