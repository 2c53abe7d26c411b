"""The connection pool and the tables."""

from __future__ import annotations

from importlib import resources

import psycopg
from procrastinate.schema import SchemaManager
from psycopg_pool import AsyncConnectionPool

from hub.departments import DEPARTMENTS

SCHEMA_VERSION = 1
_ONE_AT_A_TIME = 0x544F4E47


def open_pool(dsn: str, max_size: int = 12) -> AsyncConnectionPool:
    """A pool that is opened by its user (``async with``); a connection is handed out in autocommit mode."""
    return AsyncConnectionPool(
        dsn, min_size=2, max_size=max_size, open=False, kwargs={"autocommit": True}, check=None, timeout=10
    )


def prepare(dsn: str) -> None:
    """Creates the tables of the hub, its work queue and its departments, once; several processes may start together."""
    with psycopg.connect(dsn) as conn:
        conn.execute("select pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        conn.execute("create table if not exists schema_version (version integer not null)")
        if conn.execute("select 1 from schema_version").fetchone() is None:
            _run(conn, (resources.files("hub") / "schema.sql").read_text("utf-8"))
            _run(conn, SchemaManager.get_schema())
            for department in DEPARTMENTS.values():
                _run(conn, department.schema())
            conn.execute("insert into schema_version values (%s)", [SCHEMA_VERSION])


def _run(conn: psycopg.Connection, script: str) -> None:
    conn.execute(script.encode())
