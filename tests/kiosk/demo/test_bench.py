"""The bench over real HTTP and real control sockets, with small stand-ins for the devices behind them."""

from __future__ import annotations

import http.server
import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from devices.simulation import ControlClient, SimError, SimServer
from kiosk.demo.bench import BenchServer, page_html
from kiosk.demo.stage import Stage
from kiosk.demo.watch import MachineWatch
from tests.waiting import HANG_S

PEOPLE = """
[[person]]
id = "zhao"
about = "a note"
photo = "zhao.webp"
[person.card]
kind = "resident"
name = "赵德福"
birth = "19580317"
[[person]]
id = "newcomer"
about = "not in our texts"
staff = "guide"
pin = "2468"
[person.card]
kind = "resident"
name = "新来"
birth = "20000101"
"""


class Reader:
    def __init__(self) -> None:
        self.card = ""

    def place(self, card: str) -> None:
        if card == "nobody":
            raise SimError("no such card")
        self.card = card

    def state(self) -> dict[str, object]:
        return {"card": self.card}

    def plugging(self) -> None:
        pass


class Hub(http.server.BaseHTTPRequestHandler):
    faults = '{"slow_s": 0, "down": []}'

    def do_GET(self) -> None:
        self.send_response(200 if self.path in ("/readyz", "/demo/faults") else 404)
        self.end_headers()
        self.wfile.write(Hub.faults.encode() if self.path == "/demo/faults" else b"")

    def do_POST(self) -> None:
        Hub.faults = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    hub = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=hub.serve_forever, args=(0.05,), daemon=True).start()
    people = tmp_path / "people.toml"
    people.write_text(PEOPLE, encoding="utf-8")
    (tmp_path / "zhao.webp").write_bytes(b"RIFFpicture")
    reader = Reader()
    server = SimServer(
        tmp_path / "reader", {"place": reader.place, "unplug": reader.plugging, "replug": reader.plugging}, reader.state
    )
    server.start()
    made = Stage(tmp_path)
    made.slips.mkdir()
    made.ready["hub"] = {"url": f"http://127.0.0.1:{hub.server_address[1]}", "people": str(people)}
    made.controls["id_card_reader"] = ControlClient(tmp_path / "reader")
    made.controls["camera"] = ControlClient(tmp_path / "nothing-listens-here")
    yield made
    made.end()
    server.close()
    hub.shutdown()
    hub.server_close()


@pytest.fixture
def client(stage: Stage) -> Iterator[httpx.Client]:
    server = BenchServer(stage, MachineWatch(stage.status_socket))
    server.start()
    with httpx.Client(base_url=server.url, timeout=HANG_S) as made:
        yield made
    server.stop()


def test_page_has_all_its_words_in_both_languages_and_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/").text
    assert "通办 · 演示台" in page
    assert "Tongban demo bench" in page
    assert "{{" not in page
    assert "/*words*/{}" not in page
    for key in set(re.findall(r"""["'](bench\.[a-z_.]*[a-z])["']""", page)):
        assert f'"{key}": {{"zh"' in page
    assert "https://" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert page == page_html()


def test_card_is_placed_by_a_press_and_shown_in_the_state(client: httpx.Client) -> None:
    done = client.post("/do", json={"device": "id_card_reader", "verb": "place", "arguments": {"card": "zhao"}})
    assert done.json() == {"ok": True}
    state = client.get("/state").json()
    assert state["devices"]["id_card_reader"]["card"] == "zhao"
    assert state["hub"] == {"ready": True, "traffic": True, "household": True, "exit_entry": True}
    assert state["machine"] == {"connected": False, "page": {}}


def test_refused_press_says_why(client: httpx.Client) -> None:
    done = client.post("/do", json={"device": "id_card_reader", "verb": "place", "arguments": {"card": "nobody"}})
    assert done.json() == {"ok": False, "error": "no such card"}


def test_department_is_stopped_and_started_without_touching_the_others(client: httpx.Client) -> None:
    assert client.post("/do", json={"device": "traffic", "verb": "stop"}).json()["ok"] is True
    hub = client.get("/state").json()["hub"]
    assert (hub["traffic"], hub["household"]) == (False, True)
    assert json.loads(Hub.faults) == {"slow_s": 0, "down": ["traffic"]}
    client.post("/do", json={"device": "traffic", "verb": "restore"})
    assert client.get("/state").json()["hub"]["traffic"] is True


def test_unplugged_device_is_shown_even_when_its_own_state_does_not_say_so(
    client: httpx.Client,
) -> None:
    assert client.post("/do", json={"device": "id_card_reader", "verb": "unplug"}).json() == {"ok": True}
    assert client.get("/state").json()["devices"]["id_card_reader"]["plugged"] is False
    client.post("/do", json={"device": "id_card_reader", "verb": "replug"})
    assert client.get("/state").json()["devices"]["id_card_reader"]["plugged"] is True


def test_dead_device_is_shown_as_gone_and_its_press_fails_politely(client: httpx.Client) -> None:
    assert client.get("/state").json()["devices"]["camera"]["gone"] is True
    assert client.post("/do", json={"device": "camera", "verb": "freeze"}).json()["ok"] is False


@pytest.mark.parametrize(
    "body", [{"device": "id_card_reader"}, {"device": 1, "verb": "x"}, {"device": "a", "verb": "b", "c": 1}]
)
def test_ill_formed_press_is_refused(client: httpx.Client, body: dict[str, object]) -> None:
    assert client.post("/do", json=body).status_code == 400


def test_unknown_device_is_not_found(client: httpx.Client) -> None:
    assert client.post("/do", json={"device": "rocket", "verb": "start"}).status_code == 404


def test_people_are_listed_with_our_words_or_the_files_own(client: httpx.Client) -> None:
    zhao, newcomer = client.get("/people").json()
    assert "驾驶证" in zhao["about_zh"]
    assert newcomer["about_zh"] == newcomer["about_en"] == "not in our texts"
    assert (newcomer["staff"], newcomer["pin"]) == ("guide", "2468")
    assert client.get("/people/zhao/photo").content == b"RIFFpicture"
    assert client.get("/people/newcomer/photo").status_code == 404


def test_slips_come_newest_first_and_nothing_else_is_served(client: httpx.Client, stage: Stage) -> None:
    for number, name in enumerate(("slip-1.png", "slip-2.png")):
        path = stage.slips / name
        path.write_bytes(b"\x89PNG" + name.encode())
        os.utime(path, (1000 + number, 1000 + number))
    assert client.get("/state").json()["slips"] == ["slip-2.png", "slip-1.png"]
    assert client.get("/slips/slip-1.png").content == b"\x89PNGslip-1.png"
    assert client.get("/slips/..%2Fpeople.toml").status_code == 404


def test_another_site_in_the_same_browser_cannot_operate_the_bench(client: httpx.Client) -> None:
    press = {"device": "id_card_reader", "verb": "place", "arguments": {"card": "zhao"}}
    assert client.post("/do", json=press, headers={"Origin": "http://elsewhere.example"}).status_code == 403
    assert client.get("/state", headers={"Host": "elsewhere.example"}).status_code == 403
    assert client.get("/state").json()["devices"]["id_card_reader"]["card"] == ""
