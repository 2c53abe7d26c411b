"""A running reference acquirer, and the phone of the bench."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec

from tests.hub.fixtures import PLAIN, ROOT, TODAY
from tests.waiting import HANG_S


@dataclass
class Till:
    """``python -m hub.acquirer`` and what a phone and the bench do there."""

    url: str
    settings: Path

    def pay(self, pay_url: str) -> httpx.Response:
        return httpx.post(pay_url, verify=PLAIN, timeout=HANG_S)

    def faults(self, **faults: object) -> None:
        assert httpx.post(f"{self.url}/bench/faults", json=faults, verify=PLAIN, timeout=HANG_S).status_code == 200

    def notify(self, order: str) -> None:
        assert httpx.post(f"{self.url}/bench/notify/{order}", verify=PLAIN, timeout=HANG_S).status_code == 200

    def move(self, **movement: object) -> None:
        assert httpx.post(f"{self.url}/bench/movements", json=movement, verify=PLAIN, timeout=HANG_S).status_code == 201


@contextmanager
def running_till(folder: Path) -> Iterator[Till]:
    command = [sys.executable, "-m", "hub.acquirer", "--folder", str(folder), "--today", TODAY.isoformat()]
    with (folder.parent / "acquirer.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT)
    try:
        assert process.stdout
        said = msgspec.json.decode(process.stdout.readline())
        yield Till(said["url"], Path(said["settings"]))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=HANG_S)
