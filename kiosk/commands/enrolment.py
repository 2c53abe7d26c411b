"""``kiosk seal`` and ``kiosk enrol``: the first commands of a new machine.

They need no more of kiosk.toml than there can be by then.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import click
import trio

from kiosk import config as configuration
from kiosk.clock import Clock
from kiosk.commands.common import failed
from kiosk.config import ConfigError, Enrolling
from kiosk.hub_link import enrolment as enrolling
from kiosk.hub_link.address import address_fault
from kiosk.hub_link.enrolment import EnrolmentFailed, keep_enrolment
from kiosk.hub_link.identity import Identity
from kiosk.messages.fleet import Enrolled
from kiosk.messages.ours import read_ours
from kiosk.messages.typed import enrolment_code, plain
from offline_cache import vault
from offline_cache.outbox import Outbox
from offline_cache.store import Store
from offline_cache.vault import SealedAway

_CODE_BYTES = 256


@click.command()
@click.option("--hub", "url", required=True, help="Address of the hub.")
@click.option("--code-file", type=click.Path(path_type=Path, exists=True), help="File with the code, for you alone.")
@click.option("--code", hidden=True, help="For scripts of before: arguments can be read by all.")
@click.option("--id", "kiosk_id", help="Name of this machine, while there is no kiosk.toml that says it.")
@click.option("--store", help="Path of the store, while there is no kiosk.toml that says it.")
@click.option("--new-key", is_flag=True, help="The sealed keys do not open any more: make new ones.")
@click.pass_obj
def enrol(
    config_path: str | None,
    url: str,
    code_file: Path | None,
    code: str | None,
    kiosk_id: str | None,
    store: str | None,
    *,
    new_key: bool,
) -> None:
    """Make this machine and its store known to the hub; prints what belongs into [hub].

    Standard input, or --code-file: the one-time code from the city.
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
    answer = _enrolled(known, url, _given_code(code_file, code), new_key)
    if code:
        click.echo("--code: arguments can be read by all; from now on give the code on standard input", err=True)
    click.echo(f"enrolled as {known.kiosk_id}; the store is {known.store}")
    click.echo(f'\n[hub]\nurl = "{url}"\nseal_key = "{answer.seal_key}"\nverify_key = "{answer.verify_key}"\n')
    if known.keys in ((), (answer.seal_key, answer.verify_key)):
        click.echo(f"put the lines above into {path}" if not known.keys else f"{path} has these keys already")
    else:
        failed("the hub's keys differ from [hub] seal_key and verify_key; put the ones above into the configuration")


@click.command()
@click.option("--store", help="Path of the store, while there is no kiosk.toml that says it.")
@click.pass_obj
def seal(config_path: str | None, store: str | None) -> None:
    """Bind the secrets of this machine's store to this computer (TPM2 chip, else its host key). Only as root.

    The next start seals what lies in clear. Prints the line of the unit that hands the secret to the machine.
    """
    try:
        # Under whichever name: only the place of the store counts.
        known = configuration.for_enrolment(configuration.find_path(config_path), "k-0", store)
    except ConfigError as error:
        failed(str(error))
    path = vault.credential_path(Path(known.store))
    if not path.exists():
        if not vault.may_make():
            failed("only root can seal, with systemd-creds of the Debian package systemd; run it as root")
        vault.make(path)
    click.echo(f"{path} is sealed with: {vault.kind_of(path)}")
    click.echo(f"\n[Service]\nLoadCredentialEncrypted={vault.CREDENTIAL}:{path.absolute()}")


def _given_code(file: Path | None, argument: str | None) -> str:
    """The code from a file or standard input: neither the list of processes nor the history of a shell has it."""
    where = "--code" if argument is not None else "--code-file" if file else "standard input"
    try:
        code = enrolment_code(_read_code(file) if argument is None else argument)
    except OSError as error:
        failed(f"{where}: {error}")
    if not code or not code.isascii():
        failed(f"{where} must hold the one-time code from the city, letters and digits")
    return code


def _read_code(file: Path | None) -> str:
    if file:
        return read_ours(file, _CODE_BYTES, secret=True).decode("utf-8-sig", "replace")
    if sys.stdin.isatty():
        return click.prompt("code", hide_input=True, err=True)
    return sys.stdin.readline(_CODE_BYTES)


def _enrolled(known: Enrolling, url: str, code: str, new_key: bool) -> Enrolled:
    clock = Clock(known.today)
    Path(known.store).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store.open(known.store, now=clock.now, ballast_mb=0, free_floor_mb=0)
    try:
        _hand_to_owner(Path(known.store))
        identity = _own_key(store, known, new_key)
        used = Outbox(store).last_seq()
        answer = trio.run(partial(enrolling.enrol, url, code, identity, clock, last_seq=used, ca_file=known.ca_file))
        keep_enrolment(store, known.kiosk_id, known.suite, answer)
        return answer
    except (EnrolmentFailed, ValueError) as error:
        failed(str(error))
    finally:
        store.close()


def _own_key(store: Store, known: Enrolling, new_key: bool) -> Identity:
    try:
        found = Identity.load(vault.open_vault(store), known.kiosk_id, known.suite)
    except SealedAway:
        if not new_key:
            raise
        click.echo(f"{vault.forget_sealed(store)} secrets that do not open are forgotten; make staff known anew")
        return Identity.load(vault.open_vault(store), known.kiosk_id, known.suite)
    if new_key:
        failed("the key of this machine opens, so it is not made anew; enrol without --new-key")
    return found


def _hand_to_owner(store: Path) -> None:
    """What root makes here belongs to the user whose folder it is; SQLite gives its log the same owner."""
    if os.geteuid() == 0:
        owner = store.parent.stat()
        os.chown(store, owner.st_uid, owner.st_gid)
