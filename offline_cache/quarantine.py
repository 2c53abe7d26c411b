"""Rows whose bytes are no longer what was put: set aside with the reason, shown to a person, in nobody's way."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
import structlog

from offline_cache.errors import StoreDamaged
from offline_cache.sealed import damage_of, parcel_id, part_damage, parts_of
from offline_cache.store import Store

log = structlog.get_logger()

_NAMES = ("key", "kind", "case_id", "receipt_number")


class Quarantined(msgspec.Struct, frozen=True):
    """A damaged row. What could not be read of it is None; ``what`` says what is wrong, ``since`` when it was found."""

    seq: int
    key: str | None
    kind: str | None
    case_id: str | None
    receipt_number: str | None
    what: str
    since: str


class Scrubbed(NamedTuple):
    """One stretch of the scrub: how many numbers were read, those found damaged, whether it came to the end."""

    examined: int
    damaged: list[int]
    came_round: bool


class Quarantine:
    """What was set aside. The damaged bytes stay where they are until the hub has the envelope from elsewhere."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cursor = 0
        self._open_from = 0

    def rows(self) -> list[Quarantined]:
        """All of them, in order of ``seq``."""
        return [Quarantined(**row) for row in self._store.query("SELECT * FROM quarantine ORDER BY seq")]

    def has(self, seq: int) -> bool:
        return bool(self._store.query("SELECT 1 FROM quarantine WHERE seq = ?", seq))

    def add(self, seq: int, what: str) -> None:
        """Sets a number aside, durably. Its later ones of the same case wait; all others go on."""
        known = self._readable(seq)
        values = (seq, *(known.get(name) for name in _NAMES), what, self._store.stamp())
        self._store.write(
            lambda: self._store.db.execute(
                "INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq) DO NOTHING", values
            )
        )
        log.error("outbox.quarantined", seq=seq, what=what)
        with suppress(StoreDamaged):  # where the row's own page is damaged, the entry alone keeps it from being claimed
            self._store.write(
                lambda: self._store.db.execute(
                    "UPDATE outbox SET state = 'held', error = ?, due = NULL WHERE seq = ? AND state <> 'delivered'",
                    (what, seq),
                )
            )

    def recheck(self, seq: int) -> bool:
        """Whether a number is whole after all (a read error that passed); then it is no longer set aside."""
        if self._damage(seq) is not None:
            return False
        self._store.write(lambda: self._store.db.execute("DELETE FROM quarantine WHERE seq = ?", (seq,)))
        return True

    def scrub(self, count: int = 20) -> Scrubbed:
        """Reads the next ``count`` numbers with all their parcels; the following call goes on from there."""
        last = self._last()
        if self._cursor == 0:
            self._cursor = self._first_open() - 1
        end = min(self._cursor + count, last)
        damaged, examined = [], 0
        for seq in range(self._cursor + 1, end + 1):
            if self.has(seq):
                continue
            examined += 1
            what = self._damage(seq)
            if what is not None:
                self.add(seq, what)
                damaged.append(seq)
        self._cursor = 0 if end == last else end
        return Scrubbed(examined, damaged, end == last)

    def _damage(self, seq: int) -> str | None:
        try:
            found = self._store.query("SELECT * FROM outbox WHERE seq = ?", seq)
            if not found:
                return "the row is gone"
            return damage_of(found[0]) or self._damaged_part(found[0])
        except StoreDamaged as error:
            return f"the row cannot be read: {error}"

    def _damaged_part(self, row: dict[str, Any]) -> str | None:
        if row["state"] == "delivered":
            return None
        for place, part in enumerate(parts_of(row)):
            found = self._store.query("SELECT sealed FROM parcel WHERE id = ?", parcel_id(row["seq"], place))
            what = part_damage(part, found[0]["sealed"] if found else None)
            if what is not None:
                return what
        return None

    def _readable(self, seq: int) -> dict[str, Any]:
        with suppress(StoreDamaged):
            found = self._store.query("SELECT key, kind, case_id, receipt_number FROM outbox WHERE seq = ?", seq)
            return found[0] if found else {}
        return {}

    def _first_open(self) -> int:
        """The first number to look at: after the delivered ones, which never come back, but with any gap before it."""
        with suppress(StoreDamaged):
            delivered = self._store.query(
                "SELECT seq FROM outbox NOT INDEXED WHERE seq > ? AND state <> 'delivered' ORDER BY seq LIMIT 1",
                self._open_from,
            )
            before = delivered[0]["seq"] if delivered else self._last() + 1
            known = self._store.query("SELECT MAX(seq) AS seq FROM outbox WHERE seq < ?", before)[0]["seq"]
            self._open_from = known or 0
        return self._open_from + 1

    def _last(self) -> int:
        return self._store.query("SELECT MAX(seq) AS seq FROM outbox")[0]["seq"] or 0
