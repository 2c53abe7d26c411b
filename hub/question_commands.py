"""``hub questions`` and ``hub limits``: what machines asked about people, and how much they may."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click
import msgspec
from psycopg import AsyncConnection
from rich.console import Console

from hub import fleet, question_log
from hub.keys import load_keys
from hub.machine_commands import BY, DSN, TODAY, at_database
from hub.question_log import Limits, LoggedQuestion
from hub.tables import Table
from hub.typed import CARD_NUMBER, MACHINE
from kiosk.clock import Clock, local


@click.command()
@DSN
@click.option("--machine", "kiosk_id", type=MACHINE, help="Of this machine only.")
@click.option("--person", is_flag=True, help="About one person; asks for the ID number, which no command line holds.")
@click.option("--keys", type=click.Path(path_type=Path, exists=True), help="Folder of the hub's keys, with --person.")
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="How far back.")
@click.option("--json", "as_json", is_flag=True, help="The table as JSON.")
@TODAY
def questions(
    dsn: str, kiosk_id: str | None, person: bool, keys: Path | None, days: int, as_json: bool, clock: Clock
) -> None:
    """Show who asked about whom, when and in which visit."""
    if person and keys is None:
        raise click.UsageError("--person needs --keys")
    ref = load_keys(keys).person_ref(_asked_number()) if person and keys else None

    async def look(conn: AsyncConnection) -> list[LoggedQuestion]:
        if kiosk_id:
            await fleet.require_known(conn, kiosk_id)
        since = clock.now() - timedelta(days)
        return await question_log.logged(conn, kiosk_id=kiosk_id, person_ref=ref, since=since)

    rows = at_database(dsn, look)
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    table = Table("when", "machine", "visit", "asked", "person", "", box=None)
    for row in rows:
        refused = "refused" if row.refused else ""
        when = f"{local(row.at):%Y-%m-%d %H:%M:%S}"
        table.add_row(when, row.kiosk_id, row.visit or "(older machine)", row.kind, row.person_ref[:12], refused)
    Console().print(table)


def _asked_number() -> str:
    # Never repeated by what refuses it: a number that was mistyped is somebody's too.
    return click.prompt("ID number", hide_input=True, err=True, type=CARD_NUMBER)


@click.command()
@DSN
@BY
@click.option("--questions-per-visit", type=int, help="More are refused.")
@click.option("--persons-per-hour", type=int, help="About how many one machine may ask in an hour.")
@click.option("--lookups-per-hour", type=int, help="Addresses, names or fines that one machine may look up in an hour.")
@click.option("--alarm-at-persons", type=int, help="At how many in an hour there is an alarm.")
@click.option("--opens", help="Before this time of day (HH:MM) a question is an alarm.")
@click.option("--closes", help="From this time of day on too; the same as --opens: never.")
@TODAY
def limits(dsn: str, by: str, clock: Clock, **wanted: int | str | None) -> None:
    """Show, or set, how much machines may ask about people."""
    changed = {name: value for name, value in wanted.items() if value is not None}

    async def look(conn: AsyncConnection) -> Limits:
        now = await question_log.limits(conn)
        if changed:
            now = msgspec.structs.replace(now, **changed)
            await question_log.set_limits(conn, now, clock.now(), by)
        return now

    try:
        found = at_database(dsn, look)
    except msgspec.ValidationError as error:
        raise click.ClickException(f"not a limit: {error}; times are HH:MM, counts 1 or more") from error
    click.echo(msgspec.json.format(msgspec.json.encode(found)))
