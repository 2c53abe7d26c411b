"""A process of its own that files, says what it was told is kept, and can be killed at any moment."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from offline_cache.errors import StoreError
from offline_cache.outbox import Outbox
from offline_cache.store import Store


def main(path: str, first: int, count: int, drain: int, size: int = 40_000) -> None:
    store = Store.open(Path(path), now=lambda: datetime.now(UTC), ballast_mb=1, free_floor_mb=1)
    outbox = Outbox(store)
    say("ready")
    for number in range(first, first + count):
        key = f"k{number}"
        for _ in range(3):
            try:
                outbox.put(
                    kind="case",
                    key=key,
                    case_id=key,
                    receipt_number=None,
                    parts=[("form", key.encode() + os.urandom(size))],
                    stamp=lambda seq, prev, digests: (f"{seq} {prev} {digests[0].sha256}".encode(), "s"),
                )
                say(f"kept {key}")
                break
            except StoreError as error:
                say(f"error {key} {type(error).__name__}")
        if drain and (claimed := outbox.claim(0.0)):
            outbox.delivered(claimed.seq, b"receipt")
            say(f"delivered {claimed.key}")
    say("end")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
