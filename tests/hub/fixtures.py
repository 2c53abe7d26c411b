"""A real hub for any test: own process, real PostgreSQL, real HTTP. A conftest imports the fixtures it wants."""

from __future__ import annotations

import os
import signal
import ssl
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import msgspec
import psutil
import psycopg
import pytest

from hub.postgres import OwnPostgres
from kiosk.clock import Clock
from kiosk.messages import content, envelope, questions, receipts, requests, seal, visits
from kiosk.messages.fleet import Enrolment
from tests.forking import Started, started
from tests.waiting import HANG_S, eventually

TODAY = datetime(2027, 1, 12, tzinfo=UTC).date()
ROOT = Path(__file__).resolve().parents[2]
CODE = "20270112"
"""The code of every slip that ``case_form`` fills in."""
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Of clients that need none: each would load all authorities anew, more work than its request."""
PEOPLE = {p["id"]: p for p in tomllib.loads((ROOT / "hub/people/people.toml").read_text("utf-8"))["person"]}


@dataclass
class RunningHub:
    """A ``hub demo`` process and its database."""

    dsn: str
    data: Path
    process: Started | None = None
    said: dict = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    clients: list[httpx.Client] = field(default_factory=list)
    """Of its machines: they go on when it is started again."""

    @property
    def url(self) -> str:
        return self.said["url"]

    def start(self, port: int = 0) -> None:
        place = ["--data", str(self.data), "--dsn", self.dsn, "--port", str(port)]
        log = self.data.parent / f"{self.data.name}.log"
        self.process = started("hub", log, "demo", *place, *self.options)
        line = self.process.stdout.readline()
        assert line, log.read_text()
        self.said = msgspec.json.decode(line)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(HANG_S)
        self.process.stdout.close()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(HANG_S)
        self.process.stdout.close()
        return code

    def end(self) -> None:
        """For good, with whoever talks to it."""
        code = self.stop()
        for client in self.clients:
            client.close()
        assert code == 0

    def demo(self, verb: str, path: str, **body: object) -> dict:
        answer = httpx.request(verb, f"{self.url}/demo/{path}", json=body or None, verify=PLAIN, timeout=HANG_S)
        assert answer.is_success, answer.text
        return answer.json()

    def sql(self, query: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            return conn.execute(query, values).fetchall()

    def code(self, machine: str | None = None, *, replace: bool = False) -> str:
        """A fresh enrolment code."""
        return self.demo("POST", "codes", machine=machine, replace=replace)["code"]

    def machine(self, kiosk_id: str | None = None) -> Machine:
        machine = Machine(self, kiosk_id or f"K-{uuid4().hex[:8]}")
        assert machine.enrol(self.code()).status_code == 201
        return machine


class Machine:
    """An enrolled kiosk, as far as the hub can see one."""

    def __init__(self, hub: RunningHub, kiosk_id: str) -> None:
        self.hub = hub
        self.kiosk_id = kiosk_id
        self.keys = seal.new_sign_key()
        self.clock = Clock(TODAY)
        self.seq = 0
        self.prev = envelope.FIRST_PREV
        self.client = httpx.Client(base_url=hub.url, timeout=HANG_S, verify=PLAIN)
        hub.clients.append(self.client)

    def call(
        self, method: str, path: str, body: bytes = b"", extra: dict | None = None, **sign: object
    ) -> httpx.Response:
        chunk = {"content_range": extra["Content-Range"]} if extra and "Content-Range" in extra else {}
        headers = {**self.signed(method, path, body, **chunk, **sign), **(extra or {})}
        return self.client.request(method, path, content=body, headers=headers)

    def signed(self, method: str, path: str, body: bytes, shift_s: int = 0, **more: Any) -> dict[str, str]:
        """The headers of a request; ``more`` as ``sign_request`` has it."""
        now_s = int(self.clock.now().timestamp()) + shift_s
        who = {"kiosk_id": self.kiosk_id, "private_key": self.keys.private, "host": urlsplit(self.hub.url).netloc}
        return requests.sign_request(method, path, body, **{**who, "time_s": now_s, **more})

    def enrol(self, code: str) -> httpx.Response:
        body = msgspec.json.encode(Enrolment(code, self.kiosk_id, self.keys.public))
        return self.call("POST", "/v1/enrolments", body)

    def envelope(
        self,
        kind: str,
        plain: bytes,
        key: str | None = None,
        parcels: bool = True,
        seq: int = 0,
        more: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Sealed:
        """A signed envelope with a sealed part ``form``, and ``more``; parcels are sent unless told otherwise."""
        key = key or envelope.new_key()
        to, said = self.hub.said["seal_key"], {"form": plain, **more}
        place = {"kiosk_id": self.kiosk_id, "key": key}
        parts = [(name, seal.seal(each, to, **place, part=name)) for name, each in said.items()]
        if not seq:
            self.seq += 1
        header = envelope.make_header(
            kiosk_id=self.kiosk_id,
            seq=seq or self.seq,
            key=key,
            kind=kind,
            case_id=key,
            created_at=self.clock.now(),
            parts=parts,
            prev_sha256=envelope.FIRST_PREV if seq == 1 else self.prev,
        )
        header_bytes = envelope.canonical(header)
        signature = envelope.sign_header(header_bytes, self.keys.private)
        if not seq:
            self.prev = envelope.digest(header_bytes, signature)
        for _, sealed in parts if parcels else ():
            assert self.put_parcel(sealed).status_code in (200, 201)
        return Sealed(key, header_bytes, signature, parts[0][1])

    def put_parcel(self, sealed: bytes) -> httpx.Response:
        return self.call("PUT", f"/v1/parcels/{envelope.sha256_hex(sealed)}", sealed)

    def put(self, sent: Sealed) -> httpx.Response:
        return self.call("PUT", f"/v1/envelopes/{sent.key}", sent.wire)

    def deliver(self, sent: Sealed) -> receipts.Receipt:
        answer = self.put(sent)
        assert answer.status_code in (200, 201), answer.text
        receipt = receipts.parse_receipt(answer.content)
        receipts.verify_receipt(receipt, self.hub.said["verify_key"], key=sent.key, sha256=sent.digest)
        return receipt

    def file_case(
        self, person: str, service: str, receipt_number: str, version: str = "2027.01", key: str = "", **answers: str
    ) -> Sealed:
        sent = self.envelope("case", case_form(person, service, receipt_number, version, **answers), key or None)
        self.deliver(sent)
        return sent

    def ask(self, kind: str, **payload: object) -> object:
        person = payload.get("id_number")
        asks = {"visit": self.visit(str(person))} if person else {}
        body, opener = questions.seal_question(kind, payload, self.hub.said["seal_key"], self.kiosk_id, **asks)
        understood = {requests.MESSAGES: str(questions.VERSION)}

        def told() -> list[httpx.Response]:
            """Asked again, as a machine does, where a department of a busy computer had no answer in time."""
            answer = self.call("POST", f"/v1/questions/{kind}", body, understood)
            return [answer] if answer.status_code != 503 else []

        (answer,) = eventually(told, f"an answer to {kind}")
        assert answer.status_code == 200, answer.text
        return opener.open(answer.content, self.hub.said["verify_key"])

    def status_of(self, kind: str, reads: int = questions.VERSION, **payload: object) -> int:
        """With which status a question about a person is answered."""
        asks = {"visit": self.visit(str(payload["id_number"]))}
        body, _ = questions.seal_question(kind, payload, self.hub.said["seal_key"], self.kiosk_id, **asks)
        return self.call("POST", f"/v1/questions/{kind}", body, {requests.MESSAGES: str(reads)}).status_code

    def visit(self, person: str, shift_s: int = 0, visit: str = "") -> visits.VisitKey:
        """The key of a visit in which this person's card was read."""
        who = {"kiosk_id": self.kiosk_id, "machine_key": self.keys.private}
        read_at_s = int(self.clock.now().timestamp()) + shift_s
        return visits.introduce(visit or uuid4().hex[:8], person, **who, read_at_s=read_at_s)

    def states(self, receipt_number: str) -> list[str]:
        case = self.case(receipt_number)
        return [state.state for state in case.states] if case else []

    def case(self, receipt_number: str) -> questions.CaseProgress | None:
        """What the hub tells the machine that filed it; asked by the envelope's key, which nobody guesses."""
        keys = self.hub.sql("select key::text from case_file where receipt_number = %s", receipt_number)
        return next(iter(self.ask("progress", keys=[key for (key,) in keys]).cases), None) if keys else None

    def wait_for(self, receipt_number: str, state: str) -> None:
        eventually(lambda: state in self.states(receipt_number), f"{receipt_number} {state}")


