"""The departments' tables: taken over from a hub that already runs, brought up one by one, made for who is new."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest

from hub import database as tables
from hub.department import Department, Facts, WrongDepartment
from hub.department_tables import migrations_of
from hub.departments import by_key, departments
from hub.one_line import why

# As they were made before departments had versions (together with the hub's own tables, once).
BEFORE = """
    create schema traffic; set local search_path = traffic;
    create table licence (
        id_number text primary key, birth text not null, class text not null, state text not null,
        expires_on date not null, points integer not null, violations_unsettled integer not null,
        medical_on date, ability_test_passed boolean not null);
    create table application (case_key uuid primary key, service text not null, decision jsonb);
    create schema household; set local search_path = household;
    create table residence_permit (
        id_number text primary key, number text not null, state text not null, valid_to date not null,
        still_resident boolean not null, address text not null);
    create table application (case_key uuid primary key, service text not null, decision jsonb);
    create schema exit_entry; set local search_path = exit_entry;
    create table document (
        number text primary key, id_number text not null, kind text not null, expires_on date not null,
        state text not null, endorsements jsonb not null);
    create index document_of_person on document (id_number);
    create table application (case_key uuid primary key, service text not null, decision jsonb);
    set local search_path = public;
    insert into traffic.licence values ('1', '19580317', 'C1', 'normal', '2027-03-28', 3, 0, null, false);
    insert into traffic.application values ('01a203ea-49a9-73c4-a30e-e8d4a208fff6', 'T01', '{"accepted": true}');
    insert into setting values ('people', 'true');
"""
VERSIONS = "select department, version from department_version order by department"


class Depot(Department):
    """A department that is not of this house, its scripts in a folder of the test."""

    key = "depot"

    def __init__(self, folder: Path, *scripts: str) -> None:
        super().__init__()
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for place, script in enumerate(scripts, 1):
            (folder / f"{place:04}_step.sql").write_text(script, "utf-8")

    @property
    def migrations(self) -> Path:
        return self.folder

    async def facts(self, conn: psycopg.AsyncConnection, id_number: str, today: date) -> Facts:
        return {}


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection]:
    """An empty database of this test alone."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("drop owned by current_user cascade")
        conn.execute("create schema if not exists public")
        yield conn


def read(conn: psycopg.Connection, query: str) -> list[tuple]:
    return conn.execute(query.encode()).fetchall()


def test_a_hub_that_already_runs_keeps_its_departments_tables(conn, database: str, monkeypatch) -> None:
    known = next(i for i, script in enumerate(tables.MIGRATIONS) if "'people_'" in script)
    with monkeypatch.context() as before:
        before.setattr(tables, "MIGRATIONS", tables.MIGRATIONS[:known])
        before.setattr(tables, "SCHEMA_VERSION", 1 + known)
        tables.prepare(database, {})
    with conn.transaction():
        conn.execute("drop table if exists department_version")
        conn.execute(BEFORE)
    for _ in range(2):
        tables.prepare(database)
        assert read(conn, VERSIONS) == sorted((key, len(migrations_of(each))) for key, each in departments().items())
    assert read(conn, "select id_number, points from traffic.licence") == [("1", 3)]
    assert read(conn, "select service from traffic.application") == [("T01",)]
    # Its people were written by the start before: those of a department that comes later were not.
    seeded = "select name from setting where name like 'people_%' order by name"
    assert read(conn, seeded) == [("people_exit_entry",), ("people_household",), ("people_traffic",)]


def test_a_new_hub_has_the_same_tables_as_one_that_was_brought_up(conn, database: str) -> None:
    columns = (
        "select table_schema, table_name, column_name, data_type, is_nullable from information_schema.columns "
        "where table_schema in ('traffic', 'household', 'exit_entry') order by 1, 2, ordinal_position"
    )
    tables.prepare(database)
    new = read(conn, columns)
    for key in departments():
        conn.execute(f"drop schema {key} cascade".encode())
    with conn.transaction():
        conn.execute("delete from setting")
        conn.execute("delete from department_version")
        conn.execute(BEFORE)
    assert len(read(conn, columns)) == 30, "as before departments had versions"
    tables.prepare(database)
    assert read(conn, columns) == new


def test_a_department_that_comes_later_appears_on_a_running_hub_and_grows_with_each_script(
    conn, database: str, tmp_path: Path
) -> None:
    tables.prepare(database)
    depot = Depot(tmp_path / "depot", "create table thing (id_number text primary key);")
    tables.prepare(database, {**departments(), "depot": depot})
    conn.execute("insert into depot.thing values ('1')")
    Depot(tmp_path / "depot", "syntax error if it ran again", "alter table thing add kept_until date;")
    for _ in range(2):
        tables.prepare(database, {**departments(), "depot": depot})
    assert read(conn, "select id_number, kept_until from depot.thing") == [("1", None)]
    assert read(conn, "select count(*) from depot.application") == [(0,)]
    assert ("depot", 2) in read(conn, VERSIONS)
    assert read(conn, "select to_regclass('public.thing')") == [(None,)]
    # The version before, started again after a step back, leaves what is newer as it is.
    (tmp_path / "depot" / "0002_step.sql").unlink()
    tables.prepare(database, {**departments(), "depot": depot})
    assert ("depot", 2) in read(conn, VERSIONS)


def test_a_script_that_fails_changes_nothing_and_is_named_in_one_line(conn, database: str, tmp_path: Path) -> None:
    tables.prepare(database)
    depot = Depot(tmp_path / "depot", "create table thing (id text);", "alter table nothing add x int;")
    with pytest.raises(WrongDepartment) as failed:
        tables.prepare(database, {"depot": depot})
    assert "0002_step.sql" in why(failed.value)
    assert "nothing" in why(failed.value)
    assert read(conn, "select to_regclass('depot.thing')") == [(None,)]
    tables.prepare(database)


@pytest.mark.parametrize(
    "names", [["0002_a.sql"], ["0001_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"], ["first.sql"], ["01_a.sql"]]
)
def test_scripts_that_are_not_numbered_one_by_one_refuse_the_start(tmp_path: Path, names: list[str]) -> None:
    depot = Depot(tmp_path / "depot")
    for name in names:
        (tmp_path / "depot" / name).write_text("select 1", "utf-8")
    with pytest.raises(WrongDepartment, match="0001_name"):
        migrations_of(depot)


@pytest.mark.parametrize(
    "key", ["", "Depot", "pg_depot", "public", "information_schema", "hub", "de pot", 'd"x', "x" * 42]
)
def test_a_key_that_can_be_no_schema_refuses_the_start(tmp_path: Path, key: str) -> None:
    depot = Depot(tmp_path / "depot")
    depot.key = key
    with pytest.raises(WrongDepartment, match="its key names a schema"):
        by_key([("depot", depot)])


def test_two_departments_of_one_key_and_what_is_none_refuse_the_start(tmp_path: Path) -> None:
    depot = Depot(tmp_path / "depot")
    assert by_key([("a", depot)]) == {"depot": depot}
    with pytest.raises(WrongDepartment, match="b: there is another department depot"):
        by_key([("a", depot), ("b", depot)])
    with pytest.raises(WrongDepartment, match="no department"):
        by_key([("a", Depot)])
