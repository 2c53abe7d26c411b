"""``kiosk queue``: the outbox as envelopes; never what is inside them."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
import msgspec
import trio

from kiosk import status_socket
from kiosk.clock import Clock
from kiosk.commands.common import failed, loaded, print_table
from offline_cache.errors import StoreError
from offline_cache.outbox import Outbox
from offline_cache.store import Store

_COLUMNS = ["seq", "kind", "receipt_number", "state", "attempts", "next_try_in_s", "error", "created_at", "bytes"]


@click.group()
def queue() -> None:
    """What waits to be delivered, and what was."""


@queue.command()
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def status(config_path: str | None, as_json: bool) -> None:
    """Depth, held and oldest."""
    facts = _asked(config_path)["queue"]
    if as_json:
        click.echo(msgspec.json.encode(facts))
    else:
        print_table("queue", list(facts), [list(facts.values())])


@queue.command(name="list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def list_(config_path: str | None, as_json: bool) -> None:
    """Every envelope that is kept."""
    _print(_asked(config_path)["rows"], as_json)


@queue.command()
@click.argument("seq", type=int)
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def show(config_path: str | None, seq: int, as_json: bool) -> None:
    """One envelope."""
    rows = [r for r in _asked(config_path)["rows"] if r["seq"] == seq]
    if not rows:
        failed(f"there is no envelope {seq}; kiosk queue list shows all")
    _print(rows, as_json)


@queue.command()
@click.argument("seq", type=int)
@click.pass_obj
def release(config_path: str | None, seq: int) -> None:
    """Let a held envelope be tried again, once its reason is dealt with. The machine must be running."""
    config = loaded(config_path)
    answer = trio.run(partial(status_socket.ask, config.machine.status_socket, "release", seq=seq))
    if answer is None:
        failed("the machine does not run; start it, then release")
    if not answer.get("released"):
        failed(f"envelope {seq} is not held; kiosk queue list shows all")
    click.echo(f"envelope {seq} is tried again")


def _asked(config_path: str | None) -> dict[str, Any]:
    """From the running machine, else from its file, read only."""
    config = loaded(config_path)
    answer = trio.run(partial(status_socket.ask, config.machine.status_socket, "queue"))
    if answer is not None:
        return answer
    try:
        store = Store.peek(config.store.path, now=Clock().now)
    except StoreError as error:
        failed(str(error))
    outbox = Outbox(store)
    facts = {"depth": outbox.depth(), "held": outbox.held(), "oldest_age_s": outbox.oldest_age_s}
    rows = [msgspec.to_builtins(r) for r in outbox.rows()]
    store.close()
    return {"queue": facts, "rows": rows}


def _print(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(rows))
    else:
        print_table("queue", _COLUMNS, [[r[c] for c in _COLUMNS] for r in rows])
