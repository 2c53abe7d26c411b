"""``hub department serve``: one reference department as a process of its own."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

import click
import psycopg
from psycopg import AsyncConnection

from hub.connections import Connections, Limits
from hub.connector.client import RemoteDepartment
from hub.connector.server import Office, make_office_app, prepare_office
from hub.connector.wire import read_token
from hub.database import open_pool
from hub.department import Department, Person
from hub.departments import departments
from hub.machine_commands import DSN
from hub.running import address, listen, run
from kiosk.catalogue.kinds import any_kind
from kiosk.catalogue.loader import CatalogueError, load
from kiosk.messages.address import is_loopback_host

REMOTE = click.option(
    "--department", "remote", multiple=True, help="KEY=URL: a department that is a system of its own."
)
TOKEN = click.option(
    "--token-file", type=click.Path(path_type=Path, exists=True), help="File with the secret that hub and office share."
)


@click.command()
@DSN
@click.argument("key")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback; beyond it stands a TLS front.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one.")
@TOKEN
@click.option("--people", type=click.Path(path_type=Path, exists=True), help="People file of a demonstration.")
@click.option("--pace-s", type=float, default=0.0, hidden=True, help="How long it thinks about a case.")
def serve(
    dsn: str, key: str, host: str, port: int, token_file: Path | None, people: Path | None, pace_s: float
) -> None:
    """Serve one reference department on a PostgreSQL of its own."""
    if token_file is None:
        raise click.UsageError("--token-file is needed: nobody else may ask about people")
    if not is_loopback_host(host):
        raise click.UsageError("it listens on this computer alone; put a TLS front before it")
    department = _known(key)
    try:
        token, catalogue = read_token(token_file), load(type_of=any_kind)
        prepare_office(dsn, department)
        if people:
            asyncio.run(_seed(dsn, department, tomllib.loads(people.read_text("utf-8"))["person"]))
        listener = listen(host, port)
    except (OSError, ValueError, psycopg.Error, CatalogueError) as error:
        raise click.ClickException(f"{error}".strip()) from error
    office = Office(department, open_pool(dsn, max_size=6), catalogue, token, pace_s)

    async def ready() -> None:
        click.echo(f'{{"url": "{address(listener)}"}}')

    run(make_office_app(office), listener, ready, Connections(Limits()))


def _known(key: str) -> Department:
    if key not in departments():
        raise click.UsageError(f"no department {key!r}; there are {', '.join(departments())}")
    return departments()[key]


async def _seed(dsn: str, department: Department, people: list[Person]) -> None:
    async with await AsyncConnection.connect(dsn) as conn:
        await department.seed(conn, people)


def remote_departments(given: tuple[str, ...], token_file: Path | None) -> dict[str, RemoteDepartment]:
    """Departments that are asked over HTTP, of ``KEY=URL``. Raises ValueError, OSError."""
    if not given:
        return {}
    if token_file is None:
        raise ValueError("--department needs --token-file")
    found, token = {}, read_token(token_file)
    for each in given:
        key, found_url, url = each.partition("=")
        if not found_url or not key.isidentifier():
            raise ValueError(f"--department {each}: write KEY=URL, as passports=https://…")
        found[key] = RemoteDepartment(key, url, token)
    return found
