"""``kiosk locker``: a door of this machine for staff; what lies behind it is written down with hub locker."""

from __future__ import annotations

from functools import partial

import click
import trio

from kiosk import status_socket
from kiosk.commands.common import failed, loaded
from kiosk.messages.lockers import MOST_LOCKS


@click.group()
def locker() -> None:
    """Doors of the lock board."""


@locker.command(name="open")
@click.argument("lock", type=click.IntRange(1, MOST_LOCKS))
@click.pass_obj
def open_(config_path: str | None, lock: int) -> None:
    """Open door LOCK, to fill it, empty it or look into it. The machine must be running and free; it is audited."""
    config = loaded(config_path)
    answer = trio.run(partial(status_socket.ask, config.machine.status_socket, "open_locker", lock=lock))
    if answer is None:
        failed("the machine does not run; start it, then open the door")
    if answer.get("door") != "opened":
        failed(f"door {lock}: {answer.get('door', 'unknown')} ({answer.get('error', '')}); kiosk doctor tells more")
    click.echo(f"door {lock} is open; shut it when done, then: hub locker put, or hub locker empty")
