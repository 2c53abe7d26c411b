"""``hub demo``: synthetic people on a PostgreSQL of our own. Part of tongban-bench: a hub at work does not carry it."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path

import click
import psycopg

from hub.connections import Connections, Limits
from hub.connector.command import REMOTE, TOKEN, remote_departments
from hub.database import prepare
from hub.demo import PEOPLE, demo_extras, seed
from hub.enrolment_codes import add_code
from hub.keys import load_or_make_keys
from hub.one_line import no_password
from hub.payments.http_acquirer import load_acquirer
from hub.postgres import OwnPostgres, PostgresError
from hub.running import address, listen, run
from hub.server import make_app, make_hub
from hub.serving_commands import PORT, say
from hub.sms import Shelf
from kiosk.catalogue.loader import CatalogueError
from kiosk.clock import Clock

DEMO_DAY = "2027-01-12"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=0, show_default=True, help="0 takes a free one.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder for keys and database; else a temporary one.")
@click.option("--people", type=click.Path(path_type=Path, exists=True), default=PEOPLE, help="People file.")
@click.option("--made-up", type=click.IntRange(0, 100_000), default=0, help="So many more people, of every age.")
@click.option("--today", default=DEMO_DAY, show_default=True, help="The wall date of the demonstration.")
@click.option("--dsn", callback=no_password, help="A PostgreSQL that is there, instead of our own.")
@click.option("--acquirer", type=click.Path(path_type=Path, exists=True), help="acquirer.toml of who takes the money.")
@REMOTE
@TOKEN
def demo(
    host: str,
    port: int,
    data: Path | None,
    people: Path,
    made_up: int,
    today: str,
    dsn: str | None,
    acquirer: Path | None,
    remote: tuple[str, ...],
    token_file: Path | None,
) -> None:
    """Serve synthetic people on a PostgreSQL of our own, with faults on a switch."""
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tongban-hub-")))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            hub_keys = load_or_make_keys(folder / "keys")
            place = dsn or stack.enter_context(OwnPostgres(folder / "postgres")).dsn
            prepare(place)
            listener = listen(host, port)
            extras = replace(demo_extras(people, made_up), warms=acquirer is not None)
            clock = Clock(date.fromisoformat(today))
            money = load_acquirer(acquirer, clock, address(listener)) if acquirer else None
            offices = remote_departments(remote, token_file)
            hub = make_hub(place, hub_keys, clock, extras, acquirer=money, remote=offices, sms=Shelf())
        except (OSError, ValueError, psycopg.Error, PostgresError, CatalogueError) as error:
            raise click.ClickException(f"{error}".strip()) from error

        async def ready() -> None:
            await seed(hub, people, made_up=made_up)
            async with hub.pool.connection() as conn:
                fresh = await add_code(conn, hub.clock.now(), None)
            say(url=address(listener), **hub_keys.public(), people=str(people), enrolment_code=fresh, dsn=place)

        run(make_app(hub, extras), listener, ready, Connections(Limits()))
