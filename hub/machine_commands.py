"""``hub code`` and ``hub machine``: which machines may speak for the city's halls, and until when."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any, TypeVar

import click
import msgspec
import psycopg
from psycopg import AsyncConnection
from rich.console import Console

from hub import fleet
from hub.database import prepare
from hub.enrolment_codes import add_code
from hub.machine_keys import is_known
from hub.one_line import DSN_HELP, no_password
from hub.tables import Table
from hub.typed import MACHINE, SOMEBODY
from kiosk.clock import LOCAL, Clock, local

T = TypeVar("T")
DSN = click.option("--dsn", required=True, envvar="TONGBAN_HUB_DSN", callback=no_password, help=DSN_HELP)
BY = click.option(
    "--by", type=SOMEBODY, default=getpass.getuser, show_default="this user", help="Who decides; the event names them."
)
TODAY = click.option(
    "--today", "clock", hidden=True, help="The wall date of a demonstration.", callback=lambda _, __, day: clock_of(day)
)
NAME = click.argument("kiosk_id", metavar="MACHINE", type=MACHINE)


def clock_of(today: str | None) -> Clock:
    """The wall clock, or that of a demonstration."""
    return Clock(date.fromisoformat(today) if today else None)


def at_database(dsn: str, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """What ``work`` does in one transaction; a failure is one line."""

    async def run() -> T:
        async with await AsyncConnection.connect(dsn, autocommit=True) as conn, conn.transaction():
            return await work(conn)

    try:
        prepare(dsn)
        return asyncio.run(run())
    except (psycopg.Error, fleet.CannotBe) as error:
        raise click.ClickException(f"{error}".strip()) from error


@click.command()
@DSN
@click.option("--machine", "kiosk_id", type=MACHINE, required=True, help="Name of the machine ([machine] id).")
@click.option("--replace", "replaces", is_flag=True, help="Another store may take the place of the enrolled one.")
@click.option("--valid-days", type=click.IntRange(1, 3660), help="How long the key is good; else until it is ended.")
@TODAY
def code(dsn: str, kiosk_id: str, replaces: bool, valid_days: int | None, clock: Clock) -> None:
    """Make an enrolment code for one machine and print it: good once, for 24 hours."""

    async def make(conn: AsyncConnection) -> tuple[str, bool]:
        fresh = await add_code(conn, clock.now(), kiosk_id, replaces=replaces, valid_days=valid_days)
        return fresh, await is_known(conn, kiosk_id)

    fresh, known = at_database(dsn, make)
    if known and not replaces:
        click.echo(f"{kiosk_id} is enrolled: only its present store can use this code; see --replace", err=True)
    click.echo(fresh)


@click.group()
def machine() -> None:
    """Show the machines, and end or give back what they may sign."""


@machine.command("list")
@DSN
@click.option("--json", "as_json", is_flag=True, help="The table as JSON.")
@TODAY
def list_machines(dsn: str, as_json: bool, clock: Clock) -> None:
    """Show every machine: its state, since when, until when. Exit code 3: the last column asks for a person."""
    rows = at_database(dsn, lambda conn: fleet.machines(conn, clock.now()))
    if as_json:
        click.echo(msgspec.json.encode(rows))
    else:
        table = Table("machine", "number", "state", "enrolled", "seen", "valid to", "trouble", box=None)
        for row in rows:
            times = [f"{local(at):%Y-%m-%d %H:%M}" if at else "" for at in (row.enrolled_at, row.seen_at, row.valid_to)]
            table.add_row(row.kiosk_id, f"{row.number:04}", row.state, *times, row.trouble)
        Console().print(table)
    raise SystemExit(3 if any(row.trouble for row in rows) else 0)


def _moment(_: click.Context, __: click.Parameter, typed: datetime | None) -> datetime | None:
    return typed.replace(tzinfo=LOCAL) if typed else None


@machine.command()
@NAME
@DSN
@BY
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%d"]),
    callback=_moment,
    help="When the machine was lost (local time); else now. Nothing that says to be younger can ever come in.",
)
@TODAY
def revoke(kiosk_id: str, dsn: str, by: str, since: datetime | None, clock: Clock) -> None:
    """End the keys of a machine at once: nothing that it signs counts any more, by network, file or paper.

    Once more with an earlier --since, when it turns out that it was lost before: of two ends the earlier counts.
    """

    async def end(conn: AsyncConnection) -> int:
        return await fleet.revoke(conn, kiosk_id, clock.now(), by=by, since=since)

    _ended(at_database(dsn, end), f"{kiosk_id} signs nothing any more; hub machine restore {kiosk_id} takes it back")


@machine.command()
@NAME
@DSN
@BY
@TODAY
def restore(kiosk_id: str, dsn: str, by: str, clock: Clock) -> None:
    """Make the revoked key of a machine good again, when it was found and nobody had it in hand.

    A key that was made with an end keeps it.
    """

    async def give_back(conn: AsyncConnection) -> int:
        return await fleet.restore(conn, kiosk_id, clock.now(), by=by)

    _ended(at_database(dsn, give_back), f"{kiosk_id} may sign again, until its key ends by itself if it does")


@machine.command("accept-audit")
@NAME
@DSN
@BY
@TODAY
def accept_audit(kiosk_id: str, dsn: str, by: str, clock: Clock) -> None:
    """Say that a person has looked at an audit chain that was cut or written anew: it counts from now on as it is."""
    at_database(dsn, lambda conn: fleet.accept_audit(conn, kiosk_id, clock.now(), by=by))
    click.echo(f"{kiosk_id}: what its next heartbeat says of its audit chain is believed")


def _ended(count: Any, said: str) -> None:
    click.echo(f"{said} ({count} key{'s' if count != 1 else ''})")
