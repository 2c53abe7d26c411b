"""What was delivered leaves no trace of its content in any file; a seeded mistake shows that the search sees it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from offline_cache import engine
from offline_cache.engine import sqlite
from offline_cache.outbox import Outbox
from offline_cache.store import Store


class Lax(sqlite.Connection):
    """Frees pages as they are: what somebody gets who finds secure_delete too slow."""

    def execute(self, sql: str, *values: Any) -> Any:
        return super().execute(sql.replace("secure_delete = ON", "secure_delete = OFF"), *values)


def lax(path: Path, *, read_only: bool = False, immutable: bool = False) -> Any:
    if read_only:
        return engine.connect(path, read_only=True)
    return sqlite.connect(str(path), isolation_level=None, check_same_thread=False, factory=Lax)


class Queue:
    """A queue with planted values in everything that erasing must reach."""

    def __init__(self, folder: Path, connect: Callable[..., Any]) -> None:
        self.folder = folder
        now = datetime.now(UTC)
        self.store = Store.open(folder / "store.db", now=lambda: now, ballast_mb=1, free_floor_mb=1, connect=connect)
        self.outbox = Outbox(self.store)
        self.marks: dict[str, list[bytes]] = {}

    def put(self, key: str, size: int) -> None:
        header, signature, photo = (os.urandom(12).hex().encode() for _ in range(3))
        self.marks[key] = [header, signature, photo]
        self.outbox.put(
            kind="case", key=key, case_id=key, receipt_number=key, parts=[("photo", photo * (1 + size // 24))],
            stamp=lambda *_: (b"header " + header, signature.decode()),
        )  # fmt: skip

    def hits(self, keys: set[str]) -> int:
        raw = b"".join(each.read_bytes() for each in sorted(self.folder.iterdir()))
        return sum(raw.count(mark) for key in keys for mark in self.marks[key])


def run(folder: Path, connect: Callable[..., Any]) -> tuple[Queue, set[str]]:
    """Files forty, delivers every other one in between, tidies: large and small, between others that stay."""
    queue, gone = Queue(folder, connect), set()
    for number in range(40):
        queue.put(f"k{number}", (300, 5_000, 60_000)[number % 3])
        if number % 2:
            seq = number if number % 4 == 1 else number + 1
            queue.outbox.delivered(seq, b"receipt")
            gone.add(f"k{seq - 1}")
        if number % 10 == 9:
            queue.store.tidy()
    return queue, gone


def test_no_planted_value_of_a_delivered_case_is_left_in_any_file(tmp_path: Path) -> None:
    queue, gone = run(tmp_path, engine.connect)
    assert {each.name for each in tmp_path.iterdir()} == {
        "store.db",
        "store.db-wal",
        "store.db-shm",
        "store.db.ballast",
    }
    assert len(gone) == 20
    assert queue.hits(gone) == 0
    assert queue.hits(queue.marks.keys() - gone) > 1000, "the search does find what still waits"
    queue.store.close()


def test_the_search_finds_traces_where_freed_pages_are_not_overwritten(tmp_path: Path) -> None:
    queue, gone = run(tmp_path, lax)
    assert queue.hits(gone) > 0
    queue.store.close()


@pytest.mark.parametrize("reopened", [False, True])
def test_before_the_log_is_emptied_traces_are_still_there(tmp_path: Path, reopened: bool) -> None:
    """Why a quiet moment ends with an emptied log: a deletion alone does not erase."""
    queue = Queue(tmp_path, engine.connect)
    queue.put("a", 60_000)
    queue.outbox.delivered(1, b"receipt")
    assert queue.hits({"a"}) > 0
    (queue.store.reopen if reopened else queue.store.tidy)()
    assert queue.hits({"a"}) == 0
    queue.store.close()
