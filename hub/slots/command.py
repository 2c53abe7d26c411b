"""``hub slots``: the counters' hours, and who comes on a day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import click
import msgspec
from psycopg import AsyncConnection
from rich.console import Console

from hub.machine_commands import BY, DSN, TODAY, at_database
from hub.slots.plan import Plan, plan_of, read, set_plan, written
from hub.tables import Table
from kiosk.clock import LOCAL, Clock, local
from kiosk.messages import foreign
from kiosk.messages.text_file import NotText, text_of

_PLAN_BYTES = 256 * 1024
_OF_DAY = """
    select begins_at, counter, ticket, appointment.service, coalesce(masked_name, ''), coalesce(receipt_number, '')
        from appointment left join case_file on case_file.key = appointment.key
        where appointment.state = 'kept' and begins_at >= %s and begins_at < %s order by begins_at, counter, ticket"""


class Coming(msgspec.Struct, frozen=True):
    """Somebody who has an appointment; the name is masked."""

    begins_at: datetime
    counter: str
    ticket: str
    service: str
    name: str
    receipt_number: str


@click.group()
def slots() -> None:
    """Show who comes to the counters, and set their hours."""


@slots.command("list")
@click.argument("day", required=False)
@DSN
@click.option("--json", "as_json", is_flag=True, help="The table as JSON.")
@TODAY
def list_day(day: str | None, dsn: str, as_json: bool, clock: Clock) -> None:
    """Show the appointments of DAY (2027-01-14), by default of today, in the order of their times."""
    try:
        on = date.fromisoformat(day) if day else clock.today()
    except ValueError as error:
        raise click.UsageError(f"{day} is no day; write it as 2027-01-14") from error
    if on == date.max:
        raise click.UsageError(f"{day} is the last day that there is")
    begin = datetime.combine(on, datetime.min.time(), tzinfo=LOCAL)

    async def look(conn: AsyncConnection) -> list[Coming]:
        rows = await conn.execute(_OF_DAY, [begin, begin + timedelta(days=1)])
        return [Coming(*row) for row in await rows.fetchall()]

    rows = at_database(dsn, look)
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    table = Table("time", "counter", "number", "service", "name", "receipt number", box=None)
    for row in rows:
        table.add_row(f"{local(row.begins_at):%H:%M}", *msgspec.structs.astuple(row)[1:])
    Console(width=None if rows else 40).print(table if rows else f"nobody has an appointment on {on}")


@slots.command("plan")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@DSN
@BY
@TODAY
def plan(file: Path | None, dsn: str, by: str, clock: Clock) -> None:
    """Set the counters' hours from FILE; without one, show those in force. What was given out stays given out."""
    if file is None:
        click.echo(written(at_database(dsn, plan_of)), nl=False)
        return
    wanted = _read_plan(file)
    at_database(dsn, lambda conn: set_plan(conn, wanted, clock.now(), by))
    click.echo(f"{len(wanted.counters)} counters, {wanted.open_days} working days ahead")


def _read_plan(file: Path) -> Plan:
    try:
        return read(text_of(file, foreign.read(file, _PLAN_BYTES)).encode())
    except NotText as error:
        raise click.ClickException(str(error)) from error
    except (foreign.Refused, ValueError) as error:  # msgspec's errors are ValueErrors
        raise click.ClickException(f"{file}: {error}; correct it, the hours in force stay") from error
