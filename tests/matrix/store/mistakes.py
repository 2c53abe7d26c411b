"""Seeded mistakes and the sweep that catches each: ``python -m tests.matrix.store.mistakes``.

Each is put into a copy of the project, in a folder of its own, and the named tests run there: one of them must fail.
A mistake that nothing catches, or one whose place is no longer found, ends the run with 1.
"""

# ruff: noqa: E501, Q003 - pieces of code are quoted as they stand
from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
COPIED = (
    "offline_cache",
    "kiosk",
    "devices",
    "tests/offline_cache",
    "tests/matrix/store",
    "pyproject.toml",
    "setup.cfg",
)
POWER = "tests/matrix/store/test_power_cut.py"
CALLS = "tests/matrix/store/test_syscalls.py"
MODEL = "tests/matrix/store/test_stateful.py"
ERASURE = "tests/matrix/store/test_erasure.py"
QUARANTINE = "tests/offline_cache/test_quarantine.py"
VERSIONS = "tests/offline_cache/test_versions.py"
STORE = "tests/offline_cache/test_store.py"
OUTBOX = "tests/offline_cache/test_outbox.py"
AUDIT = "tests/offline_cache/test_audit.py"
READING = "tests/offline_cache/test_reading.py"


class Mistake(NamedTuple):
    """``old`` becomes ``new`` in ``file``; ``caught_by`` must then fail."""

    what: str
    file: str
    old: str
    new: str
    caught_by: str


_PUT_ENDS = """            return kept

        return self._store.write(action, essential=False)"""
_PARCELS_LATER = """            for n in range(len(taken)):
                self._execute("DELETE FROM parcel WHERE id = ?", parcel_id(seq, n))
            return kept

        kept = self._store.write(action, essential=False)
        for n, sealed in enumerate(taken):
            self._execute("INSERT OR IGNORE INTO parcel VALUES (?, ?)", parcel_id(kept.seq, n), sealed)
        return kept"""

