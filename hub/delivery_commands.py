"""``hub post``: what waits for the post, the address of one label, and the post's number."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from psycopg import AsyncConnection
from rich.console import Console

from hub import delivery, events, parcels
from hub.keys import HubKeys, load_keys
from hub.machine_commands import BY, DSN, TODAY, at_database
from hub.tables import Table
from hub.typed import POST_NUMBER
from hub.work import make_jobs, tell_posted_later
from kiosk.clock import Clock, local
from kiosk.messages.content import FORM_PART, Delivery, PostAddress, decode_content
from kiosk.messages.encoding import InvalidMessage, decode_json
from kiosk.messages.envelope import parse_header
from kiosk.messages.foreign import printable
from kiosk.messages.seal import SealBroken, unseal

KEY = click.argument("key", type=click.UUID)


@click.group()
def post() -> None:
    """Show what is to be posted, print the address of one, and note what the post has."""


@post.command("list")
@DSN
@click.option("--json", "as_json", is_flag=True, help="The table as JSON.")
@TODAY
def list_waiting(dsn: str, as_json: bool, clock: Clock) -> None:
    """Show what waits for the post, what is ready first; addresses are masked."""
    del clock
    rows = at_database(dsn, delivery.waiting)
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    table = Table("key", "receipt number", "service", "state", "name", "to", "since", box=None)
    for row in rows:
        table.add_row(*row[:6], f"{local(row.since):%Y-%m-%d %H:%M}")
    Console(width=200).print(table if rows else "nothing is to be posted")


@post.command()
@KEY
@DSN
@BY
@click.option("--keys", "folder", type=click.Path(path_type=Path, exists=True), required=True, help="The hub's keys.")
@TODAY
def label(key: object, dsn: str, by: str, folder: Path, clock: Clock) -> None:
    """Open the address of KEY for its label. Who opened it is written down."""
    keys = load_keys(folder)

    async def open_one(conn: AsyncConnection) -> PostAddress | None:
        if str(key) not in [row.key for row in await delivery.waiting(conn)]:
            return None
        await events.record(conn, clock.now(), actor=f"officer:{by}", kind="address_opened", key=str(key))
        return (await _content(conn, keys, str(key))).to

    try:
        to = at_database(dsn, open_one)
    except (SealBroken, InvalidMessage) as error:
        raise click.ClickException(f"{key}: cannot be opened with these keys ({error})") from error
    if to is None:
        raise click.ClickException(f"{key}: nothing waits for the post under it; see hub post list")
    click.echo("\n".join(map(printable, (to.name, to.phone, to.address))))


async def _content(conn: AsyncConnection, keys: HubKeys, key: str) -> Delivery:
    rows = await conn.execute("select header from envelope where key = %s", [key])
    (header_bytes,) = await rows.fetchone() or (b"",)
    header = parse_header(decode_json(header_bytes))
    part = next(part for part in header.parts if part.name == FORM_PART)
    sealed = await parcels.content(conn, part.sha256)
    place = {"kiosk_id": header.kiosk_id, "key": header.key, "part": FORM_PART, "suite": header.suite}
    plain = keys.open_with(header.suite, lambda private: unseal(sealed, private, **place))
    found = decode_content(header.kind, plain)
    if not isinstance(found, Delivery):
        raise InvalidMessage("header.kind", "no delivery")
    return found


@post.command()
@KEY
@click.argument("tracking", type=POST_NUMBER)
@DSN
@BY
@TODAY
def sent(key: object, tracking: str, dsn: str, by: str, clock: Clock) -> None:
    """Note that the post has KEY, under its number TRACKING: its case is collected, and nobody waits for its person."""

    async def note(conn: AsyncConnection) -> bool:
        if not await delivery.sent(conn, str(key), tracking, clock.now(), by):
            return False
        await tell_posted_later(make_jobs(dsn), conn, str(key))
        return True

    if not at_database(dsn, note):
        raise click.ClickException(f"{key}: is not ready for the post (decided and waiting); see hub post list")
    click.echo(f"sent under {tracking}")
