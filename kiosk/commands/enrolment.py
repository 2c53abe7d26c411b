"""``kiosk enrol``: the first command of a new machine. It needs no more of kiosk.toml than there can be by then."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
import trio

from kiosk import config as configuration
from kiosk.clock import Clock
from kiosk.commands.common import failed
from kiosk.config import ConfigError, Enrolling
from kiosk.hub_link import identity as enrolling
from kiosk.hub_link.address import address_fault
from kiosk.hub_link.identity import EnrolmentFailed, Identity, keep_enrolment
from kiosk.messages.fleet import Enrolled
from kiosk.typed import enrolment_code, plain
from offline_cache.outbox import Outbox
from offline_cache.store import Store
from offline_cache.values import Values


@click.command()
@click.option("--hub", "url", required=True, help="Address of the hub.")
@click.option("--code", required=True, help="One-time code from the city.")
@click.option("--id", "kiosk_id", help="Name of this machine, while there is no kiosk.toml that says it.")
@click.option("--store", help="Path of the store, while there is no kiosk.toml that says it.")
@click.pass_obj
def enrol(config_path: str | None, url: str, code: str, kiosk_id: str | None, store: str | None) -> None:
    """Make this machine and its store known to the hub; prints what belongs into [hub].

    The first command of a new machine: [hub] url and its keys, devices and hall may still be missing.
    """
    url = plain(url)
    if fault := address_fault(url):
        failed(f"--hub: {fault}")
    path = configuration.find_path(config_path)
    try:
        known = configuration.for_enrolment(path, kiosk_id, store)
    except ConfigError as error:
        failed(str(error))
    answer = _enrolled(known, url, enrolment_code(code))
    click.echo(f"enrolled as {known.kiosk_id}; the store is {known.store}")
    click.echo(f'\n[hub]\nurl = "{url}"\nseal_key = "{answer.seal_key}"\nverify_key = "{answer.verify_key}"\n')
    if known.keys in ((), (answer.seal_key, answer.verify_key)):
        click.echo(f"put the lines above into {path}" if not known.keys else f"{path} has these keys already")
    else:
        failed("the hub's keys differ from [hub] seal_key and verify_key; put the ones above into the configuration")


def _enrolled(known: Enrolling, url: str, code: str) -> Enrolled:
    clock = Clock(known.today)
    Path(known.store).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store.open(known.store, now=clock.now, ballast_mb=0, free_floor_mb=0)
    try:
        identity = Identity.load(Values(store), known.kiosk_id, known.suite)
        used = Outbox(store).last_seq()
        answer = trio.run(partial(enrolling.enrol, url, code, identity, clock, last_seq=used, ca_file=known.ca_file))
        keep_enrolment(store, known.kiosk_id, known.suite, answer)
        return answer
    except (EnrolmentFailed, ValueError) as error:
        failed(str(error))
    finally:
        store.close()
