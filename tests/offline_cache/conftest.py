from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from offline_cache.outbox import Outbox, PartDigest, Proof
from offline_cache.store import Store

ROOT = Path(__file__).parents[2]


def stamp(seq: int, prev: str, digests: list[PartDigest]) -> tuple[bytes, str]:
    return f"header {seq} {prev} {[d.sha256 for d in digests]}".encode(), f"signature{seq}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store" / "store.db"


@pytest.fixture
def open_store(path: Path) -> Iterator[Callable[..., Store]]:
    opened: list[Store] = []

    def start(where: Path = path, **options: int) -> Store:
        given = {"ballast_mb": 1, "free_floor_mb": 1, **options}
        opened.append(Store.open(where, now=lambda: datetime.now(UTC), **given))
        return opened[-1]

    yield start
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., Store]) -> Store:
    return open_store()


@pytest.fixture
def outbox(store: Store) -> Outbox:
    return Outbox(store, priorities={"case": 0, "rating": 2})


@pytest.fixture
def put(request: pytest.FixtureRequest) -> Callable[..., Proof]:
    def put_one(
        key: str,
        case_id: str | None = None,
        *,
        kind: str = "case",
        sealed: bytes = b"sealed",
        into: Outbox | None = None,
    ) -> Proof:
        outbox = into or request.getfixturevalue("outbox")
        number, parts = f"R{key}", [("form", sealed)]
        return outbox.put(kind=kind, key=key, case_id=case_id or key, receipt_number=number, parts=parts, stamp=stamp)

    return put_one


@pytest.fixture
def child() -> Callable[..., subprocess.Popen]:
    """Starts ``child.py`` beside this file, or under ``before`` (strace)."""

    def start(*arguments: object, before: tuple[str, ...] = ()) -> subprocess.Popen:
        command = [*before, sys.executable, str(Path(__file__).with_name("child.py")), *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})

    return start