@dataclass(frozen=True)
class Sealed:
    key: str
    header_bytes: bytes
    signature: str
    part: bytes

    @property
    def wire(self) -> bytes:
        return envelope.wire(self.header_bytes, self.signature)

    @property
    def digest(self) -> str:
        return envelope.digest(self.header_bytes, self.signature)


def number_of(person: str) -> str:
    return PEOPLE[person]["card"]["number"]


def case_form(person: str, service: str, receipt_number: str, version: str = "2027.01", **answers: str) -> bytes:
    card = {k: v for k, v in PEOPLE[person]["card"].items() if k in content.Applicant.__struct_fields__}
    return content.encode_content(
        content.CaseForm(
            service=service,
            catalogue_version=version,
            receipt_number=receipt_number,
            applicant=msgspec.convert(card, content.Applicant),
            answers=answers or {"phone": "13800000000"},
            identity=content.Identity("face", "passed", 0.31, "test"),
            filed_at=datetime(2027, 1, 12, 2, tzinfo=UTC),
            slip_code=CODE,
        )
    )


def paid(hub: RunningHub, machine: Machine, case: str, service: str, amount_fen: int, days_ago: int = 0) -> None:
    """As the hub's book has it when the acquirer has said so."""
    order, at = [envelope.new_key(), machine.kiosk_id, amount_fen], machine.clock.now() - timedelta(days_ago)
    hub.sql(
        "insert into payment (order_no, kiosk_id, person_ref, amount_fen, state, made_at, closes_at, trade_no, "
        "paid_at) values (%s, %s, 'x', %s, 'paid', %s, %s, %s, %s) returning 1",
        *order,
        *(at, at, order[0], at),
    )
    hub.sql(
        "insert into payment_item (order_no, place, case_id, service, amount_fen, state) "
        "values (%s, 0, %s, %s, %s, 'paid') returning 1",
        *(order[0], case, service, amount_fen),
    )


@contextmanager
def frozen(postgres: OwnPostgres) -> Iterator[None]:
    """A database that hangs: it takes connections and says nothing, neither yes nor no."""
    postmaster = psutil.Process(postgres.pid)
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPostgres]:
    """One PostgreSQL for the whole session; fsync is off, because no test here cuts the power."""
    with OwnPostgres(tmp_path_factory.mktemp("cluster") / "data", durable=False) as postgres:
        yield postgres


@pytest.fixture(scope="module")
def database(cluster: OwnPostgres) -> str:
    """An empty database of its own."""
    name = f"hub_{os.getpid()}_{uuid4().hex[:8]}"
    with psycopg.connect(cluster.dsn, autocommit=True) as conn:
        conn.execute(f"create database {name}")
    return cluster.dsn.replace("dbname=tongban", f"dbname={name}")


@pytest.fixture(scope="module")
def hub(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A running ``hub demo`` with the synthetic people."""
    running = RunningHub(database, tmp_path_factory.mktemp("hub") / "data")
    running.start()
    yield running
    running.end()


@pytest.fixture
def machine(hub: RunningHub) -> Machine:
    return hub.machine()
