"""``hub department``: what a supervisor does with the reference departments' clock and cases."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click
from psycopg import AsyncConnection
from rich.console import Console

from hub import events
from hub.connector.command import REMOTE, TOKEN, remote_departments, serve
from hub.department import Department
from hub.departments import departments
from hub.desk import CannotMove
from hub.gateway import DepartmentDown
from hub.machine_commands import BY, DSN, TODAY, at_database
from hub.named_cases import NotOneCase, case_named
from hub.tables import Table
from hub.typed import RECEIPT_NUMBER
from kiosk.clock import Clock
from kiosk.messages.bounds import one_line

STATES = ("in_review", "needs_supplement", "decided", "refused", "withdrawn", "collected", "uncollected")
MISSING = "-"
"""Stands where one side does not know a case."""


class _Key(click.ParamType):
    """The key of a department that is here."""

    name = "department"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Department:
        if value not in departments():
            self.fail(f"no department {value!r}; there are {', '.join(departments())}", param, ctx)
        return departments()[value]


KEY = click.argument("department", type=_Key())


@click.group()
def department() -> None:
    """Let a department's days pass, and move its cases."""


@department.command()
@DSN
@KEY
@click.option("--days", type=click.IntRange(1, 3660), required=True, help="Natural days.")
@BY
@TODAY
def advance(dsn: str, department: Department, days: int, by: str, clock: Clock) -> None:
    """Let so many days pass at a reference department: what is planned for them happens."""

    async def work(conn: AsyncConnection) -> date:
        return await advanced(conn, department, days, clock, by)

    click.echo(f"{department.key}: {at_database(dsn, work).isoformat()}")


async def advanced(conn: AsyncConnection, department: Department, days: int, clock: Clock, by: str) -> date:
    """Lets days pass, with its event; the day by the department's clock."""
    await department.desk.advance(conn, days)
    said = {"department": department.key, "days": days}
    await events.record(conn, clock.now(), actor=f"supervisor:{by}", kind="department_clock_advanced", **said)
    return await department.desk.today(conn, clock.today())


@department.command()
@DSN
@KEY
@click.argument("receipt_number", type=RECEIPT_NUMBER)
@click.argument("state", type=click.Choice(STATES))
@click.option("--reason", "reasons", multiple=True, help="Code of a reason; several may be given.")
@BY
@TODAY
def case(
    dsn: str, department: Department, receipt_number: str, state: str, reasons: tuple[str, ...], by: str, clock: Clock
) -> None:
    """Say an officer's word on one case."""

    async def work(conn: AsyncConnection) -> None:
        await moved(conn, department, receipt_number, state, reasons, clock, by)

    try:
        at_database(dsn, work)
    except CannotMove as error:
        raise click.ClickException(f"{receipt_number}: {error}; see where it stands: hub department cases") from error


async def moved(
    conn: AsyncConnection, department: Department, receipt_number: str, state: str, reasons: tuple[str, ...],
    clock: Clock, by: str,
) -> None:  # fmt: skip
    """Moves the case with this number, or key. Raises CannotMove."""
    try:
        found = await case_named(conn, receipt_number)
    except NotOneCase as error:
        raise CannotMove(f"{error}") from error
    said = {"officer": by, "reasons": reasons}
    await department.desk.move(conn, found.key, state, clock.today(), department.reached, **said)


department.add_command(serve)


@department.command()
@DSN
@click.argument("key", metavar="DEPARTMENT")
@REMOTE
@TOKEN
def cases(dsn: str, key: str, remote: tuple[str, ...], token_file: Path | None) -> None:
    """Show where each case stands, at the department and in the hub's books; exit code 3 when they differ.

    One that is a system of its own is asked there, with --department and --token-file as the hub itself has them.
    """
    try:
        known = {**departments(), **remote_departments(remote, token_file)}
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{error}") from error
    if key not in known:
        raise click.UsageError(f"no department {key!r}; there are {', '.join(known)}")
    try:
        found = at_database(dsn, lambda conn: compared(conn, known[key]))
    except DepartmentDown as error:
        raise click.ClickException(f"{key} gives no answer") from error
    table = Table("number", "department", "hub", box=None)
    for row in found:
        table.add_row(*row)
    Console(markup=False).print(table)
    if any(theirs != ours for _, theirs, ours in found):
        raise SystemExit(3)


async def compared(conn: AsyncConnection, department: Department) -> list[tuple[str, str, str]]:
    """Each case that either side has as accepted there: its number (else its key), where it stands there, and here.

    Raises DepartmentDown.
    """
    theirs = {one_line(each.case_key): one_line(each.state) for each in await department.standings(conn)}
    rows = await conn.execute(
        "select key::text, coalesce(receipt_number, key::text), state from case_file "
        "where key::text = any(%s) or exists (select from event where envelope_key = case_file.key "
        "and kind = %s and actor = %s and data->>'state' = 'accepted')",
        [list(theirs), events.CASE_STATE, department.key],
    )
    numbers, ours = dict[str, str](), dict[str, str]()
    for key, number, state in await rows.fetchall():
        numbers[key], ours[key] = number, state
    keys = sorted(theirs.keys() | ours.keys(), key=lambda key: numbers.get(key, key))
    return [(numbers.get(key, key), theirs.get(key, MISSING), ours.get(key, MISSING)) for key in keys]