MISTAKES = (
    Mistake("commits are not synced", "offline_cache/store.py", '"synchronous = FULL"', '"synchronous = NORMAL"', POWER),
    Mistake("a start believes what the system still remembers", "offline_cache/store.py",
            "                store.reopen()\n                migrate", "                store._connect()\n                migrate", POWER),
    Mistake("an emptied log may come back", "offline_cache/store.py",
            'self.db.execute(f"PRAGMA user_version = {version}")', "assert version >= 0", POWER),
    Mistake("no transaction around an action", "offline_cache/store.py",
            'db.execute("BEGIN IMMEDIATE")', 'db.execute("SELECT 1")', MODEL),
    Mistake("parcels in a transaction of their own", "offline_cache/outbox.py", _PUT_ENDS, _PARCELS_LATER, POWER),
    Mistake("erased first, then delivered", "offline_cache/outbox.py",
            '        def action() -> None:\n            self._execute("DELETE FROM parcel',
            '        self._execute("DELETE FROM parcel WHERE id / 256 = ?", seq)\n\n'
            '        def action() -> None:\n            self._execute("DELETE FROM parcel', POWER),
    Mistake("the tables are made one by one", "offline_cache/schema.py",
            'db.execute("BEGIN IMMEDIATE")', 'db.execute("SELECT 1")', STORE),
    Mistake("numbers are given before they are kept", "offline_cache/counters.py",
            "UPDATE counter SET next = next + ? WHERE name = ?\", (block, name)",
            "UPDATE counter SET next = next + 1 + 0 * ? WHERE name = ?\", (block, name)", POWER),
    Mistake("a half-made file is not looked into", "offline_cache/store.py",
            "<= _NEWBORN_BYTES", "< 0", CALLS),
    Mistake("a put that is tried again is another one", "offline_cache/outbox.py",
            "            if known:\n                return _same", "            if known and not key:\n                return _same", MODEL),
    Mistake("another content under a used key is taken for the same", "offline_cache/outbox.py",
            "if known.parts != digests:", "if not digests:", MODEL),
    Mistake("what was sending when it died stays so", "offline_cache/outbox.py",
            "SET state = 'stored' WHERE +state = 'sending' ", "SET state = 'stored' WHERE +state = 'none' ", MODEL),
    Mistake("no order within a case", "offline_cache/outbox.py", "e.seq < o.seq AND", "e.seq < 0 AND", MODEL),
    Mistake("priorities are forgotten", "offline_cache/outbox.py", "ORDER BY priority, seq LIMIT 1", "ORDER BY seq LIMIT 1", MODEL),
    Mistake("a clock that jumps back makes everybody wait", "offline_cache/outbox.py",
            'due = "due <= ? OR due > ?"', 'due = "due <= ? OR due > 1e99 + ?"', OUTBOX),
    Mistake("an action that fails leaves half of itself", "offline_cache/store.py",
            'db.execute("ROLLBACK")', 'db.execute("COMMIT")', AUDIT),
    Mistake("parcels are not checked when read", "offline_cache/outbox.py",
            "        if found is None or damage is not None:", "        if found is None:", QUARANTINE),
    Mistake("headers are not checked at claim", "offline_cache/outbox.py",
            '            damage = "the row is gone" if row is None else damage_of(row)', '            damage = "the row is gone" if row is None else None', QUARANTINE),
    Mistake("the scrub leaves parcels out", "offline_cache/quarantine.py",
            "damage_of(found[0]) or self._damaged_part(found[0])", "damage_of(found[0])", QUARANTINE),
    Mistake("a page that cannot be read hides the whole queue", "offline_cache/outbox.py",
            "            found = self._readable(where, *values)\n", "            raise\n", QUARANTINE),
    Mistake("a row that cannot be read stops all claims", "offline_cache/outbox.py",
            "picked = picked or self._unreadable()", "picked = picked or []", QUARANTINE),
    Mistake("what is damaged is tried again", "offline_cache/quarantine.py",
            "if self._damage(seq) is not None:", "if seq < 0:", QUARANTINE),
    Mistake("an index that lies is believed", "offline_cache/outbox.py",
            'if row["state"] != "stored" or row["due"] is not None:', 'if row["state"] == "none":', QUARANTINE),
    Mistake("freed pages keep their content", "offline_cache/store.py", '"secure_delete = ON"', '"secure_delete = OFF"', ERASURE),
    Mistake("the log is not emptied", "offline_cache/store.py",
            'self._alone("PRAGMA wal_checkpoint(TRUNCATE)")\n            self.ballast', "self.ballast", ERASURE),
    Mistake("the header stays after the receipt", "offline_cache/outbox.py",
            "receipt = ?, header = NULL, signature = NULL", "receipt = ?, header = x'', signature = NULL", OUTBOX),
    Mistake("the ballast is not given back", "offline_cache/store.py",
            "                self.ballast.release()\n", "                pass\n", STORE),
    Mistake("every newer file is opened", "offline_cache/store.py",
            "if version > len(MIGRATIONS) and not _promised", "if version > 10**6 and not _promised", VERSIONS),
    Mistake("an older program writes its own version into the file", "offline_cache/schema.py",
            "if version >= len(migrations):", "if version == len(migrations):", VERSIONS),
    Mistake("pages wait for commits", "offline_cache/store.py", "if self._reader is not None:\n                    return", "if None:\n                    return", READING),
)  # fmt: skip


def caught(mistake: Mistake, folder: Path) -> bool:
    """Whether the named tests fail with the mistake. Raises ValueError when its place is not found once."""
    for each in COPIED:
        source, target = ROOT / each, folder / each
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    file = folder / mistake.file
    text = file.read_text()
    if text.count(mistake.old) != 1:
        raise ValueError(f"{mistake.what}: its place is there {text.count(mistake.old)} times")
    file.write_text(text.replace(mistake.old, mistake.new))
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", mistake.caught_by]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False).returncode == 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only mistakes that have one of these in their name")
    wanted = parser.parse_args().words
    missed = 0
    for mistake in MISTAKES:
        if wanted and not any(word in mistake.what for word in wanted):
            continue
        with tempfile.TemporaryDirectory() as name:
            try:
                found = "caught" if caught(mistake, Path(name)) else "MISSED"
            except ValueError as error:
                found = f"MISSED: {error}"
        missed += found != "caught"
        sys.stdout.write(f"{mistake.what:<55} {mistake.caught_by:<45} {found}\n")
        sys.stdout.flush()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
