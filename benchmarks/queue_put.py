"""Keeping and handing over a whole sealed case (form and three photos of 200 KB).

Beside it a raw insert and other queues: all take turns in one run on the same disk, every commit with its sync;
persist-queue and litequeue only where they are installed. ``--sync-ms 5`` repeats the run with that much added to every
sync (by strace), as on a slow disk.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from benchmarks.filing import FORM_BYTES, PHOTO_BYTES, Bare
from kiosk.clock import Clock
from kiosk.messages.envelope import new_key
from offline_cache.outbox import Outbox
from offline_cache.store import Store

PUT_TARGET = 1.3
SYNCS_OF = 10
Parts = dict[str, bytes]


class Engine(Protocol):
    def put(self, key: str, parts: Parts) -> None: ...

    def hand_over(self) -> None:
        """Claims the next, reads its bytes, acknowledges it."""


class Raw(Bare):
    """One table, one transaction for each step, nothing else."""

    put = Bare.insert

    def hand_over(self) -> None:
        (key,) = self._db.execute("SELECT key FROM part WHERE name = 'form' ORDER BY rowid LIMIT 1").fetchone()
        self._db.execute("UPDATE part SET name = 'sent' WHERE key = ? AND name = 'form'", (key,))
        self._db.execute("SELECT sealed FROM part WHERE key = ?", (key,)).fetchall()
        self._db.execute("DELETE FROM part WHERE key = ?", (key,))


class Ours:
    def __init__(self, path: Path) -> None:
        self.store = Store.open(path, now=Clock().now, ballast_mb=0, free_floor_mb=16)
        self.outbox = Outbox(self.store, priorities={"case": 0})

    def put(self, key: str, parts: Parts) -> None:
        self.outbox.put(
            kind="case",
            key=key,
            case_id=key,
            receipt_number=key[-10:],
            parts=parts.items(),
            stamp=lambda seq, prev, digests: (f"{seq}{prev}{digests}".encode(), "signature"),
        )

    def hand_over(self) -> None:
        claimed = self.outbox.claim(0.0)
        assert claimed is not None
        for part in claimed.parts:
            self.outbox.parcel(claimed, part.name)
        self.outbox.delivered(claimed.seq, b"receipt")


class PersistQueue:
    """persist-queue's SQLiteAckQueue: WAL, and FULL by the library's default build."""

    def __init__(self, path: Path) -> None:
        from persistqueue import SQLiteAckQueue

        self._queue = SQLiteAckQueue(str(path), auto_commit=True)

    def put(self, key: str, parts: Parts) -> None:
        self._queue.put((key, parts))

    def hand_over(self) -> None:
        self._queue.ack(self._queue.get(block=False))


class LiteQueue:
    """litequeue, forced to FULL (its default may lose what it has said to keep); it takes text only."""

    def __init__(self, path: Path) -> None:
        from litequeue import LiteQueue as Queue

        self._queue = Queue(str(path))
        self._queue.conn.execute("PRAGMA synchronous = FULL")

    def put(self, key: str, parts: Parts) -> None:
        self._queue.put(json.dumps([key, {name: base64.b64encode(part).decode() for name, part in parts.items()}]))

    def hand_over(self) -> None:
        message = self._queue.pop()
        assert message is not None
        json.loads(message.data)
        self._queue.done(message.message_id)


ENGINES: dict[str, tuple[Callable[[Path], Engine], str | None]] = {
    "raw insert": (Raw, None),
    "ours": (Ours, None),
    "persist-queue SQLiteAckQueue": (PersistQueue, "persistqueue"),
    "litequeue, FULL": (LiteQueue, "litequeue"),
}


def sealed_parts() -> Parts:
    return {"form": os.urandom(FORM_BYTES + 48), **{f"photo{n}": os.urandom(PHOTO_BYTES + 48) for n in range(3)}}


def available() -> list[str]:
    """The engines that are installed; a line for each that is not."""
    names = []
    for name, (_, module) in ENGINES.items():
        if module is None or importlib.util.find_spec(module):
            names.append(name)
        else:
            print(f"{name}: not installed, skipped")
    return names


def measure(folder: Path, count: int, names: list[str]) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each put and each handing over."""
    engines = {name: ENGINES[name][0](folder / f"{number}.db") for number, name in enumerate(names)}
    dice = random.Random(1)
    times: dict[str, dict[str, list[float]]] = {step: {name: [] for name in names} for step in ("put", "claim and ack")}
    for round_ in range(count + 2):
        key, parts = new_key(), sealed_parts()
        # Each meets what any other has left behind in the disk's queue and in the caches.
        order = dice.sample(names, len(names))
        for name in order:
            _timed(times["put"][name], round_ > 1, partial(engines[name].put, key, parts))
        for name in order:
            _timed(times["claim and ack"][name], round_ > 1, engines[name].hand_over)
    return times


