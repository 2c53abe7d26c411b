"""``hub payments``: what is paid and not ended, whose task that is, and the day's reconciliation."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import msgspec
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from rich.console import Console

from hub import events
from hub.machine_commands import BY, DSN, TODAY, at_database
from hub.payments import book
from hub.payments.acquirer import AcquirerAway, AcquirerRefuses, Bill, BillRow
from hub.payments.http_acquirer import load_acquirer
from hub.payments.reconcile import Balance, balance, own_rows
from hub.tables import Table
from hub.typed import SOMEBODY
from kiosk.clock import Clock, local
from kiosk.messages import foreign

_OWNER = "payment_owner"
_OPEN = """
    select order_no, item.state, service, item.amount_fen, coalesce(payment.paid_at, payment.made_at), item.reason
        from payment_item item join payment using (order_no)
        where item.state = 'refund_due' or (item.state = 'paid' and (payment.ended_at is null or filed))
    union all select order_no, 'task ' || id, what, 0, since, detail from payment_task where done_at is null
    order by 5"""


class OpenMoney(msgspec.Struct, frozen=True):
    """One thing that has no end yet; ``owner`` is who answers for it."""

    order: str
    state: str
    what: str
    amount_fen: int
    since: datetime
    detail: str
    owner: str


@click.group()
def payments() -> None:
    """Show what was paid and has no end yet, and balance a day with the acquirer."""


@payments.command("list")
@DSN
@click.option("--json", "as_json", is_flag=True, help="The table as JSON.")
@TODAY
def list_open(dsn: str, as_json: bool, clock: Clock) -> None:
    """Show money without an end and whose task it is. Exit code 3: a person must look into something."""
    del clock
    rows = at_database(dsn, open_money)
    if as_json:
        click.echo(msgspec.json.encode(rows))
    elif rows:
        table = Table("order", "state", "what", "yuan", "since", "why", "who", box=None)
        for row in rows:
            yuan = f"{row.amount_fen / 100:.2f}" if row.amount_fen else ""
            since = f"{local(row.since):%Y-%m-%d %H:%M}"
            table.add_row(row.order, row.state, row.what, yuan, since, row.detail, row.owner)
        Console(width=200).print(table)
    raise SystemExit(3 if any(row.state.startswith("task") for row in rows) else 0)


async def open_money(conn: AsyncConnection) -> list[OpenMoney]:
    """Everything that waits, the oldest first."""
    found = await (await conn.execute("select value from setting where name = %s", [_OWNER])).fetchone()
    owner = str(found[0]) if found else "nobody yet: hub payments owner NAME"
    rows = await conn.execute(_OPEN)
    return [OpenMoney(*row, owner=owner) for row in await rows.fetchall()]


@payments.command()
@click.argument("name", type=SOMEBODY)
@DSN
@BY
@TODAY
def owner(name: str, dsn: str, by: str, clock: Clock) -> None:
    """Say who answers for money without an end, such as the cashier of the hall."""

    async def keep(conn: AsyncConnection) -> None:
        await conn.execute(
            "insert into setting values (%s, %s) on conflict (name) do update set value = excluded.value",
            [_OWNER, Jsonb(name)],
        )
        await events.record(conn, clock.now(), actor=f"supervisor:{by}", kind=_OWNER, name=name)

    at_database(dsn, keep)
    click.echo(f"{name} answers for what hub payments list shows")


@payments.command()
@click.argument("task", type=int)
@DSN
@BY
@TODAY
def done(task: int, dsn: str, by: str, clock: Clock) -> None:
    """Say that a person has settled a task."""

    async def settle(conn: AsyncConnection) -> bool:
        rows = await conn.execute(
            "update payment_task set done_at = %s, done_by = %s where id = %s and done_at is null returning order_no",
            [clock.now(), by, task],
        )
        row = await rows.fetchone()
        if row:
            await events.record(conn, clock.now(), actor=f"supervisor:{by}", kind="payment_task_done", order=row[0])
        return row is not None

    if not at_database(dsn, settle):
        raise click.ClickException(f"there is no open task {task}; hub payments list shows them")
    click.echo(f"task {task} is done")


@payments.command()
@click.argument("order")
@click.option(
    "--case", "case_id", type=click.UUID, help="Only what it paid for this case; needed where it paid for several."
)
@click.option("--all", "is_all", is_flag=True, help="What it paid for all of its cases.")
@DSN
@BY
@TODAY
def back(order: str, case_id: UUID | None, is_all: bool, dsn: str, by: str, clock: Clock) -> None:
    """Pay back what an order has paid, such as for a case that was refused after all. The hub sees to the rest."""
    if case_id and is_all:
        raise click.UsageError("--case or --all, not both")

    async def owe(conn: AsyncConnection) -> int:
        found = await book.locked(conn, order)
        if found is None:
            raise click.ClickException(f"there is no order {order!r}; hub payments list shows those with a task")
        if found.paid_at is not None and found.ended_at is None:
            raise click.ClickException(f"the visit that paid {order} is not over; nothing was done, try again then")
        cases = [item.case_id for item in await book.items_of(conn, order)]
        if len(cases) > 1 and not (case_id or is_all):
            several = ", ".join(f"--case {each}" for each in cases)
            raise click.ClickException(f"{order} paid for several cases; nothing was done, say {several} or --all")
        return await book.pay_back(conn, found, str(case_id or ""), by, clock.now())

    fen = at_database(dsn, owe)
    if not fen:
        raise click.ClickException(f"nothing of {order} is here to be paid back: unpaid, or on its way back already")
    click.echo(
        f"{fen / 100:.2f} yuan of {order} go back to whoever paid; hub payments list shows it until they are there"
    )


@payments.command()
@click.argument("day", type=click.DateTime(["%Y-%m-%d"]))
@DSN
@click.option("--acquirer", required=True, type=click.Path(path_type=Path, exists=True), help="Its acquirer.toml.")
@click.option("--file", "path", type=click.Path(path_type=Path), help="Also write both books side by side (CSV).")
@click.option("--json", "as_json", is_flag=True, help="The balance as JSON.")
@TODAY
def reconcile(day: datetime, dsn: str, acquirer: Path, path: Path | None, as_json: bool, clock: Clock) -> None:
    """Balance a local day with the acquirer's bill, to the fen. Exit code 3: every difference stands in the table."""
    try:
        there = asyncio.run(_bill(acquirer, clock, day))
    except (OSError, ValueError, AcquirerAway, AcquirerRefuses) as error:
        raise click.ClickException(f"the acquirer's bill: {error}; nothing was compared, try again") from error
    here: list[BillRow] = at_database(dsn, lambda conn: own_rows(conn, day.date()))
    found = balance(day.date(), here, there.rows, there.unreadable)
    if path:
        _write_differences(path, here, there.rows)
    click.echo(msgspec.json.encode(_balance_as_json(found)) if as_json else _balance_words(found))
    raise SystemExit(3 if found.differences else 0)


