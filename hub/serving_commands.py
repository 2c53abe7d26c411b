"""``hub serve``, ``hub files``, ``hub restore``: what takes cases in."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import sys
from pathlib import Path

import click
import msgspec
import psycopg
from rich.console import Console

from hub.api.strangers import Doors
from hub.batch_folder import LOOK_S, Folder, Handled, told, unless
from hub.batch_folder import exit_code as exit_of_files
from hub.connections import Connections, Limits
from hub.connector.command import REMOTE, TOKEN, remote_departments
from hub.context import Hub
from hub.database import prepare
from hub.ended_keys import Leave
from hub.keys import load_keys, load_or_make_keys
from hub.machine_commands import BY, clock_of
from hub.one_line import DSN_HELP, no_password
from hub.payments.http_acquirer import load_acquirer
from hub.restore import Row, exit_code
from hub.restore import restore as restore_files
from hub.running import Certificate, address, listen, run, tls_context
from hub.server import Extras, make_app, make_hub
from hub.sms import load_sms
from hub.stopping import Stop
from hub.tables import Table
from hub.typed import MACHINE
from kiosk.catalogue.loader import CatalogueError
from kiosk.clock import Clock
from kiosk.messages.address import is_loopback_host, one_form
from kiosk.messages.ours import read_ours

PORT = click.IntRange(0, 65535)
TLS_FILE_BYTES = 1024 * 1024


class Address(click.ParamType):
    """An IP address, in its one form."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return one_form(str(ipaddress.ip_address(value)))
        except ValueError:
            self.fail(f"{value} is no IP address", param, ctx)


ADDRESS = Address()


@click.command()
@click.option("--dsn", required=True, envvar="TONGBAN_HUB_DSN", callback=no_password, help=DSN_HELP)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=8443, show_default=True, help="0 takes a free one.")
@click.option("--keys", required=True, type=click.Path(path_type=Path), help="Folder of the hub's keys.")
@click.option("--make-keys", is_flag=True, help="Make the keys that are missing.")
@click.option("--name", "names", multiple=True, help="host[:port] by which machines know this hub; others are refused.")
@click.option("--tls-cert", type=click.Path(path_type=Path, exists=True), help="Certificate chain (PEM).")
@click.option("--tls-key", type=click.Path(path_type=Path, exists=True), help="Its private key (PEM).")
@click.option("--behind", type=ADDRESS, multiple=True, help="Address from which a TLS front brings requests.")
@click.option("--monitor", type=ADDRESS, multiple=True, help="Address that may read /metrics and /schema.")
@click.option("--acquirer", type=click.Path(path_type=Path, exists=True), help="acquirer.toml of who takes the money.")
@click.option("--connections", type=click.IntRange(64), default=Limits().in_all, show_default=True, help="In all.")
@click.option("--connections-by-address", type=click.IntRange(8), default=Limits().by_address, show_default=True)
@REMOTE
@click.option("--sms", help="Entry point (tongban.sms) of the gateway that sends text messages.")
@TOKEN
def serve(
    dsn: str,
    host: str,
    port: int,
    keys: Path,
    make_keys: bool,
    names: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    behind: tuple[str, ...],
    monitor: tuple[str, ...],
    acquirer: Path | None,
    connections: int,
    connections_by_address: int,
    remote: tuple[str, ...],
    sms: str | None,
    token_file: Path | None,
) -> None:
    """Serve on a PostgreSQL that is there."""
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    if tls_cert is None and not behind and not is_loopback_host(host):
        raise click.ClickException(f"{host} is beyond this computer: give --tls-cert and --tls-key, or --behind FRONT")
    guard = Connections(Limits(in_all=connections, by_address=connections_by_address), frozenset(behind))
    try:
        for file in (tls_cert, tls_key):
            if file:
                read_ours(file, TLS_FILE_BYTES)
        tls = tls_context(Certificate(tls_cert, tls_key)) if tls_cert and tls_key else None
        hub_keys = load_or_make_keys(keys) if make_keys else load_keys(keys)
        prepare(dsn)
        listener = listen(host, port)
        own_url, clock = address(listener, tls=tls is not None), Clock()
        money = load_acquirer(acquirer, clock, own_url) if acquirer else None
        offices = remote_departments(remote, token_file)
        hub = make_hub(dsn, hub_keys, clock, Extras(), names, money, offices, load_sms(sms) if sms else None)
    except (OSError, ValueError, psycopg.Error, CatalogueError) as error:
        raise click.ClickException(f"{error}".strip()) from error

    async def ready() -> None:
        say(url=own_url, **hub_keys.public())

    run(make_app(hub, Extras(), Doors(frozenset(behind), frozenset(monitor))), listener, ready, guard, tls)


