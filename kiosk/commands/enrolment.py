"""``kiosk enrol`` and ``kiosk staff``: making the machine known to the city, and people to the machine."""

from __future__ import annotations

import sys
from functools import partial

import click
import trio

from kiosk.clock import Clock
from kiosk.commands.common import failed, loaded
from kiosk.config import Config
from kiosk.hub_link import identity as enrolling
from kiosk.hub_link.identity import EnrolmentFailed, Identity
from kiosk.hub_link.known_keys import remember
from kiosk.staff import StaffBook
from offline_cache.errors import StoreError
from offline_cache.store import Store
from offline_cache.values import Values


@click.command()
@click.option("--hub", "url", required=True, help="Address of the hub.")
@click.option("--code", required=True, help="One-time code from the city.")
@click.pass_obj
def enrol(config_path: str | None, url: str, code: str) -> None:
    """Make this machine known to the hub; prints the hub's keys for [hub]."""
    config = loaded(config_path)
    store = _opened(config)
    values = Values(store)
    clock = Clock(config.demo.today)
    try:
        identity = Identity.load(values, config.machine.id, config.hub.suite)
        answer = trio.run(partial(enrolling.enrol, url, code, identity, clock, ca_file=config.hub.ca_file))
        # A wrong key in [hub] is then known at the next start, before there is any network.
        remember(values, config.hub.suite, answer.seal_key, answer.verify_key)
    except (EnrolmentFailed, ValueError) as error:
        failed(str(error))
    finally:
        store.close()
    click.echo(f'enrolled as {config.machine.id}\nseal_key = "{answer.seal_key}"\nverify_key = "{answer.verify_key}"')
    if (answer.seal_key, answer.verify_key) != (config.hub.seal_key, config.hub.verify_key):
        failed("the hub's keys differ from [hub] seal_key and verify_key; put the ones above into the configuration")


@click.group()
def staff() -> None:
    """Guides and technicians of this machine."""


@staff.command()
@click.option("--role", type=click.Choice(["guide", "technician"]), required=True)
@click.option("--ref", required=True, help="Reference that stands in the audit log; not a name.")
@click.pass_obj
def add(config_path: str | None, role: str, ref: str) -> None:
    """Enrol a member of staff. Standard input: the card number, and for a technician the PIN on a second line."""
    lines = sys.stdin.read().split()
    if len(lines) != (2 if role == "technician" else 1):
        failed("standard input must hold the card number, and for a technician the PIN on a second line")
    config = loaded(config_path)
    store = _opened(config)
    StaffBook(Values(store), Clock(config.demo.today).now).enrol(lines[0], role, ref, *lines[1:])  # type: ignore[arg-type]
    store.close()
    click.echo(f"{role} {ref} is known to {config.machine.id}")


def _opened(config: Config) -> Store:
    try:
        return Store.open(
            config.store.path,
            now=Clock(config.demo.today).now,
            ballast_mb=config.store.ballast_mb,
            free_floor_mb=config.store.free_floor_mb,
        )
    except StoreError as error:
        failed(f"the store cannot be opened: {error}; stop the machine first")
