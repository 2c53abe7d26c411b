"""A whole filing in a process of its own, that says what it was promised and can be struck at any call it makes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

import structlog

from kiosk.clock import Clock
from kiosk.hub_link.filing import PRIORITIES, Filing
from kiosk.hub_link.identity import Identity
from offline_cache.errors import StoreError
from offline_cache.outbox import Outbox
from offline_cache.store import Store
from offline_cache.values import Values

KIOSK, TRIES = "sweep-0001", 4


def plain_parts(key: str) -> dict[str, bytes]:
    """What case ``key`` consists of: a form and a photo, the same in every process."""
    dice = Random(key)
    return {"form": dice.randbytes(4096), "photo": dice.randbytes(30_000)}


def main(path: str, seal_key: str, count: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    clock = Clock()
    store = again(lambda: Store.open(Path(path), now=clock.now, ballast_mb=1, free_floor_mb=0))
    outbox = again(lambda: Outbox(store, priorities=PRIORITIES))
    identity = again(lambda: Identity.load(Values(store), KIOSK))
    filing = Filing(outbox, identity, seal_key=seal_key, clock=clock)
    say("start")
    for number in range(count):
        key = f"k{number}"
        file(filing, key)
        if number % 2:
            drain_one(outbox)
    drain_one(outbox)
    again(store.tidy)
    say("end")


def file(filing: Filing, key: str) -> None:
    try:
        filed = again(lambda: filing.file_now("case", key, key, None, plain_parts(key)))
        say(f"kept {key} {filed.seq}")
    except StoreError as error:
        say(f"refused {key} {type(error).__name__}")


def drain_one(outbox: Outbox) -> None:
    try:
        claimed = again(lambda: outbox.claim(0.0))
        if claimed is None:
            return
        for part in claimed.parts:
            again(lambda name=part.name: outbox.parcel(claimed, name))
        again(lambda: outbox.delivered(claimed.seq, b"receipt"))
        say(f"delivered {claimed.key} {claimed.seq}")
    except StoreError as error:
        say(f"refused {type(error).__name__}")


def again(work):
    """The same again, as the page and the forwarder do it."""
    for _ in range(TRIES - 1):
        with suppress(StoreError):
            return work()
    return work()


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
