"""Filing a whole sealed case (form and three parcels of 200 KB) beside a bare SQLite insert of the same bytes.

Both on the same disk, taking turns in one run, each commit with its sync. ``--syncs`` counts them with strace.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pysqlite3
import trio

from kiosk.clock import Clock
from kiosk.hub_link.filing import Filing
from kiosk.hub_link.identity import Identity
from kiosk.messages.envelope import new_key
from kiosk.messages.seal import new_seal_key, seal
from offline_cache.outbox import Outbox
from offline_cache.store import Store
from offline_cache.values import Values

PHOTO_BYTES = 200_000
FORM_BYTES = 4_096


def plain_parts() -> dict[str, bytes]:
    photos = {f"photo{n}": os.urandom(PHOTO_BYTES) for n in range(3)}
    return {"form": os.urandom(FORM_BYTES), **photos}


class Bare:
    """One table, one transaction, SQLite's own page size; nothing else."""

    def __init__(self, path: Path, page_bytes: int = 4096) -> None:
        self._db = pysqlite3.connect(str(path), isolation_level=None)
        for pragma in (
            f"page_size = {page_bytes}",
            "auto_vacuum = INCREMENTAL",
            "journal_mode = WAL",
            "synchronous = FULL",
            "secure_delete = ON",
        ):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        self._db.execute("CREATE TABLE part (key TEXT, name TEXT, sealed BLOB, PRIMARY KEY (key, name)) STRICT")

    def insert(self, key: str, parts: dict[str, bytes]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for name, sealed in parts.items():
            self._db.execute("INSERT INTO part VALUES (?, ?, ?)", (key, name, sealed))
        self._db.execute("COMMIT")


class Machine:
    """The machine's own way from plain bytes to durable envelope."""

    def __init__(self, folder: Path) -> None:
        clock = Clock()
        self.store = Store.open(folder / "store.db", now=clock.now, ballast_mb=0, free_floor_mb=16)
        self.outbox = Outbox(self.store)
        identity = Identity.load(Values(self.store), "bench-0001")
        self.filing = Filing(self.outbox, identity, seal_key=new_seal_key().public, clock=clock)

    async def file(self, key: str, parts: dict[str, bytes]) -> None:
        await self.filing.file(kind="case", key=key, case_id=key, receipt_number=None, parts=parts)

    def put(self, key: str, parts: dict[str, bytes]) -> None:
        self.outbox.put(
            kind="case",
            key=key,
            case_id=key,
            receipt_number=None,
            parts=parts.items(),
            stamp=lambda seq, prev, digests: (f"{seq}{prev}{digests}".encode(), "signature"),
        )


def row(name: str, times_ms: list[float], base_ms: float) -> str:
    ordered = sorted(times_ms)
    middle = statistics.median(ordered)
    p95, p99 = (ordered[int(len(ordered) * share)] for share in (0.95, 0.99))
    numbers = "".join(f"{value:9.2f}" for value in (ordered[0], middle, p95, p99))
    return f"{name:<46}{numbers}{middle / base_ms:8.2f}"


async def measure(folder: Path, count: int) -> None:
    bare, large = Bare(folder / "bare.db"), Bare(folder / "large.db", 16384)
    ours, sealed_put = Machine(folder / "a"), Machine(folder / "b")
    names = ("bare insert, 4 KB pages", "bare insert, 16 KB pages", "seal, sign, chain and put (Filing.file)",
             "put of sealed bytes (Outbox.put)", "seal and digest alone, no disk")  # fmt: skip
    times: dict[str, list[float]] = {name: [] for name in names}
    pair = new_seal_key()

    def timed(name: str, work: Callable[[], object]) -> None:
        start = time.perf_counter()
        work()
        times[name].append((time.perf_counter() - start) * 1000)

    for _ in range(count):
        key, parts = new_key(), plain_parts()
        timed(names[0], lambda key=key, parts=parts: bare.insert(key, parts))
        timed(names[1], lambda key=key, parts=parts: large.insert(key, parts))
        start = time.perf_counter()
        await ours.file(key, parts)
        times[names[2]].append((time.perf_counter() - start) * 1000)
        timed(names[3], lambda key=key, parts=parts: sealed_put.put(key, parts))
        timed(names[4], lambda key=key, parts=parts: [
            sha256(seal(plain, pair.public, kiosk_id="k", key=key, part=name)).digest() for name, plain in parts.items()
        ])  # fmt: skip
    base = statistics.median(times[names[0]])
    titles = "".join(f"{title:>9}" for title in ("min", "median", "p95", "p99"))
    print(f"{f'ms per case of 604 KB, {count} cases':<46}{titles}{'ratio':>8}")
    for name, each in times.items():
        print(row(name, each, base))


def count_syncs(count: int) -> None:
    """Syncs of ``count`` filings, counted by the kernel; 0 filings are the set-up."""
    totals = {}
    for cases in (0, count):
        command = [
            "strace",
            "-f",
            "-qq",
            "-e",
            "trace=fdatasync,fsync",
            sys.executable,
            __file__,
            "--only-file",
            str(cases),
        ]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        totals[cases] = len(re.findall(r"\bf(?:data)?sync\(", told))
    syncs = totals[count] - totals[0]
    print(f"syncs: {syncs} for {count} filings (one each; more only where a checkpoint falls due)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--folder", default=None, help="a folder on the disk to measure")
    parser.add_argument("--syncs", action="store_true")
    parser.add_argument("--only-file", type=int, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder or os.environ.get("TMPDIR", "/var/tmp")) as name:
        folder = Path(name)
        if options.only_file is not None:
            machine = Machine(folder)
            for _ in range(options.only_file):
                trio.run(machine.file, new_key(), {"form": os.urandom(FORM_BYTES)})
            return
        trio.run(measure, folder, options.count)
    if options.syncs:
        count_syncs(10)


if __name__ == "__main__":
    main()
