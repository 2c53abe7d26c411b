"""A running reference acquirer, the phone of the bench, and payments as machines make them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from kiosk.messages.envelope import new_key
from tests.forking import forked
from tests.hub.fixtures import PLAIN, ROOT, TODAY, Machine, RunningHub, number_of
from tests.waiting import HANG_S, eventually

FEE = 1000


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


class Payment:
    """One payment as a machine makes it."""

    def __init__(self, kiosk: Machine, person: str = "wang", count: int = 1) -> None:
        self.kiosk, self.person, self.order = kiosk, person, new_key()
        self.cases = [new_key() for _ in range(count)]

    def open(self, **changed: object) -> Any:
        items = [{"case_id": case, "service": "T01", "amount_fen": FEE} for case in self.cases]
        asked = {"order": self.order, "action": "open", "id_number": number_of(self.person), "items": items}
        return self.kiosk.ask("payment", **(asked | changed))

    def ask(self) -> Any:
        return self.kiosk.ask("payment", order=self.order, action="ask")

    def end(self, *outcomes: str, interrupted: bool = False) -> Any:
        ends = [{"case_id": case, "outcome": o} for case, o in zip(self.cases, outcomes, strict=True)]
        return self.kiosk.ask("payment", order=self.order, action="end", ends=ends, interrupted=interrupted)

    def states(self) -> list[str]:
        rows = self.kiosk.hub.sql("select state from payment_item where order_no = %s order by place", self.order)
        return [state for (state,) in rows]

    def tasks(self) -> list[str]:
        rows = self.kiosk.hub.sql("select what from payment_task where order_no = %s order by id", self.order)
        return [what for (what,) in rows]

    def until(self, *states: str) -> None:
        eventually(lambda: self.states() == [*states], f"items are {states}, now {self.states()}")


def payments_said(hub: RunningHub, *arguments: str) -> tuple[int, str]:
    """``hub payments``: its exit code, and what it said."""
    done = forked("hub", "payments", *arguments, "--dsn", hub.dsn, "--today", TODAY.isoformat())
    return done.returncode, done.stdout + done.stderr
