"""Numbers that are never given twice; gaps are allowed."""

from __future__ import annotations

from offline_cache.store import Store


class Counters:
    """Named counters from 1. ``block``: numbers taken at once, so that most of them cost no sync."""

    def __init__(self, store: Store, *, block: int = 20) -> None:
        self._store = store
        self._block = block
        self._ready: dict[str, list[int]] = {}

    def reserve(self, name: str, block: int) -> range:
        """``block`` numbers that nobody else ever gets, durable when this returns."""

        def action() -> range:
            db = self._store.db
            db.execute("INSERT INTO counter VALUES (?, 1) ON CONFLICT (name) DO NOTHING", (name,))
            first = db.execute("SELECT next FROM counter WHERE name = ?", (name,)).fetchone()[0]
            db.execute("UPDATE counter SET next = next + ? WHERE name = ?", (block, name))
            return range(first, first + block)

        return self._store.write(action)

    def last(self, name: str) -> int:
        """The highest number that may have been taken; 0 when none was."""
        found = self._store.query("SELECT next FROM counter WHERE name = ?", name)
        return found[0]["next"] - 1 if found else 0

    def skip_to(self, name: str, last: int) -> None:
        """No number up to ``last`` is given any more, durable when this returns; a counter never goes back."""

        def action() -> None:
            db = self._store.db
            db.execute("INSERT INTO counter VALUES (?, 1) ON CONFLICT (name) DO NOTHING", (name,))
            db.execute("UPDATE counter SET next = max(next, ?) WHERE name = ?", (last + 1, name))

        self._store.write(action)
        self._ready.pop(name, None)

    def take(self, name: str) -> int:
        """One number, from the reserved block in memory; a restart leaves the rest of a block unused."""
        ready = self._ready.setdefault(name, [])
        if not ready:
            ready.extend(reversed(self.reserve(name, self._block)))
        return ready.pop()
