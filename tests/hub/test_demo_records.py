"""The demonstration's records are written anew before every story: that must cost little."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg

from hub.database import prepare
from hub.demo import seed


def test_no_record_waits_for_the_one_before_it(database: str, tmp_path: Path) -> None:
    prepare(database)
    (people := tmp_path / "people.toml").write_text('[[person]]\nid = "anna"\ncard = {number = "1"}\n', "utf-8")
    asked: list[bool] = []

    @asynccontextmanager
    async def connection() -> AsyncIterator[psycopg.AsyncConnection]:
        async with await psycopg.AsyncConnection.connect(database) as conn:
            yield conn

    async def written(conn: psycopg.AsyncConnection, _people: list[dict[str, Any]]) -> None:
        asked.append(conn.pgconn.pipeline_status == psycopg.pq.PipelineStatus.ON)

    department: Any = SimpleNamespace(key="lost_property", seed=written)
    hub: Any = SimpleNamespace(
        pool=SimpleNamespace(connection=connection),
        gateway=SimpleNamespace(departments={department.key: department}),
    )
    asyncio.run(seed(hub, people))
    assert asked == [True]
