"""The tables of the departments: each has a schema and a version of its own, brought up at every start.

A department that is new gets its schema then, on a hub that already runs too.
"""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from hub.department import Department, WrongDepartment
from hub.desk import TABLES

_NAME = re.compile(r"([0-9]{4})_[a-z0-9_]+\.sql")
_VERSIONS = "create table if not exists department_version (department text primary key, version integer not null)"
# What every reference system has: one row for each case that was brought to it.
_APPLICATIONS = "create table application (case_key uuid primary key, service text not null, decision jsonb)"


def bring_up(conn: psycopg.Connection, department: Department) -> None:
    """Makes what is missing of a department's tables, in the caller's transaction. Raises WrongDepartment."""
    scripts = migrations_of(department)
    conn.execute(_VERSIONS)
    version = _version_of(conn, department.key)
    if version is None:
        _in_schema(conn, department.key, "its schema", f"create schema {department.key}; {_APPLICATIONS}")
        version = 0
    _in_schema(conn, department.key, "its desk", TABLES)
    for path in scripts[version:]:
        _in_schema(conn, department.key, str(path), path.read_text("utf-8"))
    conn.execute(
        "insert into department_version values (%s, %s) on conflict (department) do update "
        "set version = greatest(department_version.version, excluded.version)",
        [department.key, len(scripts)],
    )


def migrations_of(department: Department) -> list[Path]:
    """Its scripts in order, ``0001_….sql`` first. Raises WrongDepartment."""
    folder = department.migrations
    scripts = sorted(folder.glob("*.sql"))
    numbers = [int(found[1]) if (found := _NAME.fullmatch(path.name)) else 0 for path in scripts]
    if numbers != list(range(1, len(scripts) + 1)):
        raise WrongDepartment(f"{folder}: name its scripts 0001_name.sql, 0002_name.sql …, none left out, none twice")
    return scripts


def _version_of(conn: psycopg.Connection, key: str) -> int | None:
    """None: it is new here. Before departments had versions, all had the tables of version 1."""
    row = conn.execute(
        "select coalesce((select version from department_version where department = %(key)s),"
        " case when to_regclass(%(key)s || '.application') is not null then 1 end)",
        {"key": key},
    ).fetchone()
    return row[0] if row else None


def _in_schema(conn: psycopg.Connection, key: str, place: str, script: str) -> None:
    try:
        conn.execute(SQL("set local search_path = {}").format(Identifier(key)))
        conn.execute(script.encode())
    except psycopg.Error as error:
        raise WrongDepartment(f"department {key}, {place}: {f'{error}'.strip()}") from error
    conn.execute("set local search_path = public")
