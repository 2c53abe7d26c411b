"""``python -m hub.acquirer --folder DIR``: serve the bench's acquirer; ``DIR/acquirer.toml`` is what a hub reads."""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from pathlib import Path

import click
import uvicorn

from hub.acquirer.ledger import Ledger
from hub.acquirer.service import Service, make_app
from hub.running import address, listen
from kiosk.clock import Clock
from kiosk.messages import foreign
from kiosk.messages.address import is_loopback_host
from kiosk.messages.seal import KeyPair, new_sign_key, public_sign_key


@click.command()
@click.option("--folder", required=True, type=click.Path(path_type=Path), help="Its books and keys.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback only: it is a bench's.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one.")
@click.option("--today", help="The wall date of the demonstration.")
def main(folder: Path, host: str, port: int, today: str | None) -> None:
    """Take the bench's money."""
    if not is_loopback_host(host):
        raise click.UsageError("the bench's acquirer serves this computer only")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own, merchant = _key(folder / "acquirer.key"), _key(folder / "merchant.key")
    listener, clock = listen(host, port), Clock(date.fromisoformat(today) if today else None)
    url, settings = address(listener), folder / "acquirer.toml"
    said = {"url": url, "merchant": "hub", "private_key_file": "merchant.key", "verify_key": own.public}
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items())
    try:
        foreign.write(settings, [lines.encode()], own=b'url = "http://')
    except foreign.Refused as error:
        raise click.ClickException(str(error)) from error
    keys = {"private_key": own.private, "merchant_key": merchant.public}
    app = make_app(Service(Ledger(folder / "ledger.sqlite", clock), clock, url=url, **keys))
    click.echo(json.dumps({"ready": True, "url": url, "settings": str(settings), "pid": os.getpid()}))
    sys.stdout.flush()
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[listener])


def _key(path: Path) -> KeyPair:
    """The key of a file, made at the first start."""
    if not path.exists():
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(new_sign_key().private)
    private = path.read_text("utf-8").strip()
    return KeyPair(private, public_sign_key(private))


if __name__ == "__main__":
    main()
