"""Sealed parcels on their way out: gapless numbers, a chain of digests, strict order per case (CONTRACTS §5).

Every action may run twice after a disk error (Store.write): each looks first, or sets what it sets anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from offline_cache.counts import COUNTS, Counts
from offline_cache.digests import Digests
from offline_cache.errors import KeyTaken, ParcelDamaged, StoreDamaged, StoreError, StoreFull
from offline_cache.marks import Marks
from offline_cache.quarantine import Quarantine, Quarantined, Scrubbed
from offline_cache.sealed import (
    PLACES,
    PartDigest,
    damage_of,
    envelope_digest,
    parcel_id,
    part_damage,
    parts_of,
    row_digest,
)
from offline_cache.store import Store

T = TypeVar("T")
State = Literal["stored", "sending", "delivered", "held"]
FIRST_PREV = "0" * 64
_LAST_PRIORITY = 9
_CHAIN_ROWS = 1000

Stamp = Callable[[int, str, list[PartDigest]], tuple[bytes, str]]


class Row(msgspec.Struct, frozen=True):
    """One line of ``queue list --json``. ``next_try_in_s`` is None when nothing will be tried by itself."""

    seq: int
    key: str
    kind: str
    case_id: str | None
    receipt_number: str | None
    state: State
    attempts: int
    next_try_in_s: float | None
    error: str | None
    created_at: str
    bytes: int


class Claimed(NamedTuple):
    """What is to be sent now. ``sha256`` is the digest of header and signature, as the receipt must name it."""

    seq: int
    key: str
    kind: str
    case_id: str | None
    attempts: int
    server_errors: int
    header: bytes
    signature: str
    sha256: str
    parts: list[PartDigest]


class Proof(NamedTuple):
    """What stays of an envelope: its digest, and the receipt once it is delivered."""

    seq: int
    key: str
    state: State
    sha256: str
    parts: list[PartDigest]
    receipt: bytes | None


class Kept(NamedTuple):
    """A whole envelope as it was put: header, signature, and the sealed parts by their SHA-256 (hex)."""

    key: str
    header: bytes
    signature: str
    parcels: dict[str, bytes]


class Outbox:
    """The queue in ``store``. ``priorities``: kind to 0 (first) … 9; ``cap_s``: the longest wait between two tries."""

    def __init__(self, store: Store, *, priorities: Mapping[str, int] | None = None, cap_s: float = 300) -> None:
        self._store = store
        self._priorities = dict(priorities or {})
        self._cap_s = cap_s
        self._quarantine = Quarantine(store)
        self.marks = Marks(store)
        self._open_from = 0
        if not store.read_only and store.query("SELECT 1 FROM outbox WHERE state = 'sending' LIMIT 1"):
            # One process sends; whatever it was sending when it died is to be sent again, the same bytes.
            # The row's own word counts (+), not that of an index the disk may have damaged.
            store.write(
                lambda: self._execute(
                    "UPDATE outbox SET state = 'stored' WHERE +state = 'sending' "
                    "AND seq IN (SELECT seq FROM outbox WHERE state = 'sending')"
                )
            )

    def put(
        self,
        *,
        kind: str,
        key: str,
        case_id: str | None,
        receipt_number: str | None,
        parts: Iterable[tuple[str, bytes]],
        stamp: Stamp,
        mark: bytes = b"",
        paper_mark: bytes = b"",
    ) -> Proof:
        """Keeps the sealed ``parts`` in one transaction; returns after its sync.

        ``mark`` tells whose it is until it is delivered, ``paper_mark`` who has its paper (``Marks``).
        ``stamp(seq, prev_sha256, digests)`` gives the header's bytes and its signature. The same key with the same
        parts gives what is there. Raises KeyTaken (with what is there), StoreFull (nothing kept) or StoreBroken
        (unknown: put again with the same key).
        """
        if not self._store.has_room:
            raise StoreFull(f"{self._store.free_bytes // 2**20} MB free is below the floor; nothing new is filed")
        taken, digests = [], Digests()
        for name, sealed in parts:
            digests.add(name, sealed)
            taken.append(sealed)

        def action() -> Proof:
            known = self.proof(key)
            if known:
                return _same(known, digests.all())
            seq, prev = self._end_of_chain()
            for n, sealed in enumerate(taken):
                self._execute("INSERT INTO parcel VALUES (?, ?)", parcel_id(seq, n), sealed)
            header, signature = stamp(seq, prev, digests.all())
            kept = Proof(seq, key, "stored", envelope_digest(header, signature), digests.all(), None)
            self._insert(kept, prev, kind, case_id, receipt_number, header, signature)
            self.marks.add(seq, mark, paper_mark)
            return kept

        return self._store.write(action, essential=False)

    def at_once(self, action: Callable[[], T]) -> T:
        """Everything that ``action`` puts is kept in one transaction, or nothing of it."""
        return self._store.write(action, essential=False)

    def claim(self, now_mono: float, *, avoid: Iterable[int] = ()) -> Claimed | None:
        """The next envelope to send, now ``sending``; None when nothing is due.

        By priority, then ``seq``; never one whose case has an earlier one under way or held. ``avoid``: numbers to
        leave alone this time.
        """
        while True:
            taken: list[Claimed] = []
            picked: list[int] = []

            def action(taken: list[Claimed] = taken, picked: list[int] = picked) -> str | None:
                return self._claim_next(now_mono, avoid, taken, picked)

            try:
                damage = self._store.write(action)
            except StoreDamaged as error:
                picked = picked or self._unreadable()
                if not picked:
                    raise
                damage = f"the row cannot be read: {error}"
            if damage is None:
                return taken[0] if taken else None
            self._quarantine.add(picked[-1], damage)

    def parcel(self, claimed: Claimed, name: str) -> bytes:
        """The sealed bytes of one part.

        Raises ParcelDamaged when they are not what was signed; the envelope is then in quarantine.
        """
        place = [part.name for part in claimed.parts].index(name)
        try:
            return self._sealed(claimed.seq, place, claimed.parts[place])
        except ParcelDamaged as error:
            damage = str(error)
        except StoreDamaged as error:
            damage = f"part {name} cannot be read: {error}"
        self._quarantine.add(claimed.seq, damage)
        raise ParcelDamaged(f"{damage}; number {claimed.seq} is in quarantine")

    def undelivered(self) -> list[int]:
        """Every number without a receipt, also those whose rows are gone or cannot be read."""
        done = {row["seq"] for row in self._select("state = 'delivered'", columns="seq")}
        return [seq for seq in range(1, self.last_seq() + 1) if seq not in done]

    def kept(self, seq: int) -> Kept:
        """One undelivered envelope with its parcels, checked. Raises ParcelDamaged with what is wrong, StoreError."""
        row = self._one("SELECT * FROM outbox WHERE seq = ?", seq)
        damage = "the row is gone" if row is None else damage_of(row)
        if row is None or damage is not None:
            raise ParcelDamaged(damage)
        parcels = {part.sha256: self._sealed(seq, place, part) for place, part in enumerate(parts_of(row))}
        return Kept(row["key"], row["header"], row["signature"], parcels)

    def quarantined(self) -> list[Quarantined]:
        """What was found damaged and waits for a person: the hub needs it again from the slip."""
        return self._quarantine.rows()

    def scrub(self, count: int = 20) -> Scrubbed:
        """Reads the next ``count`` envelopes that wait, with their parcels, and sets the damaged aside.

        For quiet moments: the following call goes on where this one ended. About 1 ms for each photo.
        """
        return self._quarantine.scrub(count)

    def delivered(self, seq: int, receipt: bytes) -> None:
        """The receipt was verified: erases the parcels and the header; numbers, times, digests and state stay."""

        def action() -> None:
            self._execute("DELETE FROM parcel WHERE id BETWEEN ? AND ?", seq * PLACES, seq * PLACES + PLACES - 1)
            self._execute("DELETE FROM quarantine WHERE seq = ?", seq)
            self.marks.drop(seq)
            self._execute(
                "UPDATE outbox SET state = 'delivered', receipt = ?, header = NULL, signature = NULL, due = NULL, "
                "error = NULL WHERE seq = ? AND state <> 'delivered'",
                receipt,
                seq,
            )

        self._store.write(action)

    def failed(
        self, seq: int, error: str, retry_after_s: float, now_mono: float, *, server_error: bool = False
    ) -> None:
        """``stored`` again, due in ``retry_after_s`` (at most the cap). ``server_error`` counts, "" keeps the error."""
        due = now_mono + min(max(retry_after_s, 0.0), self._cap_s)
        self._set(
            seq,
            "state = 'stored', error = coalesce(nullif(?, ''), error), due = ?, server_errors = server_errors + ?",
            error,
            due,
            int(server_error),
            where="state = 'sending'",
        )

    def hold(self, seq: int, reason: str) -> None:
        """Kept, not tried again until a person releases it."""
        self._set(seq, "state = 'held', error = ?, due = NULL", reason, where="state IN ('stored', 'sending')")

    def release(self, seq: int) -> bool:
        """A person says: try again. False when it was not held, or is damaged still."""
        if self._quarantine.has(seq) and not self._quarantine.recheck(seq):
            return False
        if self.row(seq).state != "held":
            return False
        self._set(seq, "state = 'stored', attempts = 0, server_errors = 0, error = NULL, due = NULL")
        return True

    def wake(self) -> None:
        """Everything that waits is due now (the network came back)."""
        if self._one("SELECT 1 FROM outbox WHERE due IS NOT NULL LIMIT 1"):
            self._store.write(lambda: self._execute("UPDATE outbox SET due = NULL WHERE due IS NOT NULL"))

    def next_due_in_s(self, now_mono: float) -> float | None:
        """Seconds until something is due that is not due now; None when nothing waits for a time."""
        found = self._one(
            "SELECT MIN(due) AS due FROM outbox WHERE due > ? AND due <= ?",
            now_mono,
            now_mono + self._cap_s,
        )
        return None if found is None or found["due"] is None else found["due"] - now_mono

    def rows(self, now_mono: float = 0.0, *, states: Iterable[State] = (), limit: int = -1) -> list[Row]:
        """The queue in order of ``seq``; all states unless named. A row that cannot be read is held with the reason."""
        wanted = tuple(states)
        where = f"state IN ({','.join('?' * len(wanted))})" if wanted else "1"
        found = {row["seq"]: self._typed(row, now_mono) for row in self._select(where, *wanted, limit=limit)}
        if not wanted or "held" in wanted:
            found = {row.seq: _lost(row) for row in self.quarantined()} | found
        return [found[seq] for seq in sorted(found)][: limit if limit >= 0 else None]

    def row(self, seq: int, now_mono: float = 0.0) -> Row:
        """One line by its number. Raises StoreError for a number that was never given."""
        found = self._one("SELECT * FROM outbox WHERE seq = ?", seq)
        if found is None:
            raise StoreError(f"there is no number {seq} in the queue")
        return self._typed(found, now_mono)

    def find(
        self, *, key: str | None = None, case_id: str | None = None, receipt_number: str | None = None
    ) -> list[Row]:
        """The lines of a key, a case or a receipt number, in order of ``seq``."""
        column, value = next(
            (name, value)
            for name, value in (("key", key), ("case_id", case_id), ("receipt_number", receipt_number))
            if value is not None
        )
        return [self._typed(row, 0.0) for row in self._select(f"{column} = ?", value)]

    def proof(self, key: str) -> Proof | None:
        """Digest, state and receipt of a key."""
        found = next(iter(self._select("key = ?", key)), None)
        return Proof(**{**{name: found[name] for name in Proof._fields}, "parts": parts_of(found)}) if found else None

    def counts(self) -> Counts:
        """What waits, and the highest number, all at one moment."""
        try:
            return Counts(**self._store.query(COUNTS)[0])
        except StoreDamaged:
            states = [row.state for row in self.rows()]
            return Counts(states.count("stored") + states.count("sending"), states.count("held"), self.last_seq())

    def depth(self) -> int:
        """How many still have to go by themselves (stored or sending)."""
        return self.counts().depth

    def held(self) -> int:
        """How many wait for a person, the damaged among them."""
        return self.counts().held

    def last_seq(self) -> int:
        """The highest number committed; 0 when there is none."""
        return self._end_of_chain()[0] - 1

    @property
    def oldest_age_s(self) -> float | None:
        """Age of the oldest that is not delivered, by the wall clock; None when there is none."""
        # By number and without an index: what is delivered stays so, nothing older needs to be read again.
        oldest = self._select("seq >= ? AND +state <> 'delivered'", self._open_from, limit=1)
        if not oldest:
            return None
        self._open_from = oldest[0]["seq"]
        return max(0.0, (self._store.now() - datetime.fromisoformat(oldest[0]["created_at"])).total_seconds())

    def verify_chain(self) -> int | None:
        """The first number where the chain or a kept header is broken; None when all is whole."""
        expected, prev = 1, FIRST_PREV
        while rows := self._links(expected):
            for row in rows:
                kept = row["header"] is None or envelope_digest(row["header"], row["signature"]) == row["sha256"]
                if row["seq"] != expected or row["prev_sha256"] != prev or not kept:
                    return expected
                expected, prev = expected + 1, row["sha256"]
        return None if expected > self.last_seq() else expected

    def _links(self, first: int) -> list[dict[str, Any]]:
        """The next rows of the chain; none where it ends, or cannot be read on."""
        sql = "SELECT seq, prev_sha256, sha256, header, signature FROM outbox WHERE seq >= ? ORDER BY seq LIMIT ?"
        for count in (_CHAIN_ROWS, 1):
            with suppress(StoreDamaged):
                return self._store.query(sql, first, count)
        return []

    def _insert(
        self,
        kept: Proof,
        prev: str,
        kind: str,
        case_id: str | None,
        receipt_number: str | None,
        header: bytes,
        signature: str,
    ) -> None:
        row = {
            "seq": kept.seq,
            "key": kept.key,
            "kind": kind,
            "case_id": case_id,
            "receipt_number": receipt_number,
            "priority": self._priorities.get(kind, _LAST_PRIORITY),
            "state": "stored",
            "created_at": self._store.stamp(),
            "bytes": sum(part.bytes for part in kept.parts),
            "header": header,
            "signature": signature,
            "parts": msgspec.json.encode(kept.parts).decode(),
            "prev_sha256": prev,
            "sha256": kept.sha256,
        }
        row["row_sha256"] = row_digest(row)
        names = ", ".join(row)
        self._execute(f"INSERT INTO outbox ({names}) VALUES ({', '.join('?' * len(row))})", *row.values())  # noqa: S608 - ours

    def _sealed(self, seq: int, place: int, part: PartDigest) -> bytes:
        found = self._one("SELECT sealed FROM parcel WHERE id = ?", parcel_id(seq, place))
        damage = part_damage(part, found["sealed"] if found else None)
        if found is None or damage is not None:
            raise ParcelDamaged(damage)
        return found["sealed"]

    def _end_of_chain(self) -> tuple[int, str]:
        last = self._one("SELECT seq, sha256 FROM outbox ORDER BY seq DESC LIMIT 1")
        return (last["seq"] + 1, last["sha256"]) if last else (1, FIRST_PREV)

    def _typed(self, row: dict[str, Any], now_mono: float) -> Row:
        wait = None
        if row["state"] == "stored":
            wait = max(0.0, (row["due"] or 0.0) - now_mono)
            wait = 0.0 if wait > self._cap_s else round(wait, 3)
        named = {name: row[name] for name in Row.__struct_fields__ if name != "next_try_in_s"}
        return Row(**named, next_try_in_s=wait)

    def _select(self, where: str, *values: Any, limit: int = -1, columns: str = "*") -> list[dict[str, Any]]:
        """Rows in order of ``seq``; where a page is damaged, all that the others hold."""
        try:
            sql = f"SELECT {columns} FROM outbox WHERE {where} ORDER BY seq LIMIT ?"  # noqa: S608 - ours
            return self._store.query(sql, *values, limit)
        except StoreDamaged:
            found = self._readable(where, *values)
            return found if limit < 0 else found[:limit]

    def _readable(self, where: str, *values: Any) -> list[dict[str, Any]]:
        """One row at a time, past those that cannot be read, and without trust in any index."""
        found = []
        for seq in range(1, self.last_seq() + 1):
            with suppress(StoreDamaged):
                sql = f"SELECT * FROM outbox NOT INDEXED WHERE seq = {seq} AND ({where})"  # noqa: S608 - ours
                found += self._store.query(sql, *values)
        return found

    def _claim_next(self, now_mono: float, avoid: Iterable[int], taken: list[Claimed], picked: list[int]) -> str | None:
        """Within a transaction: picks, looks whether it is whole, and takes it. Gives what is wrong with ``picked``."""
        if not taken:
            seq = self._next(now_mono, avoid)
            if seq is None:
                return None
            picked.append(seq)
            row = self._one("SELECT * FROM outbox WHERE seq = ?", seq)
            damage = "the row is gone" if row is None else damage_of(row)
            if row is None or damage is not None:
                return damage
            if row["state"] != "stored" or row["due"] is not None:
                # An index that does not tell what the row tells is damaged, not the row.
                self._execute("REINDEX outbox")
                return self._claim_next(now_mono, avoid, taken, picked)
            taken.append(_claimed(row))
        self._execute("UPDATE outbox SET state = 'sending', attempts = attempts + 1 WHERE seq = ?", taken[0].seq)
        return None

    def _next(self, now_mono: float, avoid: Iterable[int]) -> int | None:
        due = "due <= ? OR due > ?"
        times = (now_mono, now_mono + self._cap_s)
        if self._one(f"SELECT 1 FROM outbox WHERE due IS NOT NULL AND ({due}) LIMIT 1", *times):  # noqa: S608 - ours
            self._execute(f"UPDATE outbox SET due = NULL WHERE due IS NOT NULL AND ({due})", *times)  # noqa: S608 - ours
        skip = ",".join(str(int(seq)) for seq in avoid) or "0"
        found = self._one(
            f"""SELECT seq FROM outbox AS o INDEXED BY outbox_ready
            WHERE state = 'stored' AND due IS NULL AND seq NOT IN ({skip})
            AND NOT EXISTS (SELECT 1 FROM quarantine AS q WHERE q.seq = o.seq)
            AND (case_id IS NULL OR NOT EXISTS (SELECT 1 FROM outbox AS e
                 WHERE e.case_id = o.case_id AND e.seq < o.seq AND e.state <> 'delivered'))
            ORDER BY priority, seq LIMIT 1"""  # noqa: S608 - numbers only
        )
        return found["seq"] if found else None

    def _unreadable(self) -> list[int]:
        """The first that is ready by the index and whose row cannot be read; none when that is not what is wrong."""
        ready = self._store.query(
            "SELECT seq FROM outbox INDEXED BY outbox_ready WHERE state = 'stored' AND due IS NULL "
            "AND seq NOT IN (SELECT seq FROM quarantine) ORDER BY priority, seq"
        )
        for row in ready:
            try:
                self._one("SELECT case_id FROM outbox WHERE seq = ?", row["seq"])
            except StoreDamaged:
                return [row["seq"]]
        return []

    def _set(self, seq: int, what: str, *values: Any, where: str = "1") -> None:
        sql = f"UPDATE outbox SET {what} WHERE seq = ? AND {where}"  # noqa: S608 - ours
        self._store.write(lambda: self._execute(sql, *values, seq))

    def _execute(self, sql: str, *values: Any) -> None:
        self._store.db.execute(sql, values)

    def _one(self, sql: str, *values: Any) -> dict[str, Any] | None:
        return next(iter(self._store.query(sql, *values)), None)


def _lost(row: Quarantined) -> Row:
    """A row of which only what was noted when it was set aside is left."""
    names = (row.key or "", row.kind or "", row.case_id, row.receipt_number)
    return Row(row.seq, *names, "held", 0, None, row.what, row.since, 0)


def _claimed(row: dict[str, Any]) -> Claimed:
    named = {name: row[name] for name in Claimed._fields}
    return Claimed(**{**named, "attempts": row["attempts"] + 1, "parts": parts_of(row)})


def _same(known: Proof, digests: list[PartDigest]) -> Proof:
    if known.parts != digests:
        raise KeyTaken(known)
    return known
