"""A hub that does TLS itself counts a connection from its first byte on, before any handshake (door 4)."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.hub.fixtures import Machine, RunningHub
from tests.hub.strangers import certificate, connect, crowd, enrolled, hub_serve, is_closed, secured
from tests.waiting import HANG_S, eventually

pytestmark = pytest.mark.attack(4)


@pytest.fixture(scope="module")
def secure(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    folder = tmp_path_factory.mktemp("tls")
    certificate(folder / "hub.pem")
    pem = str(folder / "hub.pem")
    with hub_serve(database, folder, "--tls-cert", pem, "--tls-key", pem, "--connections-by-address", "64") as hub:
        yield hub


@pytest.fixture
def machine(secure: RunningHub) -> Machine:
    return enrolled(secure, httpx.Client(base_url=secure.url, verify=False, timeout=HANG_S))


def test_a_machine_comes_in_by_tls_again_and_again(machine: Machine) -> None:
    assert machine.hub.url.startswith("https://")
    assert [machine.call("POST", "/v1/heartbeats", b"{}").status_code for _ in range(3)] == [200] * 3
    assert machine.put_parcel(bytes(8 * 1024 * 1024)).status_code == 201


def test_those_that_never_shake_hands_cost_a_machine_nothing(secure: RunningHub, machine: Machine) -> None:
    lines = crowd(secure, "127.0.6", 300, 1)
    eventually(lambda: sum(not is_closed(line) for line in lines) <= 64, "those above the share are closed")
    assert machine.call("POST", "/v1/heartbeats", b"{}").status_code == 200
    eventually(lambda: all(map(is_closed, lines)), "the others too, when the time for a handshake is over")


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(20000), bytes(1000)])
def test_what_is_no_handshake_ends_its_own_connection(secure: RunningHub, machine: Machine, said: bytes) -> None:
    with connect(secure) as line:
        line.sendall(said)
        eventually(lambda: is_closed(line), "the hub closes it")
    assert machine.call("POST", "/v1/heartbeats", b"{}").status_code == 200


def test_a_secured_line_that_says_nothing_is_closed(secure: RunningHub) -> None:
    with secured(connect(secure)) as line:
        assert line.recv(1) == b""
