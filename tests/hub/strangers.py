"""What a stranger does at a hub's socket, and a ``hub serve`` to do it to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import psycopg
import pytest

from hub.api.machine import add_code
from hub.database import prepare
from kiosk.clock import Clock
from tests.hub.fixtures import ROOT, Machine, RunningHub
from tests.waiting import HANG_S


def connect(hub: RunningHub, host: str = "") -> socket.socket:
    """A connection to the hub, from an address of this computer's own choice."""
    place = urlsplit(hub.url)
    return socket.create_connection(
        (place.hostname, place.port), timeout=HANG_S, source_address=(host, 0) if host else None
    )


def crowd(hub: RunningHub, network: str, count: int, addresses: int = 100) -> list[socket.socket]:
    """Connections that do nothing, from so many addresses; those that are refused at once are left out."""
    lines = []
    for i in range(count):
        with contextlib.suppress(ConnectionError):
            lines.append(connect(hub, f"{network}.{1 + i % addresses}"))
    return lines


def start_request(line: socket.socket, method: str, path: str, headers: dict[str, str]) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in {"host": "hub", **headers}.items())
    line.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())


def answer(line: socket.socket) -> bytes:
    """What comes back before the connection is silent for long or closed."""
    with contextlib.suppress(ConnectionError):
        return line.recv(65536)
    return b""


def is_closed(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        return line.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.fixture(scope="module")
def serving(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A ``hub serve`` behind a front on this computer, beside the demonstration on the same database."""
    folder = tmp_path_factory.mktemp("serve")
    prepare(database)
    arguments = ["--dsn", database, "--port", "0", "--keys", str(folder / "keys"), "--make-keys"]
    arguments += ["--behind", "127.0.0.9", "--monitor", "192.0.2.7", "--connections", "256"]
    hub = RunningHub(database, folder / "data")
    with (folder / "hub.log").open("wb") as log:
        command = [sys.executable, "-m", "hub", "serve", *arguments]
        hub.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log)
    hub.said = msgspec.json.decode(hub.process.stdout.readline())
    yield hub
    assert hub.stop() == 0
    assert (folder / "hub.log").stat().st_size < 20_000


def enrolled(hub: RunningHub) -> Machine:
    async def make() -> str:
        async with await psycopg.AsyncConnection.connect(hub.dsn, autocommit=True) as conn:
            return await add_code(conn, Clock().now(), None)

    machine = Machine(hub, f"K-{uuid4().hex[:8]}")
    machine.clock = Clock()
    assert machine.enrol(asyncio.run(make())).status_code == 201
    return machine
