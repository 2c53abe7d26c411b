"""The network switch on real TCP connections: what passes, what breaks, what lies."""

from __future__ import annotations

import contextlib
import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest

from devices.simulation import ControlClient
from kiosk.demo.children import Child, end_all
from kiosk.demo.network import Switch
from tests.waiting import HANG_S


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"hub")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[tuple[str, int]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_address
    server.shutdown()
    server.server_close()


@pytest.fixture
def switch(hub: tuple[str, int]) -> Iterator[Switch]:
    made = Switch(hub)
    yield made
    made.close()


@pytest.fixture
def client(switch: Switch) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{switch.port}", timeout=5.0) as made:
        yield made


def test_open_network_passes_everything(client: httpx.Client) -> None:
    assert client.get("/").text == "hub"


def test_cut_breaks_a_standing_connection_and_refuses_new_ones_until_restored(
    switch: Switch, client: httpx.Client
) -> None:
    assert client.get("/").text == "hub"
    standing = socket.create_connection(("127.0.0.1", switch.port))
    standing.settimeout(HANG_S)
    switch.cut()
    with contextlib.suppress(ConnectionResetError):
        assert standing.recv(10) == b""
    standing.close()
    with pytest.raises(httpx.TransportError):
        client.get("/")
    switch.restore()
    assert client.get("/").text == "hub"


def test_silent_network_never_answers_and_a_swallowed_request_does_not_come_back(
    switch: Switch, client: httpx.Client
) -> None:
    switch.silent()
    with pytest.raises(httpx.ReadTimeout):
        client.get("/", timeout=0.3)
    switch.restore()
    assert client.get("/").text == "hub"


def test_slow_network_outlasts_a_short_time_limit_and_serves_a_longer_one(switch: Switch, client: httpx.Client) -> None:
    switch.slow(delay_s=0.3)
    with pytest.raises(httpx.ReadTimeout):
        client.get("/", timeout=0.1)
    assert client.get("/", timeout=HANG_S).text == "hub"


def test_turning_slow_off_wakes_what_was_waiting(switch: Switch) -> None:
    switch.slow(delay_s=10 * HANG_S)
    answers: list[str] = []
    asking = threading.Thread(
        target=lambda: answers.append(httpx.get(f"http://127.0.0.1:{switch.port}/", timeout=HANG_S).text), daemon=True
    )
    asking.start()
    while not switch.state()["connections"]:
        threading.Event().wait(0.01)
    switch.restore()
    asking.join(HANG_S)
    assert answers == ["hub"]


def test_portal_answers_html_in_the_hubs_place(switch: Switch, client: httpx.Client) -> None:
    switch.nonsense()
    answer = client.get("/v1/envelopes/1")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "hub" not in answer.text


def test_hub_away_looks_like_a_broken_connection(client: httpx.Client, switch: Switch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        switch.target = closed.getsockname()
    with pytest.raises(httpx.TransportError):
        client.get("/")


def test_switch_as_a_process_is_operated_by_its_control_socket(hub: tuple[str, int], tmp_path) -> None:
    argv = [
        sys.executable,
        "-m",
        "kiosk.demo.network",
        "--target",
        f"{hub[0]}:{hub[1]}",
        "--control",
        str(tmp_path / "c"),
    ]
    child = Child("network", argv, tmp_path)
    try:
        ready = child.wait_ready(20.0)
        control = ControlClient(ready["control"])
        assert set(control.do("help")["verbs"]) == {"restore", "cut", "silent", "slow", "nonsense", "state", "help"}
        assert httpx.get(ready["url"], timeout=HANG_S).text == "hub"
        assert control.do("cut")["mode"] == "cut"
        with pytest.raises(httpx.TransportError):
            httpx.get(ready["url"], timeout=HANG_S)
    finally:
        end_all([child])
    assert child.process.returncode == 0


def test_wrong_target_is_a_usage_error() -> None:
    done = subprocess.run([sys.executable, "-m", "kiosk.demo.network"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--target" in done.stderr
