"""``kiosk queue``: the outbox as envelopes; never what is inside them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import click
import msgspec
import trio

from kiosk import status_socket
from kiosk.clock import Clock
from kiosk.commands.common import failed, loaded, print_table, say
from kiosk.config import Config
from kiosk.doctor import waiting_facts
from kiosk.hub_link import transfer
from kiosk.hub_link.http import HubHttp
from kiosk.hub_link.identity import Identity
from kiosk.hub_link.known_keys import present_keys
from kiosk.messages import foreign
from kiosk.messages.batch import FILE_BYTES
from kiosk.messages.foreign import Refused
from kiosk.messages.seal import key_id
from offline_cache.errors import StoreError
from offline_cache.outbox import Outbox
from offline_cache.store import Store
from offline_cache.values import Values
from offline_cache.vault import open_vault

_BATCH_TIMEOUT_S = 120.0
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"%PDF", b"RIFF")
_WHOLE = ("key", "receipt_number")
_COLUMNS = ["seq", "kind", *reversed(_WHOLE), "state", "attempts", "next_try_in_s", "error", "created_at", "bytes"]


@click.group()
def queue() -> None:
    """What waits to be delivered, and what was."""


@queue.command()
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def status(config_path: str | None, as_json: bool) -> None:
    """Depth, held and oldest."""
    facts = _queue_report(config_path)["queue"]
    if as_json:
        click.echo(msgspec.json.encode(facts))
    else:
        print_table("queue", list(facts), [list(facts.values())])


@queue.command(name="list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def list_(config_path: str | None, as_json: bool) -> None:
    """Every envelope that is kept."""
    _print(_queue_report(config_path)["rows"], as_json)


@queue.command()
@click.argument("seq", type=int)
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def show(config_path: str | None, seq: int, as_json: bool) -> None:
    """One envelope."""
    rows = [r for r in _queue_report(config_path)["rows"] if r["seq"] == seq]
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


@queue.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--store", "store_path", help="The store to read, when it is not the configured one (a rescued disk).")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def export(config_path: str | None, file: Path, store_path: str | None, as_json: bool) -> None:
    """Write everything that was not delivered into FILE, sealed and signed as it is; the machine must be stopped.

    The city takes it with hub files, another machine with kiosk queue import. Nothing is changed in the store, and
    nothing that is at FILE already.
    """
    path = store_path or loaded(config_path).store.path
    try:
        store = Store.peek(path, now=Clock().now)
        try:
            lines = transfer.export(Outbox(store), file)
        finally:
            store.close()
    except (Refused, StoreError, OSError) as error:
        failed(str(error))
    _print_and_exit(f"export to {file}", lines, [], as_json)


@queue.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def import_(config_path: str | None, file: Path, as_json: bool) -> None:
    """Take in FILE: answers from the city to this machine, and envelopes of another one to forward them unchanged.

    The machine must be stopped. Each envelope is judged on its own. Exit code 0 all, 3 partly, 1 none.
    """
    config = loaded(config_path)
    clock = Clock(config.demo.today)
    trouble: list[str] = []
    try:
        with foreign.opened(file, FILE_BYTES) as opened:
            if _is_picture(opened):
                failed(f"{file}: is a picture or PDF; photographs of slips are read at the city, with hub restore")
            store = Store.open(config.store.path, now=clock.now, ballast_mb=0, free_floor_mb=0)
            try:
                lines = _taken_in(config, store, clock, opened, trouble)
            finally:
                store.close()
    except Refused as error:
        failed(f"{file}: {error}; name the batch file itself, copied as a file of its own")
    except (StoreError, OSError) as error:
        failed(f"{error}; nothing more was taken in, import again")
    if not lines and not trouble:
        trouble.append("there is nothing in it for this machine")
    _print_and_exit(f"import of {file}", lines, trouble, as_json)


def _is_picture(opened: BinaryIO) -> bool:
    head = opened.read(12)
    return head.startswith(_PICTURES) or head[4:8] == b"ftyp"


def _taken_in(config: Config, store: Store, clock: Clock, file: BinaryIO, trouble: list[str]) -> list[transfer.Line]:
    outbox = Outbox(store)
    identity = Identity.load(open_vault(store), config.machine.id, config.hub.suite)
    known = present_keys(
        Values(store), config.hub.suite, seal_key=config.hub.seal_key, verify_key=config.hub.verify_key
    )
    lines = transfer.take_answers(outbox, file, known.trusted, config.hub.suite, trouble)
    own = []

    def foreign() -> Iterator[transfer.Whole]:
        for whole in transfer.envelopes_in(file, trouble):
            # Those of the store that was in this machine before are foreign too.
            if (line := transfer.own_line(outbox, whole)) is not None:
                own.append(line)
            else:
                yield whole

    def send(chunk: list[transfer.Whole]) -> list[transfer.Line]:
        if config.hub.carrier == "file":
            return transfer.into_folder(Path(config.hub.folder), chunk)
        timeout_s = max(_BATCH_TIMEOUT_S, config.hub.request_timeout_s)
        http = HubHttp(config.hub.url, identity, clock, ca_file=config.hub.ca_file, timeout_s=timeout_s)
        http.hub_key = lambda: key_id(known.verify_key)
        return transfer.to_hub(http, known.trusted, config.hub.suite, chunk)

    lines += transfer.Forward(send).all(foreign())
    return lines + own


def _print_and_exit(title: str, lines: list[transfer.Line], trouble: list[str], as_json: bool) -> NoReturn:
    code = transfer.exit_code(lines, trouble)
    if as_json:
        click.echo(
            msgspec.json.encode(
                {"envelopes": [line._asdict() for line in lines], "trouble": list(dict.fromkeys(trouble))}
            )
        )
    else:
        print_table(title, list(transfer.Line._fields), [list(line) for line in lines])
        for each in dict.fromkeys(trouble):
            say(f"not readable: {each}", err=True)
    sys.exit(code)


def _queue_report(config_path: str | None) -> dict[str, Any]:
    """From the running machine, else from its file, read only."""
    config = loaded(config_path)
    answer = trio.run(partial(status_socket.ask, config.machine.status_socket, "queue"))
    if answer is not None:
        return answer
    store = Store.peek(config.store.path, now=Clock().now)
    try:
        outbox = Outbox(store)
        return {"queue": waiting_facts(outbox), "rows": [msgspec.to_builtins(r) for r in outbox.rows()]}
    finally:
        store.close()


def _print(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(rows))
    else:
        print_table("queue", _COLUMNS, [[r[c] for c in _COLUMNS] for r in rows], whole=_WHOLE)
