"""``hub catalogue``: which catalogue the hub judges by and gives to machines."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console

from hub import published
from hub.keys import load_keys
from hub.machine_commands import BY, DSN, TODAY, at_database
from hub.tables import Table
from kiosk.catalogue.loader import CatalogueError
from kiosk.clock import Clock, local
from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.foreign import printable
from kiosk.messages.suites import DEFAULT, SUITES


@click.group("catalogue")
def catalogue() -> None:
    """Put a signed catalogue into force, and show those that were."""


@catalogue.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--keys", required=True, type=click.Path(path_type=Path, exists=True), help="Folder of the hub's keys.")
@click.option("--suite", type=click.Choice(list(SUITES)), default=DEFAULT, show_default=True, help="Of its signature.")
@click.option(
    "--base",
    type=click.Path(path_type=Path),
    help="Of a city's overlay: the catalogue under it (default: the shipped).",
)
@DSN
@BY
@TODAY
def publish(folder: Path, keys: Path, suite: str, base: Path | None, dsn: str, by: str, clock: Clock) -> None:
    """Let departments judge by FOLDER and machines fetch it, from now on and without a restart.

    It must be signed with a key of this hub (kiosk catalogue sign) and have no mistakes (kiosk catalogue check).
    Of a city's overlay, what it makes of the catalogue under it comes into force, as one.
    """
    try:
        hub_keys = load_keys(keys)
        known = [hub_keys.verify_key(suite), *hub_keys.former_verify_keys(suite)]
        version = at_database(dsn, lambda conn: published.publish(conn, folder, {suite: known}, clock.now(), by, base))
    except (OSError, CatalogueError, InvalidMessage) as error:
        raise click.ClickException(f"{error}".strip()) from error
    click.echo(printable(f"catalogue {version} is in force"))


@catalogue.command("list")
@DSN
@click.option("--json", "as_json", is_flag=True, help="The table as JSON.")
def list_(dsn: str, as_json: bool) -> None:
    """Show what was published, newest first; the first is in force."""
    rows = at_database(dsn, published.history)
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    table = Table("number", "version", "published", "by", box=None)
    for row in rows:
        table.add_row(str(row["number"]), row["version"], f"{local(row['at']):%Y-%m-%d %H:%M}", row["by"])
    Console().print(table)
