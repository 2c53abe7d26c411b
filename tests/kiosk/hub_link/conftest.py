"""A small hub on a real socket that keeps CONTRACTS §6 and, when told, everything that can go wrong on the way."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from kiosk.clock import Clock
from kiosk.hub_link.filing import PRIORITIES, Filing
from kiosk.hub_link.identity import Identity
from kiosk.messages import envelope, questions, receipts, requests
from kiosk.messages.encoding import BadSignature
from kiosk.messages.fleet import Command, Enrolled, HeartbeatAnswer, sign_hub_keys
from kiosk.messages.seal import new_seal_key, new_sign_key, unseal
from offline_cache.outbox import Outbox
from offline_cache.store import Store
from offline_cache.values import Values

OTHERS = {
    "key": envelope.new_key(),
    "sha256": "0" * 64,
    "status": 413,
    "reason": "another",
    "signature": "A" * 86,
}
"""What each member of a refusal is not."""
HTML = b"<html><body>Welcome to the hall's wireless network</body></html>"


class SmallHub:
    """``faults``: what happens to the next requests whose "METHOD /path" begins so; each is used once."""

    def __init__(self) -> None:
        self.seal_keys, self.sign_keys = new_seal_key(), new_sign_key()
        self.machines: dict[str, str] = {}
        self.parcels: dict[str, bytes] = {}
        self.partial: dict[str, bytearray] = {}
        self.received: dict[str, envelope.Submission] = {}
        self.receipts: dict[str, bytes] = {}
        self.order: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.forms: list[int] = []
        self.bodies: list[bytes] = []
        self.faults: list[tuple[str, str]] = []
        self.nonces: set[str] = set()
        self.signs = True
        self.change: Callable[[HeartbeatAnswer], Any] = lambda told: told
        """What a hub of another version, or a stranger, says in place of a heartbeat's answer."""
        self.damage: Callable[[bytes], bytes] = lambda content: content
        """What the way does to a signed answer."""
        self.clock_offset_s = 0
        self.form = requests.NEWEST_FORM
        """Of request signatures that it reads; 1: a hub that is one version older."""
        self.commands: list[Command] = []
        self.connections: list[socket.socket] = []
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                hub.connections.append(self.connection)

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                hub.answer(self, body)

            do_GET = do_PUT = do_POST = do_HEAD = handle_one  # noqa: N815 - names of http.server

            def log_message(self, *_: object) -> None: ...

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()

    def fault(self, path: str) -> str:
        for index, (prefix, fault) in enumerate(self.faults):
            if path.startswith(prefix):
                del self.faults[index]
                return fault
        return ""

    def answer(self, call: BaseHTTPRequestHandler, body: bytes) -> None:
        self.requests.append((call.command, call.path))
        self.forms.append(int(call.headers.get(requests.FORM, "1")))
        if call.command == "PUT":
            self.bodies.append(body)
        fault = self.fault(f"{call.command} {call.path}")
        if fault == "cut":
            return self._cut(call)
        if fault == "html":
            return self._reply(call, 200, HTML, {"Content-Type": "text/html"})
        if fault == "replayed":
            own = {"Content-Type": "application/problem+json"}
            return self._reply(call, 401, b'{"type":"urn:tongban:problem:replayed"}', own)
        if fault.isdigit():
            return self._reply(
                call, int(fault), b'{"detail":"told to"}', {"Retry-After": "1"} if fault == "429" else {}
            )
        if fault.startswith(("page ", "signed ", "forged ")):
            return self._reply(call, *self._page(fault, body))
        status, content, headers = self._serve(call, body)
        headers |= {requests.FORM: str(self.form)} if self.form > 1 else {}
        if fault == "cut answer":
            return self._cut(call)
        if fault == "late":
            threading.Event().wait(1.0)
        if fault == "wrong signature":
            told = msgspec.json.decode(content)
            content = msgspec.json.encode({**told, "signature": told["signature"][::-1]})
        return self._reply(call, status, content, headers)

    def _page(self, fault: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """A gateway's ``page STATUS TYPE``, the hub's own ``signed STATUS``, or ``forged STATUS MEMBER``."""
        what, status, *rest = fault.split()
        if what == "page":
            return int(status), HTML, {"Content-Type": rest[0]}
        header = msgspec.json.decode(body)["header"]
        signer = {"private_key": self.sign_keys.private}
        refusal = receipts.sign_refusal(
            header["key"], envelope.digest_of_wire(body), status=int(status), reason="told to", **signer
        )
        told = msgspec.to_builtins(refusal)
        if what == "forged":
            told[rest[0]] = OTHERS[rest[0]]
        problem = {"title": "Refused", "status": int(status), "refusal": told}
        return int(status), msgspec.json.encode(problem), {"Content-Type": "application/problem+json"}

    def _serve(self, call: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        path, now = call.path.partition("?")[0], int(time.time()) + self.clock_offset_s
        mine = {requests.TIME: str(now)}
        if path == "/healthz":
            return 200, b"{}", {}
        stamp = requests.read_stamp(call.headers)
        key = self.machines.get(stamp.kiosk_id)
        if path == "/v1/enrolments":
            told = msgspec.json.decode(body)
            if told["code"] != "GOOD":
                return (
                    403,
                    b'{"title":"Forbidden","detail":"the code was used"}',
                    {"Content-Type": "application/problem+json"},
                )
            key = self.machines[stamp.kiosk_id] = told["public_key"]
        try:
            said = (call.headers.get(name, "") for name in ("Host", "Content-Range"))
            signed = requests.Call(call.command, call.path, sha256(body).hexdigest(), *said)
            if stamp.form > self.form:
                raise BadSignature("form")
            requests.verify_request(stamp, signed, public_key=key or "", now_s=now)
            if stamp.nonce in self.nonces:
                raise BadSignature("nonce")
        except BadSignature:
            return 401, b"{}", mine
        self.nonces.add(stamp.nonce)
        if path == "/v1/enrolments":
            return self._signed(201, stamp, Enrolled(stamp.kiosk_id, self.seal_keys.public, self.sign_keys.public))
        if path == "/v1/heartbeats":
            keys = sign_hub_keys(stamp.kiosk_id, self.seal_keys.public, self.sign_keys.public, self.sign_keys.private)
            told = HeartbeatAnswer(self.commands, "2027-01-12T00:00:00Z", keys)
            return self._signed(200, stamp, self.change(told))
        if path.startswith("/v1/questions/"):
            return 200, self._ask(path.rsplit("/", 1)[1], body), {}
        if path.startswith("/v1/parcels/"):
            return self._parcel(call, path.rsplit("/", 1)[1], body)
        return self._envelope(body, key or "")

    def _signed(self, status: int, stamp: requests.Stamp, told: Any) -> tuple[int, bytes, dict[str, str]]:
        content = msgspec.json.encode(told)
        if not self.signs:
            return status, content, {}
        signature = requests.sign_answer(status, content, stamp, self.sign_keys.private)
        return status, self.damage(content), {requests.ANSWER: signature}

    def _ask(self, kind: str, body: bytes) -> bytes:
        asked = questions.open_question(kind, body, self.seal_keys.private)
        return questions.seal_answer(asked, questions.ProgressAnswer([]), self.sign_keys.private)

    def _parcel(self, call: BaseHTTPRequestHandler, digest: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        there = self.partial.setdefault(digest, bytearray())
        if call.command == "PUT" and digest not in self.parcels:
            span = call.headers.get("Content-Range", f"bytes 0-{len(body) - 1}/{len(body)}")[6:]
            start, total = int(span.split("-")[0]), int(span.split("/")[1])
            if start > len(there):
                return 416, b"", {"Upload-Offset": str(len(there)), "Upload-Complete": "?0"}
            there[start:] = body
            if len(there) == total:
                assert sha256(there).hexdigest() == digest
                self.parcels[digest] = bytes(there)
        complete = digest in self.parcels
        status = 200 if call.command == "HEAD" else 201 if complete else 202
        return status, b"", {"Upload-Offset": str(len(there)), "Upload-Complete": "?1" if complete else "?0"}

    def _envelope(self, body: bytes, public_key: str) -> tuple[int, bytes, dict[str, str]]:
        sent = envelope.parse(body)
        envelope.verify_header(sent.header_bytes, sent.signature, public_key)
        key = sent.header.key
        if key in self.received:
            same = self.received[key].digest == sent.digest
            return (200, self.receipts[key], {}) if same else (409, b"{}", {})
        missing = [part.sha256 for part in sent.header.parts if part.sha256 not in self.parcels]
        if missing:
            return 424, msgspec.json.encode({"missing": missing}), {"Content-Type": "application/problem+json"}
        self.received[key] = sent
        self.order.append(key)
        receipt = receipts.sign_receipt(
            key,
            sent.digest,
            hub_seq=len(self.order),
            received_at="2027-01-12T00:00:00Z",
            private_key=self.sign_keys.private,
        )
        self.receipts[key] = receipts.receipt_bytes(receipt)
        return 201, self.receipts[key], {}

    def opened(self, key: str, part: str) -> bytes:
        header = self.received[key].header
        sealed = next(self.parcels[each.sha256] for each in header.parts if each.name == part)
        return unseal(sealed, self.seal_keys.private, kiosk_id=header.kiosk_id, key=key, part=part)

    @staticmethod
    def _cut(call: BaseHTTPRequestHandler) -> None:
        call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        call.close_connection = True
        call.connection.close()

    @staticmethod
    def _reply(call: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str]) -> None:
        try:
            call.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                call.send_header(name, value)
            call.send_header("Content-Length", "0" if call.command == "HEAD" else str(len(content)))
            call.end_headers()
            if call.command != "HEAD":
                call.wfile.write(content)
        except OSError:
            call.close_connection = True


class Settings(NamedTuple):
    url: str
    seal_key: str
    verify_key: str
    ca_file: str = ""
    request_timeout_s: float = 5.0


class Kit(NamedTuple):
    """A machine's durable side."""

    store: Store
    outbox: Outbox
    identity: Identity
    filing: Filing
    clock: Clock


@pytest.fixture
def hub() -> Iterator[SmallHub]:
    small = SmallHub()
    small.start()
    yield small
    small.stop()


@pytest.fixture
def kit(hub: SmallHub, tmp_path: Path) -> Iterator[Kit]:
    clock = Clock()
    store = Store.open(tmp_path / "store.db", now=clock.now, ballast_mb=0, free_floor_mb=1)
    outbox = Outbox(store, priorities=PRIORITIES)
    identity = Identity.load(Values(store), "hall-0001")
    hub.machines["hall-0001"] = identity.public_key
    yield Kit(store, outbox, identity, Filing(outbox, identity, seal_key=hub.seal_keys.public, clock=clock), clock)
    store.close()


@pytest.fixture
def settings(hub: SmallHub) -> Settings:
    return Settings(hub.url, hub.seal_keys.public, hub.sign_keys.public)


@pytest.fixture
def file(kit: Kit):
    """Files one case; ``case`` puts several into the same case."""

    def one(form: bytes = b"form", *, case: str | None = None, photo: bytes = b"", kind: str = "case") -> str:
        key = envelope.new_key()
        parts = {"form": form, **({"photo": photo} if photo else {})}
        kit.filing.file_now(kind, key, case or key, None, parts)
        return key

    return one