def _timed(times: list[float], counts: bool, work: Callable[[], Any]) -> None:
    start = time.perf_counter()
    work()
    if counts:
        times.append((time.perf_counter() - start) * 1000)


def syncs(name: str) -> tuple[float, float] | None:
    """Syncs of one put and of one claim and ack, counted by the kernel; None without strace."""
    if shutil.which("strace") is None:
        return None
    totals = []
    for puts, overs in ((0, 0), (SYNCS_OF, 0), (SYNCS_OF, SYNCS_OF)):
        command = ["strace", "-f", "-qq", "-e", "trace=fdatasync,fsync", sys.executable, "-m", __spec__.name]
        told = subprocess.run(
            [*command, "--only", name, str(puts), str(overs)], capture_output=True, text=True, check=True
        )
        totals.append(len(re.findall(r"\bf(?:data)?sync\(", told.stderr)))
    return (totals[1] - totals[0]) / SYNCS_OF, (totals[2] - totals[1]) / SYNCS_OF


def only(folder: Path, name: str, puts: int, overs: int) -> None:
    """Small cases, so that no checkpoint falls due and each sync is one of the step itself."""
    engine = ENGINES[name][0](folder / "only.db")
    for _ in range(puts):
        engine.put(new_key(), {"form": b"x" * 100})
    for _ in range(overs):
        engine.hand_over()


def report(times: dict[str, dict[str, list[float]]], counted: dict[str, tuple[float, float] | None], note: str) -> bool:
    good = True
    for place, (step, of) in enumerate(times.items()):
        base = statistics.median(of["raw insert"])
        for name, each in of.items():
            ordered, middle = sorted(each), statistics.median(each)
            row: dict[str, Any] = {"benchmark": "queue", "case": f"{step}, 604 KB case: {name}{note}", "unit": "ms"}
            row |= {"min": ordered[0], "median": middle, "p95": ordered[int(len(ordered) * 0.95)]}
            row["ratio"] = round(middle / base, 3)
            if (name, step) == ("ours", "put"):
                row["target"] = PUT_TARGET
                good &= row["ratio"] <= PUT_TARGET
            if counted.get(name):
                row["syncs"] = counted[name][place]
            print(json.dumps(row), flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--sync-ms", type=float, default=5, help="also with this much added to each sync; 0: not")
    parser.add_argument("--inside", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs=3, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
        folder = Path(name)
        if options.only:
            only(folder, options.only[0], int(options.only[1]), int(options.only[2]))
            return 0
        names = [each for each in ENGINES if each in options.inside.split("|")] if options.inside else available()
        times = measure(folder, options.count, names)
    if options.inside:
        return 0 if report(times, {}, f", +{options.sync_ms:g} ms per sync") else 1
    good = report(times, {name: syncs(name) for name in names}, "")
    if options.sync_ms and shutil.which("strace"):
        good &= slow_disk(options, names)
    return 0 if good else 1


def slow_disk(options: argparse.Namespace, names: list[str]) -> bool:
    calls = "fsync,fdatasync"
    delay = f"inject={calls}:delay_exit={int(options.sync_ms * 1000)}"
    before = ["strace", "--seccomp-bpf", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", delay]
    inside = ["--inside", "|".join(names), "--count", str(options.count // 2), "--sync-ms", str(options.sync_ms)]
    return subprocess.run([*before, sys.executable, "-m", __spec__.name, *inside], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
