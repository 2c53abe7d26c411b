"""Draining a backlog beside what one connection to the same hub can take in the same run.

The one connection is a bare socket that sends the same kind of envelopes one after the other, sealed, stamped and
signed beforehand, and does nothing but read the answers. The drain is store, forwarder and HTTP client as the machine
runs them: claim, read, send, verify the receipt, commit, erase. They take turns, so that both meet the same computer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any, Self

import msgspec
import psycopg
import structlog
import trio

from hub.enrolment_codes import add_code
from hub.postgres import OwnPostgres
from kiosk.clock import Clock
from kiosk.hub_link.carriers import HttpsCarrier
from kiosk.hub_link.enrolment import enrol
from kiosk.hub_link.filing import PRIORITIES, Filing
from kiosk.hub_link.forwarder import Forwarder
from kiosk.hub_link.http import HubHttp
from kiosk.hub_link.identity import Identity
from kiosk.messages.envelope import Kind, new_key, wire
from kiosk.messages.requests import sign_request
from offline_cache.outbox import Claimed, Outbox
from offline_cache.store import Store
from offline_cache.values import Values

ROOT = Path(__file__).resolve().parents[1]
FORM_BYTES = 4096
TARGET = 1.25
"""Largest allowed time of a drained case, in times of one over the one connection: at least 0.8 of its speed."""
RISE_MB = 16


class Hub:
    """A hub process on a durable PostgreSQL."""

    def __init__(self, folder: Path, dsn: str) -> None:
        command = [sys.executable, "-m", "hub", "serve", "--dsn", dsn, "--port", "0", "--keys", str(folder / "keys")]
        with (folder / "hub.log").open("wb") as log:
            self._process = subprocess.Popen([*command, "--make-keys"], cwd=ROOT, stdout=subprocess.PIPE, stderr=log)
        assert self._process.stdout is not None
        self.said = msgspec.json.decode(self._process.stdout.readline())
        self.url: str = self.said["url"]
        self._dsn = dsn

    @property
    def pid(self) -> int:
        return self._process.pid

    def code(self) -> str:
        async def make() -> str:
            async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as conn:
                return await add_code(conn, Clock().now(), None)

        return asyncio.run(make())

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)


class Machine:
    """One kiosk's durable side, enrolled."""

    def __init__(self, folder: Path, hub: Hub, kiosk_id: str) -> None:
        self.clock, self.hub = Clock(), hub
        self.store = Store.open(folder / f"{kiosk_id}.db", now=self.clock.now, ballast_mb=0, free_floor_mb=16)
        self.outbox = Gated(self.store, priorities=PRIORITIES)
        self.identity = Identity.load(Values(self.store), kiosk_id)
        trio.run(enrol, hub.url, hub.code(), self.identity, self.clock)
        self._filing = Filing(self.outbox, self.identity, seal_key=hub.said["seal_key"], clock=self.clock)

    def file(self, count: int, photo_bytes: int, kind: Kind = "finding") -> None:
        """A finding is received like a case; nobody opens it afterwards, which would be measured too."""
        for _ in range(count):
            parts = {"form": os.urandom(FORM_BYTES)}
            if photo_bytes:
                parts["photo"] = os.urandom(photo_bytes)
            key = new_key()
            self._filing.file_now(kind, key, key, None, parts)


