"""What the length of the queue costs: put, claim, acknowledge and start with 100 and with 100,000 cases waiting.

The two queues take turns in one run. Besides: reading beside a commit that is under way, and memory over many cases.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from kiosk.clock import Clock
from kiosk.messages.envelope import new_key
from offline_cache.outbox import Outbox, PartDigest
from offline_cache.store import Store

TARGET = 1.2
SHALLOW, DEEP = 100, 100_000
_STARTS = 15
_WARM = 5


class Queue:
    """A store that holds ``depth`` small cases; the oldest, all but a hundred, were tried and wait for their time."""

    def __init__(self, path: Path, depth: int) -> None:
        self.path = path
        self.store: Store | None = None
        self.taken: list[int] = []
        self.start()
        self.open.write(lambda: [self.put() for _ in range(depth)])
        self.open.write(
            lambda: self.open.db.execute("UPDATE outbox SET due = 1e6 + seq WHERE seq <= ?", (depth - SHALLOW,))
        )
        self.open.tidy()

    @property
    def open(self) -> Store:
        assert self.store is not None
        return self.store

    def stop(self) -> None:
        self.open.close()

    def start(self) -> None:
        self.store = Store.open(self.path, now=Clock().now, ballast_mb=0, free_floor_mb=16)
        self.outbox = Outbox(self.store, priorities={"case": 0}, cap_s=1e9)

    def put(self) -> None:
        key = new_key()
        self.outbox.put(
            kind="case",
            key=key,
            case_id=key,
            receipt_number=key[-10:],
            parts=[("form", os.urandom(300))],
            stamp=_stamp,
        )

    def claim(self) -> None:
        claimed = self.outbox.claim(0.0)
        assert claimed is not None
        self.taken.append(claimed.seq)

    def ack(self) -> None:
        self.outbox.delivered(self.taken.pop(), b"receipt" * 40)


def compare(folder: Path, count: int, deep: int) -> dict[str, dict[int, list[float]]]:
    """Milliseconds of each step for both depths; every put is followed by a claim and an ack, so the depth stays."""
    queues = {SHALLOW: Queue(folder / "a.db", SHALLOW), deep: Queue(folder / "b.db", deep)}
    times: dict[str, dict[int, list[float]]] = {
        step: {depth: [] for depth in queues} for step in ("put", "claim", "ack", "start")
    }
    for round_ in range(count + _WARM):
        order = sorted(queues, reverse=bool(round_ % 2))
        for step in ("put", "claim", "ack"):
            for depth in order:
                took = _ms(getattr(queues[depth], step))
                if round_ >= _WARM:
                    times[step][depth].append(took)
    for round_ in range(_STARTS):
        for depth in sorted(queues, reverse=bool(round_ % 2)):
            queues[depth].stop()
            times["start"][depth].append(_ms(queues[depth].start))
    for queue in queues.values():
        queue.stop()
    return times


def read_beside_commits(folder: Path, count: int) -> list[float]:
    """Milliseconds of a status question while another thread commits cases of 600 KB without a pause."""
    queue, stop = Queue(folder / "c.db", SHALLOW), threading.Event()
    photo = os.urandom(600_000)

    def commit() -> None:
        while not stop.is_set():
            key = new_key()
            queue.outbox.put(kind="case", key=key, case_id=key, receipt_number=None, parts=[("p", photo)], stamp=_stamp)
            queue.outbox.delivered(queue.outbox.last_seq(), b"receipt")

    writer = threading.Thread(target=commit)
    writer.start()
    try:
        return [_ms(queue.outbox.held) for _ in range(count)]
    finally:
        stop.set()
        writer.join()
        queue.stop()


def memory_growth(folder: Path, cases: int) -> float:
    """Megabytes that the process grew over ``cases`` cases filed, sent and acknowledged, after the first tenth."""
    queue, process = Queue(folder / "d.db", SHALLOW), psutil.Process()
    before = 0
    for number in range(cases):
        if number == cases // 10:
            before = process.memory_info().rss
        queue.put()
        queue.claim()
        queue.ack()
        if number % 500 == 499:
            queue.open.tidy()
    grown = (process.memory_info().rss - before) / 2**20
    queue.stop()
    return grown


def _stamp(seq: int, prev: str, digests: list[PartDigest]) -> tuple[bytes, str]:
    return f"{seq}{prev}{digests}".encode() * 4, "signature"


def _ms(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _row(case: str, unit: str, values: list[float], **more: Any) -> None:
    ordered = sorted(values)
    middle, p95 = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
    row = {"benchmark": "queue", "case": case, "unit": unit, "min": ordered[0], "median": middle, "p95": p95, **more}
    print(json.dumps(row), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--deep", type=int, default=DEEP)
    parser.add_argument("--memory-cases", type=int, default=20_000)
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
        folder = Path(name)
        for step, of in compare(folder, options.count, options.deep).items():
            ratio = round(statistics.median(of[options.deep]) / statistics.median(of[SHALLOW]), 3)
            _row(f"{step}, {SHALLOW} waiting", "ms", of[SHALLOW])
            _row(f"{step}, {options.deep:,} waiting", "ms", of[options.deep], ratio=ratio, target=TARGET)
            good &= ratio <= TARGET
        _row("status question beside commits of 600 KB", "ms", read_beside_commits(folder, options.count * 10))
        if options.memory_cases:
            grown = memory_growth(folder, options.memory_cases)
            _row(f"memory grown over {options.memory_cases:,} cases", "MB", [grown], limit=8)
            good &= grown <= 8
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
