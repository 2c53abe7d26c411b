"""``kiosk staff``: who may confirm people and open the machine; known by their card and a PIN."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import click
import msgspec
import trio

from kiosk import status_socket
from kiosk.clock import Clock
from kiosk.commands.common import failed, loaded, print_table
from kiosk.config import Config
from kiosk.messages.typed import WronglyTyped, card_number, pin, plain, reference
from kiosk.staff import MAX_DIGITS, StaffBook
from offline_cache.store import Store
from offline_cache.values import Values
from offline_cache.vault import open_vault


@click.group()
def staff() -> None:
    """Guides and technicians of this machine."""


@staff.command()
@click.option("--role", type=click.Choice(["guide", "technician"]), required=True)
@click.option("--ref", required=True, help="Reference that stands in the audit log; not a name.")
@click.pass_obj
def add(config_path: str | None, role: str, ref: str) -> None:
    """Enrol a member of staff. Standard input: the card number, on a second line the PIN of 6 to 12 digits.

    The machine must be stopped. The same card again replaces what was known of it: also for a card that was renewed
    under the same number, and for a PIN that was forgotten.
    """
    lines = [line for line in sys.stdin.read(4096).splitlines() if line.strip()]
    if len(lines) != 2:
        failed("standard input must hold the card number, and the PIN on a second line")
    try:
        number, ref = card_number(lines[0]), reference(ref)
        secret = pin(lines[1], MAX_DIGITS, number)
    except WronglyTyped as error:
        failed(str(error))
    config = loaded(config_path)
    _in_store(config, lambda book: book.enrol(number, role, ref, secret))  # type: ignore[arg-type]
    click.echo(f"{role} {ref} is known to {config.machine.id}")


@staff.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
@click.pass_obj
def list_(config_path: str | None, as_json: bool) -> None:
    """Everybody this machine knows: reference, role, how many cards. Works beside a running machine.

    PIN ``old``: of a version before, too short for today; ``none``: a guide without one, who confirms nobody. Both need
    ``kiosk staff add``. ``seen``: how many of the cards have been signed in with; no other card of their number counts.
    """
    config = loaded(config_path)
    answer = trio.run(partial(status_socket.ask, config.machine.status_socket, "staff"))
    rows = answer["staff"] if answer else _looked_up(config)
    if as_json:
        click.echo(msgspec.json.encode(rows))
    else:
        columns = ["ref", "role", "cards", "pin", "seen"]
        print_table("staff", columns, [[row[column] for column in columns] for row in rows])


@staff.command()
@click.option("--ref", required=True, help="Whom; kiosk staff list shows all.")
@click.pass_obj
def remove(config_path: str | None, ref: str) -> None:
    """Forget a member of staff with every card, for one who has left or lost it. Works beside a running machine."""
    config = loaded(config_path)
    ref = plain(ref)
    answer = trio.run(partial(status_socket.ask, config.machine.status_socket, "staff_remove", ref=ref))
    cards = answer["removed"] if answer else _in_store(config, lambda book: book.remove(ref))
    if not cards:
        failed(f"nobody is known as {ref}; kiosk staff list shows all")
    click.echo(f"{ref} is no longer known to {config.machine.id}")


def _in_store(config: Config, work: Any) -> Any:
    clock = Clock(config.demo.today)
    store = Store.open(config.store.path, now=clock.now, ballast_mb=0, free_floor_mb=0)
    try:
        return work(StaffBook(Values(store), open_vault(store), clock.since_boot))
    finally:
        store.close()


def _looked_up(config: Config) -> list[dict[str, Any]]:
    clock = Clock(config.demo.today)
    store = Store.peek(config.store.path, now=clock.now)
    try:
        values = Values(store)
        return msgspec.to_builtins(StaffBook(values, values, clock.since_boot).known())
    finally:
        store.close()