class OneConnection:
    """A bare client that has nothing to do but to send and to read. A context manager."""

    def __init__(self, hub: Hub) -> None:
        host, _, port = hub.url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._socket.close()

    def send(self, prepared: list[bytes]) -> float:
        """Seconds for all of them, one after the other."""
        start = time.perf_counter()
        for request in prepared:
            self._socket.sendall(request)
            status = self._answer()
            assert status == 201, status
        return time.perf_counter() - start

    def _answer(self) -> int:
        status = int(self._reader.readline().split()[1])
        length = 0
        while (line := self._reader.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self._reader.read(length)
        return status


def prepare(machine: Machine, count: int) -> list[bytes]:
    """Whole requests for the next ``count`` envelopes: each part, then the envelope that names it."""
    requests = []
    for _ in range(count):
        claimed = machine.outbox.claim(0.0)
        assert claimed is not None
        for part in claimed.parts:
            sealed = machine.outbox.parcel(claimed, part.name)
            requests.append(signed(machine, f"/v1/parcels/{part.sha256}", sealed))
        body = wire(claimed.header, claimed.signature)
        requests.append(signed(machine, f"/v1/envelopes/{claimed.key}", body))
    return requests


def signed(machine: Machine, path: str, body: bytes, method: str = "PUT") -> bytes:
    who, now = machine.identity, int(machine.clock.now().timestamp())
    stamp = sign_request(method, path, body, kiosk_id=who.kiosk_id, private_key=who.private_key, time_s=now, host="hub")
    headers = {"Host": "hub", "Content-Length": str(len(body)), "Content-Type": "application/octet-stream", **stamp}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Gated(Outbox):
    """Gives out only so many, so that a turn ends with nothing under way."""

    left = 0

    def claim(self, now_mono: float, *, avoid: Iterable[int] = ()) -> Claimed | None:
        claimed = super().claim(now_mono, avoid=avoid) if self.left else None
        self.left -= claimed is not None
        return claimed


class Drain:
    """The forwarder on the backlog, in turns with something else."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._delivered = 0
        self._wanted = 0
        self._reached = trio.Event()

    async def run(self, turns: int, block: int, between: Callable[[], None]) -> list[float]:
        """Seconds for each turn of ``block`` cases; ``between`` is called before each with nothing under way."""
        times = []
        http = HubHttp(self._machine.hub.url, self._machine.identity, self._machine.clock)
        forwarder = self._forwarder(http)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(forwarder.run)
            for _ in range(turns):
                between()
                self._wanted, self._reached = self._delivered + block, trio.Event()
                start = time.perf_counter()
                self._machine.outbox.left = block
                forwarder.nudge()
                await self._reached.wait()
                times.append(time.perf_counter() - start)
            nursery.cancel_scope.cancel()
        await http.aclose()
        return times

    def _forwarder(self, http: HubHttp) -> Forwarder:
        return Forwarder(
            self._machine.outbox,
            HttpsCarrier(http, self._machine.clock),
            verify_key=self._machine.hub.said["verify_key"],
            monotonic=self._machine.clock.monotonic,
            rng=Random(1),
            on_change=self._changed,
        )

    def _changed(self, _case: object, _key: str, _kind: str, state: str) -> None:
        assert state in ("sending", "delivered"), state
        self._delivered += state == "delivered"
        if self._delivered >= self._wanted:
            self._reached.set()


def rss_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def measure(folder: Path, count: int, photo_bytes: int, block: int) -> list[dict[str, Any]]:
    """The rows of the table."""
    with OwnPostgres(folder / "postgres") as postgres:
        hub = Hub(folder, postgres.dsn)
        try:
            return _measure(folder, hub, count, photo_bytes, block)
        finally:
            hub.stop()


def _measure(folder: Path, hub: Hub, count: int, photo_bytes: int, block: int) -> list[dict[str, Any]]:
    ours, bare = Machine(folder, hub, "bench-drain"), Machine(folder, hub, "bench-one")
    bare.outbox.left = sys.maxsize
    turns = max(2, count // block)
    ours.file(turns * block, photo_bytes)
    one_times: list[float] = []
    memory: list[float] = []

    def turn_of_the_other() -> None:
        memory.append(rss_mb())
        bare.file(block, photo_bytes)
        prepared = prepare(bare, block)
        with OneConnection(hub) as connection:
            one_times.append(connection.send(prepared))

    times = trio.run(Drain(ours).run, turns, block, turn_of_the_other)
    memory.append(rss_mb())
    ratio = statistics.median(times[1:]) / statistics.median(one_times[1:])  # the first turn warms up
    settled = memory[max(1, len(memory) // 5)]
    rises = [each - settled for each in memory[max(1, len(memory) // 5) :]]
    rise = {"min": min(rises), "median": rises[-1], "p95": max(rises), "limit": RISE_MB}
    return [
        _row("one connection", one_times[1:], block),
        _row(f"backlog of {turns * block}", times[1:], block) | {"ratio": round(ratio, 3), "target": TARGET},
        {"benchmark": "drain", "case": f"memory at the end, above {settled:.0f} MB", "unit": "MB", **rise},
    ]


def _row(case: str, times: list[float], block: int) -> dict[str, Any]:
    each = sorted(seconds / block * 1000 for seconds in times)
    p95 = each[min(len(each) - 1, int(len(each) * 0.95))]
    return {
        "benchmark": "drain",
        "case": case,
        "unit": "ms/case",
        "min": each[0],
        "median": statistics.median(each),
        "p95": p95,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--photo-bytes", type=int, default=20_000, help="0: a form only")
    parser.add_argument("--block", type=int, default=50, help="cases in a turn; the two take turns")
    parser.add_argument("--folder", default=None, help="a folder on the disk to measure")
    parser.add_argument("--json", action="store_true", help="rows are printed as JSON in any case")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory(dir=options.folder or os.environ.get("TMPDIR", "/var/tmp")) as name:
        rows = measure(Path(name), options.cases, options.photo_bytes, options.block)
    for row in rows:
        print(json.dumps(row))
    return 0 if rows[1]["ratio"] <= TARGET and rows[2]["median"] <= RISE_MB else 1


if __name__ == "__main__":
    sys.exit(main())
