"""``hub gaps``: numbers of machines that are missing."""

from __future__ import annotations

import asyncio
import sys

import click
import msgspec
import psycopg
from rich.console import Console

from hub.database import prepare
from hub.gaps import Finding, findings
from hub.machine_commands import clock_of
from hub.one_line import DSN_HELP, no_password
from hub.tables import Table
from kiosk.clock import local


@click.command()
@click.option("--dsn", required=True, envvar="TONGBAN_HUB_DSN", callback=no_password, help=DSN_HELP)
@click.option("--json", "as_json", is_flag=True, help="The table as JSON.")
@click.option("--today", help="The wall date of a demonstration.", hidden=True)
def gaps(dsn: str, as_json: bool, today: str | None) -> None:
    """Show which numbers of which machine are missing, and where its chain is broken.

    Exit code 0: nothing; 3: the table says what a person must look into.
    """

    async def look() -> list[Finding]:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
            return await findings(conn, clock_of(today).now())

    try:
        prepare(dsn)
        found = asyncio.run(look())
    except (ValueError, psycopg.Error) as error:
        raise click.ClickException(f"{error}".strip()) from error
    if as_json:
        click.echo(msgspec.json.encode([each._asdict() for each in found]))
    elif found:
        table = Table("machine", "chain", "what", "since", box=None)
        for each in found:
            table.add_row(each.kiosk_id, str(each.chain), each.what, f"{local(each.since):%Y-%m-%d %H:%M}")
        Console().print(table)
    sys.exit(3 if found else 0)
