"""Intents: what was about to be done to the world, durable before it is done and resolved after (DESIGN §3)."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from offline_cache.store import Store


class Intent(msgspec.Struct, frozen=True):
    """An effect that was begun. ``ref`` says of what (a slip, a case), ``detail`` what the device's evidence needs."""

    id: int
    kind: str
    ref: str
    detail: dict[str, Any]
    begun_at: str


class Journal:
    """Write before, resolve after; what is open at the next start is to be decided by evidence, never guessed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, kind: str, ref: str, detail: dict[str, Any] | None = None) -> int:
        """Durable when this returns; only then touch the world."""
        token, text, at = os.urandom(12).hex(), msgspec.json.encode(detail or {}).decode(), self._store.stamp()

        def action() -> int:
            # The token makes a second run after a disk error find the first one's row.
            self._store.db.execute(
                "INSERT INTO intent (token, kind, ref, detail, begun_at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (token) DO NOTHING",
                (token, kind, ref, text, at),
            )
            return self._store.query("SELECT id FROM intent WHERE token = ?", token)[0]["id"]

        return self._store.write(action)

    def resolve(self, intent_id: int, outcome: str) -> None:
        """Says how it ended. The first outcome stays."""
        at = self._store.stamp()
        self._store.write(
            lambda: self._store.db.execute(
                "UPDATE intent SET outcome = ?, resolved_at = ? WHERE id = ? AND outcome IS NULL",
                (outcome, at, intent_id),
            )
        )

    def outcome(self, intent_id: int) -> str | None:
        """How it ended; None while it is open."""
        return self._store.query("SELECT outcome FROM intent WHERE id = ?", intent_id)[0]["outcome"]

    def outcomes(self, kind: str, ref: str) -> list[tuple[dict[str, Any], str | None]]:
        """Detail and outcome (None: open) of every effect on ``ref``, oldest first."""
        rows = self._store.query("SELECT detail, outcome FROM intent WHERE kind = ? AND ref = ? ORDER BY id", kind, ref)
        return [(msgspec.json.decode(row["detail"]), row["outcome"]) for row in rows]

    def last_outcome(self, kind: str, *, besides: tuple[str, str]) -> str | None:
        """How the latest effect ended that did not end in one of ``besides``; None: it is open, "": there is none."""
        rows = self._store.query(
            "SELECT outcome FROM intent WHERE kind = ? AND (outcome IS NULL OR outcome NOT IN (?, ?)) "
            "ORDER BY id DESC LIMIT 1",
            kind,
            *besides,
        )
        return rows[0]["outcome"] if rows else ""

    def open_intents(self, kind: str | None = None) -> list[Intent]:
        """What was begun and never resolved, oldest first."""
        rows = self._store.query(
            "SELECT id, kind, ref, detail, begun_at FROM intent WHERE outcome IS NULL AND (? IS NULL OR kind = ?) "
            "ORDER BY id",
            kind,
            kind,
        )
        return [Intent(**{**row, "detail": msgspec.json.decode(row["detail"])}) for row in rows]
