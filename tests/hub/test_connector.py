"""A department as a process of its own behind HTTP: killed and started again, asked twice, asked by strangers."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar, LiteralString, cast
from uuid import uuid4

import httpx
import msgspec
import psycopg
import pytest
from click.testing import CliRunner

from hub.cli import main
from hub.connector.client import RemoteDepartment
from hub.gateway import DepartmentDown
from hub.postgres import OwnPostgres
from kiosk.messages.envelope import new_key
from kiosk.messages.plates import PlatesQuestion
from tests.hub.fixtures import PLAIN, ROOT, Machine, RunningHub, number_of
from tests.hub.test_department_contract import applicant
from tests.waiting import HANG_S, eventually

TOKEN = "synthetic-token-of-this-test-0123456789"


@dataclass
class Office:
    """The process of one department and its own database."""

    dsn: str
    token: Path
    url: str = ""
    process: subprocess.Popen | None = None

    def start(self, pace_s: float = 0.0) -> None:
        port = self.url.rpartition(":")[2] or "0"
        command = [sys.executable, "-m", "hub", "department", "serve", "household", "--dsn", self.dsn, "--port", port]
        more = ["--token-file", str(self.token), "--pace-s", str(pace_s)]
        people = [] if self.url else ["--people", str(ROOT / "hub/people/people.toml")]
        self.process = subprocess.Popen([*command, *more, *people], stdout=subprocess.PIPE, cwd=ROOT)
        assert self.process.stdout
        self.url = msgspec.json.decode(self.process.stdout.readline())["url"]

    def kill(self) -> None:
        assert self.process
        assert self.process.stdout
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(HANG_S)
        self.process.stdout.close()

    def ask(self, method: str, path: str, body: object = None, token: str = TOKEN) -> httpx.Response:
        content = msgspec.json.encode(body) if body is not None else b""
        return httpx.request(
            method,
            self.url + path,
            content=content,
            headers={"Authorization": f"Bearer {token}"},
            verify=PLAIN,
            timeout=HANG_S,
        )

    def sql(self, query: LiteralString, *values: object) -> list[tuple]:
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            return conn.execute(query, values).fetchall()


@pytest.fixture(scope="module")
def office(cluster: OwnPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The household department, on a database in which there is no hub."""
    name = f"office_{uuid4().hex[:8]}"
    with psycopg.connect(cluster.dsn, autocommit=True) as conn:
        conn.execute(f"create database {name}".encode())
    token = tmp_path_factory.mktemp("office") / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    office = Office(cluster.dsn.replace("dbname=tongban", f"dbname={name}"), token)
    office.start()
    yield office
    office.kill()


