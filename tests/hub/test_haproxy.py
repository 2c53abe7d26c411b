"""The documented front, run as it is shipped, before a real hub: its limits hold and machines pass (door 4)."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.hub.fixtures import ROOT, Machine, RunningHub
from tests.hub.strangers import answer, certificate, connect, crowd, enrolled, is_closed, secured, start_request
from tests.waiting import HANG_S, eventually

pytestmark = [
    pytest.mark.attack(4),
    pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is a Debian package of packages.txt"),
]
MB = 1024 * 1024


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def front(serving: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """The hub as it is seen through its front."""
    folder, port = tmp_path_factory.mktemp("front"), free_port()
    certificate(folder / "hub.pem")
    shipped = (ROOT / "docs/front/haproxy.cfg").read_text("utf-8")
    changes = {
        "bind :443": f"bind 127.0.0.1:{port}",
        "/etc/haproxy/hub.pem": str(folder / "hub.pem"),
        "127.0.0.1:8443": f"127.0.0.1:{urlsplit(serving.url).port} source 127.0.0.9",
        "maxconn 20000": "maxconn 9000",  # twice as many files are asked for; a container may have 20,000
        "    user haproxy\n    group haproxy\n": "",
    }
    for old, new in changes.items():
        assert old in shipped
        shipped = shipped.replace(old, new)
    (folder / "haproxy.cfg").write_text(shipped, "utf-8")
    process = subprocess.Popen(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], stderr=subprocess.PIPE)
    seen = RunningHub(serving.dsn, serving.data)
    seen.said = {**serving.said, "url": f"https://127.0.0.1:{port}"}
    eventually(lambda: is_open(seen) or process.poll(), "the front listens")
    assert process.poll() is None, process.stderr.read()
    yield seen
    process.terminate()
    process.wait(HANG_S)
    process.stderr.close()


def is_open(hub: RunningHub) -> bool:
    try:
        connect(hub).close()
    except OSError:
        return False
    return True


@pytest.fixture
def machine(serving: RunningHub, front: RunningHub) -> Machine:
    known = enrolled(serving)
    known.hub = front
    known.client = httpx.Client(base_url=front.url, verify=False, timeout=HANG_S)
    return known


def test_a_machine_passes_with_all_it_says(machine: Machine) -> None:
    assert machine.call("POST", "/v1/heartbeats", b"{}").status_code == 200
    sent = machine.envelope("finding", b"{}")
    assert [machine.put(sent).status_code for _ in range(2)] == [201, 200]
    assert machine.put_parcel(bytes(8 * MB)).status_code == 201
    assert machine.client.get("/healthz").json() == {"status": "alive"}


@pytest.mark.parametrize("path", ["/metrics", "/schema", "/demo/faults", "/", "//metrics"])
def test_nothing_else_is_reached(machine: Machine, path: str) -> None:
    for said in ({}, {"X-Forwarded-For": "127.0.0.1"}):
        assert machine.client.get(path, headers=said).status_code == 404


@pytest.mark.parametrize("path", ["/certificates", "/phone?link=x"])
def test_the_pages_whose_address_is_printed_are_reached(machine: Machine, path: str) -> None:
    answered = machine.client.get(path)
    assert (answered.status_code, answered.headers["content-type"].partition(";")[0]) == (200, "text/html")


@pytest.mark.parametrize(("path", "length"), [("/v1/parcels/x", 9 * MB), ("/v1/batches", 129 * MB)])
def test_too_long_a_body_is_refused_before_it_comes(front: RunningHub, path: str, length: int) -> None:
    with secured(connect(front)) as line:
        start_request(line, "PUT", path, {"content-length": str(length)})
        assert answer(line).split(b" ", 2)[1] == b"413"


def test_who_proves_nothing_is_refused_before_the_body_comes(front: RunningHub, machine: Machine) -> None:
    with secured(connect(front)) as line:
        headers = Machine(front, machine.kiosk_id).signed("POST", "/v1/batches", b"x")
        host = urlsplit(front.url).netloc
        start_request(line, "POST", "/v1/batches", {**headers, "host": host, "content-length": str(120 * MB)})
        assert answer(line).split(b" ", 2)[1] == b"401"


def test_one_address_has_its_share_only(front: RunningHub, machine: Machine) -> None:
    lines = crowd(front, "127.0.4", 200, 1)
    eventually(lambda: sum(not is_closed(line) for line in lines) <= 128, "the others are closed")
    assert machine.call("POST", "/v1/heartbeats", b"{}").status_code == 200
    for line in lines:
        line.close()


def test_10000_idle_connections_are_nothing_to_a_machine(front: RunningHub, machine: Machine) -> None:
    lines = crowd(front, "127.0.5", 10_000, 60)
    assert machine.call("POST", "/v1/heartbeats", b"{}").status_code == 200
    with httpx.Client(base_url=front.url, verify=False, timeout=HANG_S) as client:
        headers = machine.signed("POST", "/v1/heartbeats", b"{}")
        assert client.post("/v1/heartbeats", content=b"{}", headers=headers).status_code == 200
    for line in lines:
        line.close()


@pytest.mark.parametrize("said", [b"", b"PUT /v1/parcels/x HTTP/1.1\r\nA: "])
def test_a_head_that_never_ends_is_not_waited_for(front: RunningHub, said: bytes) -> None:
    with secured(connect(front)) as line:
        line.sendall(said)
        line.settimeout(HANG_S)
        assert b"200" not in answer(line)  # closed, with 408 where something was said