@click.command()
@click.option("--dsn", required=True, envvar="TONGBAN_HUB_DSN", callback=no_password, help=DSN_HELP)
@click.option("--keys", required=True, type=click.Path(path_type=Path), help="Folder of the hub's keys.")
@click.option("--folder", required=True, type=click.Path(path_type=Path), help="Exchange folder.")
@click.option("--once", is_flag=True, help="Take what is there and end; exit code 0 all, 3 partly, 1 none.")
@click.option("--today", help="The wall date of a demonstration.", hidden=True)
def files(dsn: str, keys: Path, folder: Path, once: bool, today: str | None) -> None:
    """Take envelopes from batch files and answer by file; one JSON line tells what became of each file."""
    try:
        hub_keys = load_keys(keys)
        prepare(dsn)
        hub = make_hub(dsn, hub_keys, clock_of(today), Extras())
        sys.exit(asyncio.run(_serve_files(hub, Folder(hub, folder), once=once)))
    except (OSError, psycopg.Error, CatalogueError) as error:
        raise click.ClickException(f"{error}".strip()) from error


async def _serve_files(hub: Hub, folder: Folder, *, once: bool) -> int:
    stop, end = asyncio.Event(), Stop()

    def asked() -> None:
        end.begin()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked)
    handled: list[Handled] = []
    async with hub.pool, hub.jobs.open_async():
        if not once:
            say(folder=str(folder.path))
        while not stop.is_set():
            found = await unless(stop, _told_each(folder))
            if found is None:
                return 3 if once else 0
            handled = found
            if once and folder.trouble:
                raise click.ClickException(f"{folder.path}: {folder.trouble}")
            if once:
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_S)
    return exit_of_files(handled) if once else 0


async def _told_each(folder: Folder) -> list[Handled]:
    """One look at the folder; each file is told when it is done."""
    found = []
    async with contextlib.aclosing(folder.handled()) as handled:
        async for each in handled:
            found.append(each)
            click.echo(msgspec.json.encode(told(*each)))
    return found


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--ended", type=MACHINE, multiple=True, help="Machine whose key has ended: what it sealed before that may come in."
)
@BY
@click.option("--dsn", required=True, envvar="TONGBAN_HUB_DSN", callback=no_password, help=DSN_HELP)
@click.option("--keys", required=True, type=click.Path(path_type=Path, exists=True), help="Folder of the hub's keys.")
@click.option("--json", "as_json", is_flag=True, help="The table as JSON.")
@click.option("--today", help="The wall date of a demonstration.", hidden=True)
def restore(
    files: tuple[Path, ...], ended: tuple[str, ...], by: str, dsn: str, keys: Path, as_json: bool, today: str | None
) -> None:
    """Take in cases from photographs of their slips, or from batch files, when the machine that filed them is lost.

    What was signed by a key that was revoked or replaced comes in only with --ended MACHINE, by a supervisor's word.

    Exit code 0: every slip is in the inbox; 3: some are, the table says what to do for the others; 1: none is.
    """

    async def take_in() -> list[Row]:
        hub = make_hub(dsn, load_keys(keys), clock_of(today), Extras())
        async with hub.pool, hub.jobs.open_async():
            return await restore_files(hub, files, Leave(frozenset(ended), by))

    try:
        prepare(dsn)
        rows = asyncio.run(take_in())
    except (OSError, ValueError, psycopg.Error, CatalogueError) as error:
        raise click.ClickException(f"{error}".strip()) from error
    if as_json:
        click.echo(msgspec.json.encode([row._asdict() for row in rows]))
    else:
        table = Table("slip", "result", "why", box=None)
        for row in rows:
            table.add_row(row.slip, row.taken.value, row.why)
        Console().print(table)
    sys.exit(exit_code(rows))


def say(**facts: str) -> None:
    line = {"ready": True, **facts, "pid": os.getpid()}
    click.echo(msgspec.json.encode(line))
