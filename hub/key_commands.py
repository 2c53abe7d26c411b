"""``hub keys``: which pairs the hub has, a new one, and the end of a former one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click
import msgspec
from psycopg import AsyncConnection
from rich.console import Console

from hub import events
from hub import keys as hub_keys
from hub.fleet import CannotBe, machines_by_hub_key
from hub.machine_commands import BY, DSN, TODAY, at_database
from hub.tables import Table
from kiosk.clock import Clock
from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.suites import DEFAULT, SUITES

FOLDER = click.option(
    "--keys", "folder", required=True, type=click.Path(path_type=Path, exists=True), help="Their folder."
)


@click.group("keys")
def keys() -> None:
    """Show the hub's keys, change them, and end former ones (docs/hub-api.md, When a key of the hub leaks)."""


@keys.command("list")
@FOLDER
@DSN
@click.option("--json", "as_json", is_flag=True, help="The table as JSON.")
def list_keys(folder: Path, dsn: str, as_json: bool) -> None:
    """Show every pair: what it still does, and how many machines check by it."""
    counts = at_database(dsn, machines_by_hub_key)
    rows = [
        {"id": pair.id, "suite": suite, "use": _use(pair, pairs), "machines": counts[pair.id]}
        for suite, pairs in hub_keys.load_keys(folder).pairs.items()
        for pair in pairs
    ]
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    table = Table("key", "suite", "use", "machines", box=None)
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)


def _use(pair: hub_keys.Pair, pairs: list[hub_keys.Pair]) -> str:
    if pair is pairs[-1]:
        return "present"
    return "former: opens, signs for machines that know no other" if pair.sign else "retired: opens only"


@keys.command()
@FOLDER
@DSN
@BY
@click.option("--suite", type=click.Choice(list(SUITES)), default=DEFAULT, show_default=True)
@TODAY
def new(folder: Path, dsn: str, by: str, suite: str, clock: Clock) -> None:
    """Make a new pair; machines hear of it with their next heartbeat, signed by the key that they know."""
    try:
        hub_keys.load_keys(folder).present_id(suite)
        pair = hub_keys.new_pair(suite)
        # The event first: a key that a kill leaves in the folder is named there, one too many says what was tried.
        said = {"actor": f"supervisor:{by}", "key_id": pair.id, "suite": suite}
        at_database(dsn, lambda conn: events.record(conn, clock.now(), kind="hub_key_new", **said))
        hub_keys.change(folder, suite, pair)
    except (OSError, InvalidMessage) as error:
        raise click.ClickException(f"{folder}: {error}") from error
    click.echo(pair.id)


@keys.command()
@click.argument("pair_id", metavar="KEY")
@FOLDER
@DSN
@BY
@click.option("--opens-no-more", is_flag=True, help="Destroy it: what is still sealed to it can never be opened.")
@click.option("--now", "at_once", is_flag=True, help="Although machines know no other: they need a technician then.")
@TODAY
def retire(pair_id: str, folder: Path, dsn: str, by: str, opens_no_more: bool, at_once: bool, clock: Clock) -> None:
    """End a former pair: it signs nothing any more, and machines that hear of it believe nothing by it."""

    async def end(conn: AsyncConnection) -> None:
        knowing: Counter[str] = await machines_by_hub_key(conn)
        # Machines of before name no key and cannot take a new one.
        left = knowing[pair_id] + knowing[""]
        if left and not at_once:
            raise CannotBe(f"{left} machines know no newer key yet; wait, or --now and send a technician")
        try:
            hub_keys.former_places(folder, pair_id)
        except KeyError:
            raise CannotBe(f"{pair_id} is no former key; hub keys list shows them") from None
        said = {"key_id": pair_id, "opens": not opens_no_more}
        await events.record(conn, clock.now(), actor=f"supervisor:{by}", kind="hub_key_retired", **said)

    at_database(dsn, end)
    # Only after its event: what a kill has ended stands there.
    hub_keys.retire(folder, pair_id, opens_no_more=opens_no_more)
    click.echo(f"{pair_id} signs nothing any more")