async def _bill(settings: Path, clock: Clock, day: datetime) -> Bill:
    acquirer = load_acquirer(settings, clock)
    try:
        return await acquirer.bill(day.date())
    finally:
        await acquirer.aclose()


def _balance_words(found: Balance) -> str:
    lines = [f"{d.what} {d.kind} {d.number}: here {d.here_fen}, there {d.there_fen}" for d in found.differences]
    word = "balances" if not found.differences else f"{len(found.differences)} differences"
    total = f"{found.day}: {found.rows} movements, here {found.here_fen} fen, there {found.there_fen} fen, {word}"
    return "\n".join(map(foreign.printable, [*lines, total]))


def _balance_as_json(found: Balance) -> dict[str, Any]:
    return found._asdict() | {"differences": [each._asdict() for each in found.differences]}


def _write_differences(path: Path, here: list[BillRow], there: list[BillRow]) -> None:
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(("book", *BillRow._fields))
    head = out.getvalue().encode()
    rows.writerows((name, *map(_cell, row)) for name, book in (("hub", here), ("acquirer", there)) for row in book)
    try:
        foreign.write(path, [out.getvalue().encode()], own=head)
    except foreign.Refused as error:
        raise click.ClickException(str(error)) from error


def _cell(value: str | int) -> str | int:
    """A value that no table calculation takes for a formula: the acquirer's numbers are its own words."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
