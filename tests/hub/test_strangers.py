"""Who shows no signature costs little, holds nothing, and learns nothing (door 4, and 401/403 of door 12)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from hub.api.health import readyz
from hub.api.problems import Problem
from kiosk.messages import seal
from tests.hub.fixtures import ROOT, Machine, RunningHub
from tests.hub.strangers import answer, connect, crowd, enrolled, is_closed, start_request
from tests.waiting import HANG_S, eventually

pytestmark = pytest.mark.attack(4)
MB = 1024 * 1024


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


LARGE = {"content-length": str(120 * MB)}


@pytest.mark.parametrize(
    "case", ["no_headers", "wrong_signature", "unknown_machine", "wrong_time", "enrolment", "too_long"]
)
def test_who_proves_nothing_is_answered_before_a_body_is_read(hub: RunningHub, machine: Machine, case: str) -> None:
    method, path, headers = "POST", "/v1/batches", {}
    if case == "wrong_signature":
        headers = machine.signed(method, path, b"another") | {"Tongban-Body": "a" * 64}
    elif case == "unknown_machine":
        headers = Machine(hub, "K-nobody").signed(method, path, b"x")
    elif case == "wrong_time":
        headers = machine.signed(method, path, b"x", shift_s=4000)
    elif case == "enrolment":
        path, headers = "/v1/enrolments", machine.signed(method, "/v1/enrolments", b"x")
    elif case == "too_long":
        headers = {**machine.signed(method, path, b"x"), "content-length": str(129 * MB)}
    with connect(hub) as line:
        start_request(line, method, path, {**LARGE, "host": urlsplit(hub.url).netloc, **headers})
        status = answer(line).split(b" ", 2)[1]
    assert status == {"enrolment": b"413", "too_long": b"413"}.get(case, b"401")


def test_eight_bodies_of_120_mb_from_strangers_are_not_held(hub: RunningHub, record_property: object) -> None:
    """Unsigned bodies of before: form 1 told the digest by nothing but the body."""
    before = peak_mb(hub.process.pid)
    lines = [connect(hub) for _ in range(8)]
    stranger = Machine(hub, "K-nobody")

    def send(line: socket.socket) -> None:
        headers = stranger.signed("POST", "/v1/batches", b"", form=1)
        with contextlib.suppress(OSError):
            start_request(line, "POST", "/v1/batches", {**LARGE, **headers})
            for _ in range(120):
                line.sendall(bytes(MB))

    threads = [threading.Thread(target=send, args=[line], daemon=True) for line in lines]
    for each in threads:
        each.start()
    said = [answer(line) for line in lines]
    record_property("peak_mb", peak_mb(hub.process.pid))
    for each in (*lines, *threads):
        each.close() if isinstance(each, socket.socket) else each.join(HANG_S)
    assert all(each.split(b" ", 2)[1] in (b"503", b"401") for each in said)
    assert peak_mb(hub.process.pid) - before < 60
    assert hub.machine().call("POST", "/v1/heartbeats", b"{}").status_code == 200


@pytest.mark.parametrize("path", ["/phone", "/phone/", "/acquirer/notifications", "/certificates", "/nothing"])
def test_bodies_that_come_to_what_anybody_may_open_are_not_held(
    hub: RunningHub, path: str, record_property: object
) -> None:
    """Each of 100 was kept nearly whole for a minute and a half, waiting for its last byte."""
    before = peak_mb(hub.process.pid)
    lines = [connect(hub) for _ in range(100)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda line: _all_but_a_byte(line, path), lines))
    said = {answer(line).split(b" ", 2)[1] for line in lines[-20:]}
    for line in lines:
        line.close()
    after = peak_mb(hub.process.pid)
    record_property("peak_mb", after)
    assert after - before < 40
    assert said <= {b"413", b"404", b"405"}
    assert hub.machine().call("POST", "/v1/heartbeats", b"{}").status_code == 200


@pytest.mark.parametrize("body", [b"a&" * 100, b"link=%00%ff", b"link=" + b"x" * 200, b"\xff\xfe", b"=&=;link", b""])
def test_what_no_page_of_ours_sends_opens_nothing_and_is_no_fault_of_the_hub(hub: RunningHub, body: bytes) -> None:
    answered = httpx.post(f"{hub.url}/phone", content=body, timeout=HANG_S)
    assert answered.status_code == 200
    assert "phone" not in answered.text.lower().partition("<form")[2]


def _all_but_a_byte(line: socket.socket, path: str) -> None:
    with contextlib.suppress(OSError):
        start_request(line, "POST", path, {"content-length": str(MB)})
        line.sendall(bytes(MB - 1))


@pytest.mark.parametrize("path", ["//v1/heartbeats", "/v1//heartbeats", "/%76%31//heartbeats", "//v1/enrolments", "//"])
def test_no_other_spelling_of_an_address_leads_past_the_front(machine: Machine, path: str) -> None:
    assert machine.call("POST", path, b"{}").status_code == 404


def test_a_body_that_is_not_the_signed_one_is_refused(machine: Machine) -> None:
    headers = machine.signed("POST", "/v1/heartbeats", b"{}")
    told = machine.client.post("/v1/heartbeats", content=b'{"held":1}', headers=headers)
    assert (told.status_code, told.json()["detail"]) == (401, "the body is not the one that was signed")


def test_10000_idle_connections_cost_an_honest_machine_nothing(serving: RunningHub) -> None:
    """From 100 addresses. More than there may be: those that came first went."""
    machine = enrolled(serving)
    machine.call("POST", "/v1/heartbeats", b"{}")
    lines = crowd(serving, "127.0.1", 10_000)
    before = cpu_s(serving.process.pid)
    try:
        for _ in range(20):
            # One connection that is kept, and one that is new, in the middle of them.
            assert machine.call("POST", "/v1/heartbeats", b"{}").status_code == 200
            with httpx.Client(base_url=serving.url, timeout=HANG_S) as client:
                headers = machine.signed("POST", "/v1/heartbeats", b"{}")
                assert client.post("/v1/heartbeats", content=b"{}", headers=headers).status_code == 200
        spent = cpu_s(serving.process.pid) - before
        assert sum(not is_closed(line) for line in lines) <= 256
    finally:
        for line in lines:
            line.close()
    assert spent < 2


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_one_address_has_its_share_only(serving: RunningHub) -> None:
    lines = crowd(serving, "127.0.2", 300, 1)
    eventually(lambda: sum(not is_closed(line) for line in lines) <= 128, "the others are closed")
    assert not is_closed(lines[-1])
    for line in lines:
        line.close()


@pytest.mark.parametrize("said", [b"", b"PUT /v1/envelopes/x HTTP/1.1\r\n", b"PUT /v1/envelopes/x HTTP/1.1\r\nA: "])
def test_a_head_that_never_ends_is_not_waited_for(serving: RunningHub, said: bytes) -> None:
    with connect(serving) as line:
        line.sendall(said)
        eventually(lambda: is_closed(line), "the hub closes it")


def test_a_head_without_end_is_cut_off(serving: RunningHub) -> None:
    with connect(serving) as line, contextlib.suppress(OSError):
        line.sendall(b"PUT / HTTP/1.1\r\n")
        for _ in range(100):
            line.sendall(b"A: " + b"a" * 30_000 + b"\r\n")
        assert answer(line)[:12] in (b"", b"HTTP/1.1 400")


TRAILING = {
    "trailers": (b"0\r\n", b"A: bbbbbbbb\r\n" * 5000),
    "a trailer": (b"0\r\nA: ", b"a" * 65536),
    "a trailer's name": (b"0\r\n", b"a" * 65536),
    "a word behind a size": (b"1;a=", b"a" * 65536),
}


@pytest.mark.parametrize("case", TRAILING)
def test_what_trails_a_body_without_end_is_neither_kept_nor_read(
    serving: RunningHub, case: str, record_property: object
) -> None:
    """One stranger's trailers were 1.3 GB of the hub's memory after nine seconds."""
    before_mb = peak_mb(serving.process.pid)
    begin, piece = TRAILING[case]
    with connect(serving) as line:
        start_request(line, "POST", "/v1/enrolments", {"transfer-encoding": "chunked"})
        sent = 0
        with contextlib.suppress(ConnectionError):
            line.sendall(begin)
            while sent < 64 * MB:
                line.sendall(piece)
                sent += len(piece)
    assert sent < 64 * MB, "it is cut off"
    after_mb = peak_mb(serving.process.pid)
    record_property("peak_mb", after_mb)  # type: ignore[operator]
    assert after_mb < before_mb + 30


def test_requests_that_are_sent_before_an_answer_are_not_kept_by_the_thousand(
    serving: RunningHub, record_property: object
) -> None:
    """60 strangers with 14,000 requests each took 1.3 GB, and an honest heartbeat 40 s."""
    machine, before_mb = enrolled(serving), peak_mb(serving.process.pid)
    lines = [connect(serving) for _ in range(8)]
    for line in lines:
        with contextlib.suppress(OSError):
            line.sendall(b"GET / HTTP/1.1\r\n\r\n" * 14_000)
    assert machine.call("POST", "/v1/heartbeats", b"{}").status_code == 200
    for line in lines:
        eventually(lambda line=line: is_closed(line), "the hub closes it")
        line.close()
    after_mb = peak_mb(serving.process.pid)
    record_property("peak_mb", after_mb)  # type: ignore[operator]
    assert after_mb < before_mb + 30


def test_a_few_requests_at_once_are_answered_one_after_the_other(serving: RunningHub) -> None:
    with connect(serving) as line:
        line.sendall(b"GET / HTTP/1.1\r\n\r\n" * 4)
        said = b""
        while said.count(b"HTTP/1.1 404") < 4 and (more := answer(line)):
            said += more
        assert said.count(b"HTTP/1.1 404") == 4


def test_a_kept_connection_of_a_machine_outlives_a_crowd(serving: RunningHub) -> None:
    machine = enrolled(serving)
    with connect(serving) as line:
        for _ in range(2):
            headers = machine.signed("POST", "/v1/heartbeats", b"{}") | {"content-length": "2"}
            start_request(line, "POST", "/v1/heartbeats", {"host": urlsplit(serving.url).netloc, **headers})
            line.sendall(b"{}")
            said = answer(line)
            while b"numbering" not in said:
                said += answer(line)
            assert said.startswith(b"HTTP/1.1 200")
            others = crowd(serving, "127.0.3", 600)
            for each in others:
                each.close()


@pytest.mark.parametrize("path", ["/metrics", "/schema", "/schema/openapi.json", "//metrics", "/metrics/"])
def test_figures_and_schema_are_for_monitoring_only(serving: RunningHub, path: str) -> None:
    def told(client: str, forwarded: dict[str, str]) -> int:
        with httpx.Client(transport=httpx.HTTPTransport(local_address=client), timeout=HANG_S) as http:
            return http.get(f"{serving.url}{path}", headers=forwarded).status_code

    known = 404 if path.startswith("//") else 200  # there is no such address, for nobody
    assert told("127.0.0.1", {}) == known
    assert told("127.0.0.1", {"X-Forwarded-For": "203.0.113.1"}) == known, "only the front's word counts"
    assert told("127.0.0.9", {"X-Forwarded-For": "203.0.113.1"}) == 404
    assert told("127.0.0.9", {"X-Forwarded-For": "127.0.0.1, 203.0.113.1"}) == 404
    assert told("127.0.0.9", {}) == 404
    assert told("127.0.0.9", {"X-Forwarded-For": "203.0.113.1, 192.0.2.7"}) == known


def test_what_strangers_ask_fills_no_log(serving: RunningHub) -> None:
    log = serving.data.with_name("hub.log")
    before = log.stat().st_size
    with httpx.Client(base_url=serving.url, timeout=HANG_S) as client:
        for at in range(300):
            assert client.put(f"/v1/parcels/{at:064x}", content=b"x").status_code == 401
    assert log.stat().st_size - before < 300


def test_who_is_not_enrolled_hears_nothing_about_ids(hub: RunningHub, machine: Machine) -> None:
    thief = Machine(hub, machine.kiosk_id)
    stranger = Machine(hub, "K-nobody")
    gm = seal.new_sign_key("gm").private
    said = [each.call("PUT", "/v1/envelopes/x", b"{}") for each in (thief, stranger)]
    said += [each.call("PUT", "/v1/envelopes/x", b"{}", suite="gm", private_key=gm) for each in (thief, stranger)]
    said += [each.call("PUT", "/v1/envelopes/x", b"{}", form=1) for each in (thief, stranger)]
    said += [each.call("PUT", "/v1/envelopes/x", b"{}", shift_s=9000) for each in (thief, stranger)]
    assert {(each.status_code, each.content) for each in said} == {(401, said[0].content)}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_serving_beyond_this_computer_without_tls_or_a_front_is_refused(host: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hub", "serve", "--host", host, "--dsn", "x", "--keys", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"hub: {host} is beyond this computer: give --tls-cert and --tls-key, or --behind FRONT\n"


def test_whoever_asks_whether_the_hub_is_ready_takes_one_connection_with_all_others() -> None:
    """Anybody may: a crowd of them held every connection that the machines have, each waiting for the one before."""
    looks: list[str] = []
    hub: Any = SimpleNamespace(pool=SimpleNamespace())

    @contextlib.asynccontextmanager
    async def connection() -> AsyncIterator[Any]:
        looks.append("begun")
        await asyncio.sleep(0)
        if "away" in looks:
            raise psycopg.OperationalError
        yield SimpleNamespace(transaction=lambda **_: contextlib.nullcontext(), execute=lambda _: asyncio.sleep(0))

    async def all_ask() -> list[object]:
        return await asyncio.gather(*(readyz.fn(hub) for _ in range(20)), return_exceptions=True)

    async def story() -> None:
        hub.pool.connection = connection
        for n in (1, 2):
            assert await all_ask() == [{"status": "ready"}] * 20
            assert looks == ["begun"] * n, "who asks later has a look of his own"
        looks.append("away")
        assert [type(each) for each in await all_ask()] == [Problem] * 20

    asyncio.run(story())