@pytest.fixture(scope="module")
def hub(office: Office, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A hub whose household department is that process."""
    options = ["--department", f"household={office.url}", "--token-file", str(office.token)]
    running = RunningHub(database, tmp_path_factory.mktemp("hub") / "data", options=options)
    running.start()
    yield running
    assert running.stop() == 0


def test_a_department_elsewhere_answers_as_one_that_is_here(hub: RunningHub, office: Office, machine: Machine) -> None:
    assert "H13" in [item.service for item in machine.ask("due", id_number=number_of("li")).items]
    machine.file_case("li", "H13", "H-remote")
    machine.wait_for("H-remote", "accepted")
    assert office.sql("select state from household.case_desk") == [("accepted",)]
    assert hub.sql("select count(*) from household.application") == [(0,)]
    office.sql("insert into household.case_clock values (3) returning 1")
    machine.wait_for("H-remote", "decided")
    assert office.ask("GET", "/v1/applications").json()["standings"][0][1] == "decided"
    asked = {"id_number": number_of("li"), "numbers": [], "today": "2027-01-12"}
    assert office.ask("POST", "/v1/bills", asked).json() == {"bills": []}, "this one demands no money"


READY = "insert into household.id_case values (%s, %s, 'damaged', 'ready', '2026-12-14', '2046-12-14') returning 1"


def test_what_is_ready_and_where_an_address_is_are_asked_there(office: Office, machine: Machine) -> None:
    key, li = new_key(), number_of("li")
    office.sql(READY, key, li)
    asked = {"id_number": li, "today": "2027-01-12"}
    assert office.ask("POST", "/v1/ready", asked).json() == {"case_keys": [key]}
    (found,) = office.sql("select address from household.standard_address order by address limit 1")[0]
    told: Any = machine.ask("address", words=found)
    assert told.found == [found]
    assert office.ask("POST", "/v1/addresses", {"words": [found], "most": 1}).json() == {"addresses": [found]}
    assert office.ask("POST", "/v1/addresses", {"words": [], "most": 51}).status_code == 422
    plates = {"asked": {"action": "give_back", "service": "T20", "key": key}, "now": "2027-01-12T02:00:00Z"}
    assert office.ask("POST", "/v1/plates", plates).json() == {"state": "none"}, "this one has none"
    office.sql("delete from household.id_case where case_key = %s returning 1", key)


class _Older(BaseHTTPRequestHandler):
    """A department of before: it knows facts, and nothing of what came later."""

    says: ClassVar[dict[str, bytes]] = {"/v1/facts": b'{"facts": {}}'}
    heard: ClassVar[dict[str, Any]] = {}

    def do_POST(self) -> None:
        self.heard[self.path] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = self.says.get(self.path, b"not found")
        self.send_response(200 if self.path in self.says else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


class _Newer(_Older):
    """One that answers everything."""

    says: ClassVar[dict[str, bytes]] = {
        "/v1/ready": b'{"case_keys": ["c"]}',
        "/v1/addresses": b'{"addresses": ["there"]}',
        "/v1/plates": b'{"state": "held", "number": "P"}',
    }


@contextmanager
def served(kind: type[_Older]) -> Iterator[RemoteDepartment]:
    there = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    Thread(target=there.serve_forever, daemon=True).start()
    try:
        yield RemoteDepartment("household", f"http://127.0.0.1:{there.server_address[1]}", TOKEN)
    finally:
        there.shutdown()
        there.server_close()


def test_what_a_department_says_to_the_newer_questions_is_what_the_hub_hears() -> None:
    key, nothing = new_key(), cast("Any", None)
    now = datetime(2027, 1, 12, 2, tzinfo=UTC)

    async def ask(department: RemoteDepartment) -> tuple:
        ready = await department.ready(nothing, "1")
        found = await department.addresses(nothing, ["a", "b"], 7)
        return ready, found, await department.plates(nothing, PlatesQuestion("give_back", "T20", key), now)

    with served(_Newer) as department:
        ready, found, plates = asyncio.run(ask(department))
    assert (ready, found, plates.state, plates.number) == (["c"], ["there"], "held", "P")
    assert _Newer.heard["/v1/ready"]["id_number"] == "1"
    assert _Newer.heard["/v1/addresses"] == {"words": ["a", "b"], "most": 7}
    asked = _Newer.heard["/v1/plates"]
    assert (asked["asked"]["key"], datetime.fromisoformat(asked["now"])) == (key, now)


def test_a_department_of_before_is_asked_nothing_that_it_does_not_know() -> None:
    nothing: Any = None
    question = PlatesQuestion("give_back", "T20", new_key())

    async def ask(department: RemoteDepartment) -> tuple:
        now = datetime(2027, 1, 12, tzinfo=UTC)
        told = [await department.ready(nothing, "1"), await department.addresses(nothing, ["a"], 7)]
        told.append((await department.plates(nothing, question, now)).state)
        with pytest.raises(DepartmentDown):
            await department.documents(nothing, "1")
        return (*told, await department.facts(nothing, "1", now.date()))

    with served(_Older) as department:
        assert asyncio.run(ask(department)) == ([], None, "none", {})


def test_killed_after_it_took_a_case_it_decides_it_once_when_it_is_back(
    hub: RunningHub, office: Office, machine: Machine
) -> None:
    office.kill()
    office.start(pace_s=60)
    sent = machine.file_case("wang", "H13", "H-killed")
    kept = "select count(*) from household.inbox where case_key = %s"
    eventually(lambda: office.sql(kept, sent.key) == [(1,)], "the case is kept there")
    office.kill()
    assert machine.ask("due", id_number=number_of("wang")).silent == ["household"]
    assert machine.states("H-killed") == ["delivered"]
    office.start()
    machine.wait_for("H-killed", "accepted")
    assert office.sql("select count(*) from household.application where case_key = %s", sent.key) == [(1,)]
    assert machine.states("H-killed") == ["delivered", "accepted", "decided"][: len(machine.states("H-killed"))]


def test_a_case_that_nobody_can_decide_keeps_no_other_one_waiting(office: Office, machine: Machine) -> None:
    """It stands first in the queue, from a version of before or by a hand in the database."""
    first = "00000000-0000-7000-8000-000000000001"
    office.sql("insert into household.inbox values (%s, '{}') returning 1", first)
    machine.file_case("zhou", "H13", "H-behind")
    eventually(lambda: {"accepted", "not_accepted"} & set(machine.states("H-behind")), "the next one is decided")
    office.sql("delete from household.inbox where case_key = %s returning 1", first)


def test_a_case_that_is_brought_again_is_known_and_another_one_under_its_key_is_refused(office: Office) -> None:
    path = f"/v1/applications/{new_key()}"
    card = msgspec.to_builtins(applicant("zhou"))
    body = {"service": "H13", "applicant": card, "answers": {}, "today": "2027-01-12"}
    first = office.ask("PUT", path, body)
    again = office.ask("PUT", path, {**body, "today": "2027-01-13"})
    assert (first.status_code, again.json()) == (200, first.json())
    assert office.ask("PUT", path, {**body, "today": "2027-01-13", "paid_on": "2027-01-12"}).json() == first.json()
    assert office.ask("PUT", path, {**body, "answers": {"phone": "1"}}).status_code == 409
    assert office.ask("PUT", path, {**body, "service": "H01"}).status_code == 409
    other = msgspec.to_builtins(applicant("li"))
    assert office.ask("PUT", path, {**body, "applicant": other}).status_code == 409


SAID_BESIDE = {
    "paid_fen": 1000,
    "second": msgspec.to_builtins(applicant("li")),
    "second_unread": True,
    "rests_on": [new_key()],
    "fulfilled": ["known_here"],
}


@pytest.mark.parametrize("name", SAID_BESIDE)
def test_what_is_said_beside_a_case_makes_no_other_one_of_it(office: Office, name: str) -> None:
    """Its fee was paid back while it waited, its original came after its slip: the first decision is the answer."""
    body = {"service": "H13", "applicant": msgspec.to_builtins(applicant("zhou")), "answers": {}, "today": "2027-01-12"}
    with_it = {**body, name: SAID_BESIDE[name]}
    for first, second in ((with_it, body), (body, with_it)):
        path = f"/v1/applications/{new_key()}"
        answer = office.ask("PUT", path, first)
        again = office.ask("PUT", path, second)
        assert (answer.status_code, again.status_code, again.json()) == (200, 200, answer.json())


def test_an_office_of_before_goes_on_with_its_inbox(office: Office) -> None:
    path = f"/v1/applications/{new_key()}"
    body = {"service": "H13", "applicant": msgspec.to_builtins(applicant("zhou")), "answers": {}, "today": "2027-01-12"}
    first = office.ask("PUT", path, body)
    office.kill()
    with psycopg.connect(office.dsn, autocommit=True) as conn:
        conn.execute("alter table household.inbox add sha256 text not null default 'x'")
        conn.execute("alter table household.inbox alter sha256 drop default")
    office.start()
    assert office.ask("PUT", path, body).json() == first.json()
    assert office.ask("PUT", f"/v1/applications/{new_key()}", body).status_code == 200


def test_a_case_in_whose_place_the_department_holds_another_one_is_left_to_a_person(
    hub: RunningHub, office: Office, machine: Machine
) -> None:
    key, card = new_key(), msgspec.to_builtins(applicant("zhou"))
    body = {"service": "H13", "applicant": card, "answers": {"phone": "1"}, "today": "2027-01-12"}
    assert office.ask("PUT", f"/v1/applications/{key}", body).status_code == 200
    machine.file_case("li", "H13", "H-another", key=key)
    asked = "select status::text from procrastinate_jobs where task_name = 'ask_department' and args->>'key' = %s"
    eventually(lambda: hub.sql(asked, key) == [("failed",)], "it is not asked for ever")
    assert machine.states("H-another") == ["delivered"]


STANDS = (
    "insert into household.case_desk (case_key, state, since, decide_on, is_collected, unit, promised_by) "
    "values (%s, %s, now(), '2027-01-12', false, 'd', '') returning 1"
)


ACCEPTED = (
    "insert into event (at, actor, kind, envelope_key, data) "
    "values (now(), 'household', 'case_state', %s, '{\"state\": \"accepted\"}') returning 1"
)


def cases(hub: RunningHub, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["department", "cases", "household", "--dsn", hub.dsn, *options])
    return result.exit_code, result.output


def test_the_books_of_a_department_elsewhere_are_compared_there(hub: RunningHub, office: Office) -> None:
    there = ["--department", f"household={office.url}", "--token-file", str(office.token)]
    both, only_here, only_there = new_key(), new_key(), new_key()
    for key, number in ((both, "H-both"), (only_here, "H-here")):
        hub.sql(
            "insert into case_file (key, state, receipt_number) values (%s, 'accepted', %s) returning 1", key, number
        )
        hub.sql(ACCEPTED, key)
    for key, state in ((both, "accepted"), (only_there, "[b]")):
        office.sql(STANDS, key, state)
    code, output = cases(hub, *there)
    rows = [line.split() for line in output.splitlines()]
    expected = (["H-both", "accepted", "accepted"], ["H-here", "-", "accepted"], [only_there, "[b]", "-"])
    assert code == 3
    assert [row for row in expected if row not in rows] == []
    office.sql("delete from household.case_desk where case_key = any(%s::uuid[]) returning 1", [both, only_there])
    code, output = cases(hub, "--department", "household=http://127.0.0.1:9", *there[2:])
    assert (code, "household gives no answer" in output) == (1, True)


@pytest.mark.attack(4)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/facts"),
        ("POST", "/v1/documents"),
        ("POST", "/v1/bills"),
        ("POST", "/v1/ready"),
        ("POST", "/v1/addresses"),
        ("POST", "/v1/plates"),
        ("GET", "/v1/stages?after=0&today=2027-01-12"),
        ("GET", "/v1/applications"),
        ("PUT", "/v1/applications/0199a3c0-0000-7000-8000-000000000001"),
    ],
)
@pytest.mark.parametrize("token", ["-", "x", TOKEN[:-1], TOKEN + "0"])
def test_a_stranger_learns_and_brings_nothing(office: Office, method: str, path: str, token: str) -> None:
    assert office.ask(method, path, {"id_number": number_of("li"), "today": "2027-01-12"}, token).status_code == 401


@pytest.mark.attack(4)
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"id_number": 5, "today": "x"}', b"[" * 100_000])
def test_what_is_no_question_is_refused_and_the_next_one_is_answered(office: Office, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.post(f"{office.url}/v1/facts", content=body, headers=headers, timeout=HANG_S).status_code == 422
    good = office.ask("POST", "/v1/facts", {"id_number": number_of("li"), "today": "2027-01-12"})
    assert good.json()["facts"]["permit_state"] == "normal"


@pytest.mark.parametrize(
    "url", ["http://198.51.100.7:9000", "ftp://127.0.0.1", "127.0.0.1:9000", "http://localhost.evil"]
)
def test_secrets_travel_in_the_clear_nowhere_but_on_this_computer(url: str) -> None:
    with pytest.raises(ValueError, match="https://"):
        RemoteDepartment("household", url, TOKEN)
