"""The ``hub`` command."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import ipaddress
import logging
import os
import signal
import sys
from pathlib import Path

import click
import msgspec
import psycopg
import structlog
from rich.console import Console
from rich.table import Table

from hub.api.strangers import Doors
from hub.batch_folder import LOOK_S, Folder, Handled, told, unless
from hub.batch_folder import exit_code as exit_of_files
from hub.catalogue_commands import catalogue
from hub.connections import Connections, Limits
from hub.connector.command import TOKEN, remote_departments
from hub.context import Hub
from hub.database import prepare
from hub.delivery_commands import post
from hub.department_commands import department
from hub.ended_keys import Leave
from hub.gaps import Finding, findings
from hub.key_commands import keys as keys_command
from hub.keys import load_keys, load_or_make_keys
from hub.locker_commands import locker
from hub.machine_commands import BY, clock_of, code, machine
from hub.one_line import DSN_HELP, OneLineGroup, no_password
from hub.payment_commands import payments
from hub.payments.http_acquirer import load_acquirer
from hub.place_commands import places
from hub.question_commands import limits, questions
from hub.restore import Row, exit_code
from hub.restore import restore as restore_files
from hub.running import Certificate, address, listen, run, tls_context
from hub.server import Extras, make_app, make_hub
from hub.slots.command import slots
from hub.sms import load_sms
from hub.typed import MACHINE
from kiosk.catalogue.loader import CatalogueError
from kiosk.clock import Clock, local
from kiosk.messages.address import is_loopback_host
from kiosk.messages.ours import read_ours

DEMO_DAY = "2027-01-12"
PORT = click.IntRange(0, 65535)
TLS_FILE_BYTES = 1024 * 1024


class Address(click.ParamType):
    """An IP address, in its one form."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            self.fail(f"{value} is no IP address", param, ctx)


ADDRESS = Address()


class _WithDemo(OneLineGroup):
    """``hub demo`` is there where tongban-bench is."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *(["demo"] if _has_demo() else [])])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "demo":
            return super().get_command(ctx, cmd_name)
        if not _has_demo():
            raise click.ClickException("hub demo is not on a hub at work; tongban-bench brings it")
        return importlib.import_module("hub.demo_command").demo


def _has_demo() -> bool:
    return importlib.util.find_spec("hub.demo_command") is not None


@click.group(cls=_WithDemo)
def main() -> None:
    """Run the city side: the inbox of all machines and the way to the departments."""
    structlog.configure(
        # What strangers' requests end with is for who looks for a fault: it would fill the log for them.
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    logging.basicConfig(level=logging.ERROR)


main.add_command(code)
main.add_command(machine)
main.add_command(questions)
main.add_command(limits)
main.add_command(places)
main.add_command(keys_command)
main.add_command(catalogue)
main.add_command(payments)
main.add_command(slots)
main.add_command(post)
main.add_command(locker)
main.add_command(department)


@main.command()
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
@click.option("--department", "remote", multiple=True, help="KEY=URL: a department that is a system of its own.")
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


@main.command()
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
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    handled: list[Handled] = []
    async with hub.pool, hub.jobs.open_async():
        if not once:
            say(folder=str(folder.path))
        while not stop.is_set():
            found = await unless(stop, folder.handle_all())
            if found is None:
                return 3 if once else 0
            handled = found
            for each in handled:
                click.echo(msgspec.json.encode(told(*each)))
            if once and folder.trouble:
                raise click.ClickException(f"{folder.path}: {folder.trouble}")
            if once:
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_S)
    return exit_of_files(handled) if once else 0


@main.command()
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


@main.command()
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


def say(**facts: str) -> None:
    line = {"ready": True, **facts, "pid": os.getpid()}
    click.echo(msgspec.json.encode(line))


if __name__ == "__main__":
    main()
