"""Machines that enrolled before hubs gave numbers have one of their own after the upgrade."""

from __future__ import annotations

import psycopg

from hub import database as tables


def test_machines_whose_names_end_alike_are_told_apart_by_the_upgrade(database: str, monkeypatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(tables, "MIGRATIONS", tables.MIGRATIONS[:3])
        before.setattr(tables, "SCHEMA_VERSION", 4)
        tables.prepare(database)
    names = ["K-10001", "A-0001", "east-7", "no digits", "K-0000"]
    with psycopg.connect(database, autocommit=True) as conn:
        for place, name in enumerate(names):
            conn.execute("insert into kiosk values (%s, 'key', now() + %s * interval '1 s')", [name, place])
    tables.prepare(database)
    with psycopg.connect(database) as conn:
        numbers = dict(conn.execute("select kiosk_id, number from kiosk").fetchall())
    assert (numbers["K-10001"], numbers["east-7"], numbers["K-0000"]) == (1, 7, 0)
    assert len(set(numbers.values())) == len(names)
