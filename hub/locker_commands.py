"""``hub locker``: what staff has put behind which door of which machine."""

from __future__ import annotations

import click
import msgspec
from psycopg import AsyncConnection
from rich.console import Console

from hub import lockers
from hub.department import Department
from hub.department_commands import KEY
from hub.machine_commands import BY, DSN, NAME, TODAY, at_database
from hub.tables import Table
from hub.typed import MACHINE, RECEIPT_NUMBER
from kiosk.clock import Clock, local
from kiosk.messages.lockers import MOST_LOCKS

LOCK = click.argument("lock", type=click.IntRange(1, MOST_LOCKS))


@click.group()
def locker() -> None:
    """Fill, look into and empty the lockers of machines; the machine opens a door with: kiosk locker open."""


@locker.command("list")
@click.argument("kiosk_id", metavar="[MACHINE]", type=MACHINE, required=False)
@DSN
@click.option("--json", "as_json", is_flag=True, help="The table as JSON.")
@TODAY
def list_filled(kiosk_id: str | None, dsn: str, as_json: bool, clock: Clock) -> None:
    """Show what lies where. Exit code 3 when something is in doubt: look into that compartment."""
    del clock
    rows = at_database(dsn, lambda conn: lockers.compartments(conn, kiosk_id or ""))
    if as_json:
        click.echo(msgspec.json.encode(rows))
    else:
        table = Table("machine", "lock", "receipt number", "department", "state", "since", "by", box=None)
        for row in rows:
            since = f"{local(row.filled_at):%Y-%m-%d %H:%M}"
            table.add_row(row.kiosk_id, str(row.lock), *row[2:5], since, row.filled_by)
        Console(width=160).print(table if rows else "no locker is filled")
    if any(row.state == lockers.IN_DOUBT for row in rows):
        raise SystemExit(3)


@locker.command()
@NAME
@LOCK
@KEY
@click.argument("receipt_number", type=RECEIPT_NUMBER)
@DSN
@BY
@TODAY
def put(kiosk_id: str, lock: int, department: Department, receipt_number: str, dsn: str, by: str, clock: Clock) -> None:
    """Write down that what was made for RECEIPT_NUMBER lies behind door LOCK of MACHINE, for its person to take."""

    async def work(conn: AsyncConnection) -> None:
        await lockers.fill(conn, kiosk_id, lock, receipt_number, department.key, clock.now(), by)

    try:
        at_database(dsn, work)
    except lockers.CannotFill as error:
        raise click.ClickException(f"{error}") from error
    click.echo(f"{kiosk_id} {lock}: filled")


@locker.command()
@NAME
@LOCK
@click.option("--still-there", is_flag=True, help="Looked into after a doubt: it lies there, and is given out again.")
@DSN
@BY
@TODAY
def empty(kiosk_id: str, lock: int, still_there: bool, dsn: str, by: str, clock: Clock) -> None:
    """Write down that door LOCK of MACHINE is empty: staff has taken out what lay there, or found that it is gone."""
    work = lockers.confirm if still_there else lockers.take
    if not at_database(dsn, lambda conn: work(conn, kiosk_id, lock, clock.now(), by)):
        raise click.ClickException(f"{kiosk_id} {lock}: nothing of that kind is written down; see hub locker list")
    click.echo(f"{kiosk_id} {lock}: {'filled' if still_there else 'empty'}")
