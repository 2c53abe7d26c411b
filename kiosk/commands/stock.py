"""``kiosk stock``: the numbered blanks of this machine, each counted from the pack to the person's hand."""

from __future__ import annotations

import re
from functools import partial

import click
import msgspec
import trio

from kiosk import status_socket
from kiosk.clock import Clock
from kiosk.commands.common import failed, loaded, print_table
from kiosk.config import Config
from kiosk.messages.typed import plain
from offline_cache.audit import Audit
from offline_cache.stock import STATES, Stock
from offline_cache.store import Store

_SERIAL = re.compile(r"([A-Za-z0-9-]*?)([0-9]{1,18})")
_MOST = 10_000


@click.group()
def stock() -> None:
    """Blanks with numbers: loaded, used, voided, handed over, retained."""


@stock.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_obj
def list_(config_path: str | None, as_json: bool) -> None:
    """How many blanks of each kind are in which state. Works beside a running machine.

    ``used`` must be 0 while nobody is served; ``retained``: made, not taken, a member of staff gives it out.
    """
    config = loaded(config_path)
    answer = trio.run(partial(status_socket.ask, config.machine.status_socket, "stock"))
    counts = answer["stock"] if answer else _looked_up(config)
    if as_json:
        click.echo(msgspec.json.encode(counts))
    else:
        rows = [[kind, *(counts[kind].get(state, 0) for state in STATES)] for kind in sorted(counts)]
        print_table("stock", ["kind", *STATES], rows)


@stock.command()
@click.argument("kind")
@click.argument("first")
@click.argument("count", type=click.IntRange(1, _MOST))
@click.pass_obj
def load(config_path: str | None, kind: str, first: str, count: int) -> None:
    """Write a new pack into the book: COUNT blanks of KIND (a device, such as licence_printer) from number FIRST on.

    The machine must be stopped. Blanks that are in the book already stay as they are.
    """
    kind, first = plain(kind), plain(first)
    found = _SERIAL.fullmatch(first)
    if not found:
        failed(f"{first} is no number of a blank: letters, then digits, such as L00000001")
    prefix, digits = found.groups()
    serials = [f"{prefix}{int(digits) + n:0{len(digits)}d}" for n in range(count)]
    config = loaded(config_path)
    kinds = {device.kind for device in config.device_settings().values()}
    if kind not in kinds:
        failed(f"{kind} is no device of this machine; it has {', '.join(sorted(kinds)) or 'none'}")
    store = Store.open(config.store.path, now=Clock(config.demo.today).now, ballast_mb=0, free_floor_mb=0)
    try:
        fresh = Stock(store).load(kind, serials)
        Audit(store).append("operator", "stock_loaded", {"kind": kind, "first": first, "count": count, "fresh": fresh})
    finally:
        store.close()
    click.echo(f"{fresh} blanks of {kind} are new in the book, {serials[0]} to {serials[-1]}")


def _looked_up(config: Config) -> dict[str, dict[str, int]]:
    store = Store.peek(config.store.path, now=Clock(config.demo.today).now)
    try:
        return Stock(store).counts()
    finally:
        store.close()
