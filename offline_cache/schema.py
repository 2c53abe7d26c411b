"""The tables, one migration per schema version.

A migration adds tables and columns that may be empty, or exchanges indexes, so that the version before can still read
and write. The file itself says so (``readable``): a newer file without that promise is refused untouched.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlite_utils import Database

APPLICATION_ID = 0x544F4E47  # "TONG"

_TABLES_1 = (
    """CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        case_id TEXT,
        receipt_number TEXT,
        priority INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('stored', 'sending', 'delivered', 'held')),
        attempts INTEGER NOT NULL DEFAULT 0,
        server_errors INTEGER NOT NULL DEFAULT 0,
        due REAL,
        error TEXT,
        created_at TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        header BLOB,
        signature TEXT,
        parts TEXT,
        prev_sha256 TEXT NOT NULL CHECK (length(prev_sha256) = 64),
        sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
        receipt BLOB,
        CHECK ((state = 'delivered') = (header IS NULL))
    ) STRICT""",
    "CREATE INDEX outbox_next ON outbox (priority, seq) WHERE state = 'stored'",
    "CREATE INDEX outbox_case ON outbox (case_id, seq, state) WHERE state <> 'delivered'",
    "CREATE INDEX outbox_due ON outbox (due) WHERE due IS NOT NULL",
    "CREATE INDEX outbox_receipt_number ON outbox (receipt_number) WHERE receipt_number IS NOT NULL",
    # Parcels stand apart: a change of state in the same row would copy 200 KB (measured: three times the time).
    # id is seq * 256 + place: every index more is a page more in each put.
    "CREATE TABLE parcel (id INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT",
    """CREATE TABLE intent (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        token TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        ref TEXT NOT NULL,
        detail TEXT NOT NULL,
        begun_at TEXT NOT NULL,
        resolved_at TEXT,
        outcome TEXT,
        CHECK ((resolved_at IS NULL) = (outcome IS NULL))
    ) STRICT""",
    "CREATE INDEX intent_open ON intent (id) WHERE outcome IS NULL",
    "CREATE TABLE counter (name TEXT PRIMARY KEY, next INTEGER NOT NULL CHECK (next >= 1)) STRICT, WITHOUT ROWID",
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        actor TEXT NOT NULL,
        event TEXT NOT NULL,
        detail TEXT NOT NULL,
        prev_sha256 TEXT NOT NULL,
        sha256 TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE value (
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        value BLOB NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (namespace, name)
    ) STRICT""",
)


_TABLES_2 = (
    # The row stays in the outbox, held: its number and digest are links of the chain.
    """CREATE TABLE quarantine (
        seq INTEGER PRIMARY KEY,
        key TEXT,
        kind TEXT,
        case_id TEXT,
        receipt_number TEXT,
        what TEXT NOT NULL,
        since TEXT NOT NULL
    ) STRICT""",
    "CREATE TABLE readable (version INTEGER PRIMARY KEY, back_to INTEGER NOT NULL) STRICT",
    "INSERT INTO readable VALUES (2, 1)",
    "ALTER TABLE outbox ADD COLUMN row_sha256 TEXT CHECK (length(row_sha256) = 64)",
    # What waits for its time stands apart from what can go now: claiming then costs the same at any depth.
    "DROP INDEX outbox_next",
    "CREATE INDEX outbox_ready ON outbox (priority, seq) WHERE state = 'stored' AND due IS NULL",
    "CREATE INDEX outbox_sending ON outbox (seq) WHERE state = 'sending'",
    # Without the state in it a claim leaves this index alone.
    "DROP INDEX outbox_case",
    "CREATE INDEX outbox_case ON outbox (case_id, seq) WHERE state <> 'delivered'",
)


_TABLES_3 = (
    # Numbered blanks. A version before leaves them alone and makes no documents.
    """CREATE TABLE stock (
        kind TEXT NOT NULL,
        serial TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('loaded', 'used', 'voided', 'handed_over', 'retained')),
        ref TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (kind, serial)
    ) STRICT, WITHOUT ROWID""",
    "INSERT INTO readable VALUES (3, 2)",
)


def _create(db: Database) -> None:
    for statement in _TABLES_1:
        db.execute(statement)


def _add_quarantine(db: Database) -> None:
    for statement in _TABLES_2:
        db.execute(statement)


def _add_stock(db: Database) -> None:
    for statement in _TABLES_3:
        db.execute(statement)


MIGRATIONS: tuple[Callable[[Database], None], ...] = (_create, _add_quarantine, _add_stock)


def migrate(db: Database, migrations: tuple[Callable[[Database], None], ...] = MIGRATIONS) -> None:
    """Brings the open database to the newest version, all steps or none. A newer one stays as it is."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version >= len(migrations):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in migrations[version:]:
            step(db)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(migrations)}")
        db.execute("COMMIT")
    except BaseException:
        if db.conn.in_transaction:  # a disk error has undone it already
            db.execute("ROLLBACK")
        raise
