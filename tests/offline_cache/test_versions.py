"""From one schema version to the next, and back to the program before it (CONTRACTS §7)."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from sqlite_utils import Database

from offline_cache import schema
from offline_cache import store as store_module
from offline_cache.engine import connect
from offline_cache.errors import StoreForeign
from offline_cache.outbox import FIRST_PREV, Outbox
from offline_cache.store import Store

# What version 1 says to the file, word for word.
V1_INSERT = (
    "INSERT INTO outbox (seq, key, kind, case_id, receipt_number, priority, state, created_at, bytes, header, "
    "signature, parts, prev_sha256, sha256) VALUES (?, ?, ?, ?, ?, ?, 'stored', ?, ?, ?, ?, ?, ?, ?)"
)
V1_NEXT = """SELECT seq FROM outbox AS o WHERE state = 'stored' AND seq NOT IN (0)
    AND (due IS NULL OR due <= ? OR due > ?)
    AND (case_id IS NULL OR NOT EXISTS (SELECT 1 FROM outbox AS e
         WHERE e.case_id = o.case_id AND e.seq < o.seq AND e.state <> 'delivered'))
    ORDER BY priority, seq LIMIT 1"""
V1_CLAIM = "UPDATE outbox SET state = 'sending', attempts = attempts + 1, due = NULL WHERE seq = ?"
V1_DELIVERED = (
    "UPDATE outbox SET state = 'delivered', receipt = ?, header = NULL, signature = NULL, due = NULL, "
    "error = NULL WHERE seq = ? AND state <> 'delivered'"
)
V1_RESTART = "UPDATE outbox SET state = 'stored' WHERE state = 'sending'"


def v1_put(db: Database, seq: int, prev: str) -> str:
    header, signature, sealed = f"header {seq}".encode(), "signature", f"sealed {seq}".encode()
    link = sha256(header + signature.encode()).hexdigest()
    parts = f'[["form","{sha256(sealed).hexdigest()}",{len(sealed)}]]'
    at = "2027-01-12T00:00:00.000Z"
    values = (seq, f"k{seq}", "case", f"c{seq}", f"R{seq}", 0, at, len(sealed), header, signature, parts, prev, link)
    db.execute(V1_INSERT, values)
    db.execute("INSERT INTO parcel VALUES (?, ?)", (seq * 256, sealed))
    return link


@pytest.fixture
def old_file(path: Path) -> Path:
    db = Database(connect(path))
    for pragma in ("page_size = 16384", "auto_vacuum = INCREMENTAL", "journal_mode = WAL"):
        db.execute(f"PRAGMA {pragma}").fetchall()
    schema.migrate(db, schema.MIGRATIONS[:1])
    prev = FIRST_PREV
    for seq in (1, 2, 3):
        prev = v1_put(db, seq, prev)
    db.execute(V1_CLAIM, (1,))
    db.close()
    return path


def test_a_file_of_the_version_before_goes_on_where_it_was(open_store, old_file: Path, put) -> None:
    store = open_store(old_file)
    outbox = Outbox(store, priorities={"case": 0})
    put("new", into=outbox)
    assert outbox.verify_chain() is None
    store.write(lambda: store.db.execute("UPDATE outbox SET header = x'00' WHERE seq = 2"))
    assert [outbox.claim(0.0).seq for _ in range(3)] == [1, 3, 4]
    assert [row.seq for row in outbox.quarantined()] == [2], "old rows are watched by their header's digest"


def test_the_program_before_works_on_our_file_and_we_after_it(open_store, store: Store, outbox: Outbox, put) -> None:
    last = [put(key) for key in ("a", "b", "c")][-1]
    store.write(lambda: store.db.execute("UPDATE outbox SET header = x'00' WHERE seq = 2"))
    outbox.scrub()
    outbox.claim(0.0)
    outbox.failed(1, "timeout", 60.0, 0.0)
    store.close()

    db = Database(connect(store.path))
    db.execute(V1_RESTART)
    v1_put(db, 4, last.sha256)
    seen = []
    while row := db.execute(V1_NEXT, (100.0, 400.0)).fetchone():
        db.execute(V1_CLAIM, row)
        if row[0] != 3:
            db.execute(V1_DELIVERED, (b"receipt", row[0]))
        seen.append(row[0])
    assert seen == [1, 3, 4], "the damaged one is held there too"
    db.close()

    again = Outbox(open_store(), priorities={"case": 0})
    assert again.verify_chain() == 2
    assert [(row.seq, row.state) for row in again.rows()] == [
        (1, "delivered"), (2, "held"), (3, "stored"), (4, "delivered"),
    ]  # fmt: skip
    assert [row.seq for row in again.quarantined()] == [2]
    assert again.claim(0.0).seq == 3
    assert again._store.query("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


def test_a_newer_file_is_opened_only_with_its_promise(open_store, store: Store, outbox: Outbox, put) -> None:
    put("a")
    newer = len(schema.MIGRATIONS) + 1
    store.db.execute(f"PRAGMA user_version = {newer}")
    store.close()
    with pytest.raises(StoreForeign, match="newer version"):
        open_store()
    db = connect(store.path)
    db.execute("INSERT INTO readable VALUES (?, ?)", (newer, newer - 1))
    db.close()
    again = open_store()
    assert again.db.execute("PRAGMA user_version").fetchone() == (newer,), "the file stays what it is"
    assert Outbox(again).claim(0.0).key == "a"


def test_our_file_promises_the_program_before_that_it_can_read_it(
    open_store, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.close()
    monkeypatch.setattr(store_module, "MIGRATIONS", schema.MIGRATIONS[:-1])
    again = open_store()
    assert again.db.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
    again.close()
    monkeypatch.setattr(store_module, "MIGRATIONS", ())
    with pytest.raises(StoreForeign, match="newer version"):
        open_store()
