"""What a stranger does at a hub's socket, and a ``hub serve`` to do it to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import msgspec
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hub.database import prepare
from hub.enrolment_codes import add_code
from kiosk.clock import Clock
from tests.forking import started
from tests.hub.fixtures import Machine, RunningHub
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


@contextlib.contextmanager
def hub_serve(database: str, folder: Path, *options: str) -> Iterator[RunningHub]:
    """A ``hub serve`` of its own; its log stays small whatever comes."""
    prepare(database)
    arguments = ["--dsn", database, "--port", "0", "--keys", str(folder / "keys"), "--make-keys", *options]
    hub = RunningHub(database, folder / "data")
    hub.process = started("hub", folder / "hub.log", "serve", *arguments)
    hub.said = msgspec.json.decode(hub.process.stdout.readline())
    yield hub
    hub.end()
    assert (folder / "hub.log").stat().st_size < 20_000


@pytest.fixture(scope="module")
def serving(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """Behind a front at 127.0.0.9, with few connections."""
    options = (
        "--behind",
        "127.0.0.9",
        "--monitor",
        "192.0.2.7",
        "--connections",
        "256",
        "--connections-by-address",
        "128",
    )
    with hub_serve(database, tmp_path_factory.mktemp("serve"), *options) as hub:
        yield hub


def certificate(path: Path) -> None:
    """A certificate of our own for 127.0.0.1, with its key behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(Encoding.PEM)
    path.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def secured(line: socket.socket) -> ssl.SSLSocket:
    """The line after its TLS handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(line)


def enrolled(hub: RunningHub, client: httpx.Client | None = None) -> Machine:
    """A machine of a ``hub serve``, which makes no codes for strangers."""

    async def make() -> str:
        async with await psycopg.AsyncConnection.connect(hub.dsn, autocommit=True) as conn:
            return await add_code(conn, Clock().now(), None)

    machine = Machine(hub, f"K-{uuid4().hex[:8]}")
    machine.clock = Clock()
    machine.client = client or machine.client
    assert machine.enrol(asyncio.run(make())).status_code == 201
    return machine
