"""One machine's data stops nobody: what is rightly signed and cannot be stored is judged alone, with a 4xx."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from hub import events
from hub.database import open_pool
from hub.gateway import AnotherCase, DepartmentDown
from hub.inbox import receive
from hub.restore import Taken, take_in_paper
from hub.work import UntilItAnswers
from kiosk.messages import envelope, questions, seal
from kiosk.messages.batch import Member, write_batch
from kiosk.messages.encoding import InvalidMessage, canonical_json, sha256_hex, to_text
from kiosk.messages.receipts import refusal_in, verify_refusal
from tests.forking import forked
from tests.hub.fixtures import TODAY, Machine, RunningHub, case_form
from tests.waiting import HANG_S, eventually

pytestmark = pytest.mark.attack(3)
NUL, ESC, DEL, C1 = "a\0b", "a\x1bb", "a\x7fb", "a\x85b"
BAD_TEXTS = {
    "NUL": NUL,
    "escape": ESC,
    "delete": DEL,
    "C1": C1,
    "line feed at the end": "K-1\n",
    "overlong": "x" * 5000,
}
NO_NUMBERS = {
    "blank": "9901 0001",
    "markup": "[/b]",
    "part of a page": "<b>1</b>",
    "way out of a folder": "../1",
    "part of an address": "1?a=b#c",
    "word behind it": "1; drop",
    "written backwards": "\N{RIGHT-TO-LEFT OVERRIDE}1",
    "digits of another script": "\N{FULLWIDTH DIGIT ONE}\N{ARABIC-INDIC DIGIT ONE}",
}
"""Texts that a database can hold, and which are no number of a case and no key of a service."""
BAD_VALUES = {**BAD_TEXTS, "number": 10**15, "list": [[]], "table": {"a": 1}, "truth": True}
HEADER_TEXTS = ("suite", "kiosk_id", "key", "kind", "case_id", "created_at", "prev_sha256")


def poisoned(machine: Machine, **changes: Any) -> bytes:
    """The wire form of a case of this machine, rightly signed, in whose header something is wrong."""
    good = machine.envelope("case", case_form("zhao", "E13", "1" * 24), parcels=False)
    header = {**json.loads(good.header_bytes), **changes}
    raw = canonical_json(header)
    return envelope.wire(raw, envelope.sign_header(raw, machine.keys.private))


def still_serves(machine: Machine) -> None:
    """The hub takes the next case of anybody, and its department answers."""
    number = f"{machine.seq:024d}"
    machine.file_case("zhao", "E13", number)
    machine.wait_for(number, "accepted")


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES.keys())
@pytest.mark.parametrize("field", HEADER_TEXTS)
def test_header_that_nobody_can_store_is_refused_in_the_hubs_own_words(
    machine: Machine, hub: RunningHub, field: str, value: Any
) -> None:
    body = poisoned(machine, **{field: value})
    answer = machine.call("PUT", f"/v1/envelopes/{envelope.new_key()}", body)
    assert answer.status_code in (400, 422), answer.text
    said = refusal_in(answer.content)
    verify_refusal(said, hub.said["verify_key"], key=said.key, sha256=envelope.digest_of_wire(body))


RAW_BODIES = {
    "half a surrogate": b'{"header":{"case_id":"\\ud800"},"signature":"A"}',
    "NUL as a byte": b'{"header":{"case_id":"\0"},"signature":"A"}',
    "not UTF-8": b'{"header":{"case_id":"\xff"},"signature":"A"}',
    "deep": b'{"header":{"case_id":' + b"[" * 100_000,
    "deep and whole": b'{"header":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b',"signature":"A"}',
    "number of 5000 digits": b'{"header":{"seq":' + b"1" * 5000 + b'},"signature":"A"}',
    "number of 400 digits": b'{"header":{"seq":' + b"1" * 400 + b'},"signature":"A"}',
    "NaN": b'{"header":{"seq":NaN},"signature":"A"}',
    "infinite": b'{"header":{"seq":1e999},"signature":"A"}',
    "empty": b"",
    "a list": b"[]",
}


@pytest.mark.parametrize("name", RAW_BODIES)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/envelopes/0197c9a0-0000-7000-8000-000000000001"),
        ("POST", "/v1/heartbeats"),
        ("POST", "/v1/questions/due"),
        ("POST", "/v1/enrolments"),
    ],
)
def test_body_that_is_no_message_is_the_senders_fault(machine: Machine, method: str, path: str, name: str) -> None:
    body = RAW_BODIES[name]
    # A heartbeat may say what this version does not know.
    expected = (200,) if "400 digits" in name and "heartbeats" in path else (400, 401, 413, 422)
    assert machine.call(method, path, body).status_code in expected


@pytest.mark.parametrize("field", ["case_id", "kiosk_id", "created_at"])
@pytest.mark.parametrize("way", ["folder", "https"])
def test_batch_with_one_poisoned_envelope_loses_nothing_else(
    hub: RunningHub, machine: Machine, tmp_path: Path, way: str, field: str
) -> None:
    good = machine.envelope("case", case_form("zhao", "E13", "2" * 24), parcels=False)
    members = [
        Member("envelopes", "poison.json", poisoned(machine, **{field: NUL})),
        Member("envelopes", f"{good.key}.json", good.wire),
        Member("parcels", sha256_hex(good.part), good.part),
    ]
    (tmp_path / "out").mkdir()
    write_batch(tmp_path / "out" / "any.tbz", members)
    if way == "https":
        told = machine.call("POST", "/v1/batches", (tmp_path / "out" / "any.tbz").read_bytes()).json()
        assert [each["result"] for each in told["results"]] == ["accepted"]
        assert len(told["trouble"]) == 1
        return
    command = ["files", "--once", "--today", str(TODAY), "--dsn", hub.dsn]
    command += ["--keys", str(hub.data / "keys"), "--folder", str(tmp_path)]
    done = [forked("hub", *command) for _ in range(2)]
    assert [each.returncode for each in done] == [3, 0], done[0].stderr
    assert json.loads(done[0].stdout)["accepted"] == 1


WRONG_BEATS: dict[str, dict[str, Any]] = {
    **{f"catalogue version: {name}": {"catalogue_version": text} for name, text in BAD_TEXTS.items()},
    **{f"software version: {name}": {"software_version": text} for name, text in BAD_TEXTS.items()},
    **{f"device: {name}": {"devices": {text: "online"}} for name, text in BAD_TEXTS.items()},
    **{f"device state: {name}": {"devices": {"camera": text}} for name, text in BAD_TEXTS.items()},
    **{f"done command: {name}": {"done_commands": [text]} for name, text in BAD_TEXTS.items()},
    "last_seq beyond bigint": {"last_seq": 2**63},
    "queue depth beyond bigint": {"queue_depth": 2**64},
    "held is negative": {"held": -1},
    "age is negative": {"oldest_age_s": -1.0},
    "age beyond everything": {"oldest_age_s": 1e300},
    "too many devices": {"devices": {str(n): "online" for n in range(10_000)}},
    "too many commands": {"done_commands": ["x"] * 10_000},
}


@pytest.mark.parametrize("said", WRONG_BEATS.values(), ids=WRONG_BEATS.keys())
def test_heartbeat_that_cannot_be_kept_is_the_senders_fault(machine: Machine, said: dict[str, Any]) -> None:
    answer = machine.call("POST", "/v1/heartbeats", msgspec.json.encode(said))
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"]
    assert machine.call("POST", "/v1/heartbeats", b'{"of_a_later_version":{"deep":[[[1]]]}}').status_code == 200


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
@pytest.mark.parametrize("field", ["code", "kiosk_id", "public_key", "suite"])
def test_enrolment_that_cannot_be_kept_is_the_senders_fault(machine: Machine, field: str, text: str) -> None:
    wish = {"code": "A", "kiosk_id": machine.kiosk_id, "public_key": machine.keys.public, "suite": "std"}
    answer = machine.call("POST", "/v1/enrolments", msgspec.json.encode({**wish, field: text}))
    assert 400 <= answer.status_code < 500, answer.text


LOW_ORDER = {  # RFC 7748 §6.1; cr.yp.to/ecdh.html lists them
    "0": "00" * 32,
    "1": "01" + "00" * 31,
    "order 8": "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "order 8 too": "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "p - 1": "ec" + "ff" * 30 + "7f",
    "p": "ed" + "ff" * 30 + "7f",
    "p + 1": "ee" + "ff" * 30 + "7f",
    "empty": "",
    "short": "11" * 31,
    "long": "11" * 33,
    "of the other suite": "04" + "11" * 64,
}


def ask_with(machine: Machine, kind: str, question: Any, answer_key: Any) -> int:
    key, part = envelope.new_key(), f"question:{kind}"
    inside = msgspec.json.encode({"answer_key": answer_key, "question": question})
    sealed = seal.seal(inside, machine.hub.said["seal_key"], kiosk_id=machine.kiosk_id, key=key, part=part)
    wire = {"version": 1, "suite": "std", "kiosk_id": machine.kiosk_id, "key": key, "sealed": to_text(sealed)}
    return machine.call("POST", f"/v1/questions/{kind}", msgspec.json.encode(wire)).status_code


@pytest.mark.parametrize("raw", LOW_ORDER.values(), ids=LOW_ORDER.keys())
def test_key_to_which_no_answer_can_be_sealed_is_the_senders_fault(machine: Machine, raw: str) -> None:
    question = {"keys": [envelope.new_key()]}
    assert ask_with(machine, "progress", question, to_text(bytes.fromhex(raw))) == 422
    assert ask_with(machine, "progress", question, seal.new_seal_key().public) == 200


WRONG_QUESTIONS: dict[str, tuple[str, Any]] = {
    **{f"due: {name}": ("due", {"id_number": text}) for name, text in BAD_TEXTS.items()},
    **{f"documents: {name}": ("documents", {"id_number": text}) for name, text in BAD_TEXTS.items()},
    **{f"service: {name}": ("eligibility", {"service": text, "id_number": "1"}) for name, text in BAD_TEXTS.items()},
    **{f"receipt number: {name}": ("progress", {"receipt_number": text}) for name, text in BAD_TEXTS.items()},
    **{f"receipt numbers: {name}": ("progress", {"receipt_numbers": [text]}) for name, text in BAD_TEXTS.items()},
    **{f"no number: {name}": ("progress", {"receipt_number": text}) for name, text in NO_NUMBERS.items()},
    **{f"person: {name}": ("progress", {"id_number": text}) for name, text in BAD_TEXTS.items()},
    "none": ("progress", {}),
    "a list": ("progress", []),
    "huge number": ("progress", {"receipt_number": 10**25}),
    "too many numbers": ("progress", {"receipt_numbers": ["1"] * 1000}),
    "deep": ("progress", {"receipt_number": json.loads("[" * 500 + "]" * 500)}),
}


@pytest.mark.parametrize(("kind", "question"), WRONG_QUESTIONS.values(), ids=WRONG_QUESTIONS.keys())
def test_question_that_no_database_can_be_asked_is_the_senders_fault(
    machine: Machine, kind: str, question: Any
) -> None:
    assert ask_with(machine, kind, question, seal.new_seal_key().public) in (400, 422)


NOT_UTF8 = ("/v1/progress/%ED%A0%80", "/v1/progress/%FF%FE")
PATHS = [
    *NOT_UTF8,
    "/v1/progress/%00",
    "/v1/progress/a%00b",
    "/v1/progress/%0A",
    "/v1/progress/" + "1" * 20_000,
    "/v1/questions/%00",
    "/v1/questions/due%00",
    "/v1/questions/" + "x" * 20_000,
    "/v1/catalogue/%00",
    "/%00",
    "/v1/%2e%2e/%2e%2e/etc/passwd",
    "/v1/heartbeats?numbering=%00",
    "/v1/heartbeats?numbering=%FF",
    "/v1/heartbeats?numbering=maybe",
    "/v1/enrolments?last_seq=%00",
    "/v1/enrolments?last_seq=" + "9" * 4000,
    "/v1/enrolments?last_seq=99999999999999999999",
    "/v1/enrolments?last_seq=-1",
    "/v1/enrolments?last_seq=NaN",
]


@pytest.mark.parametrize("path", PATHS, ids=[path[:40] for path in PATHS])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD", "DELETE"])
def test_address_that_is_none_is_the_senders_fault(machine: Machine, method: str, path: str) -> None:
    answer = machine.call(method, path, b"{}" if method in ("POST", "PUT") else b"")
    # What is no UTF-8 is read with the sign for it: nobody has such a number.
    expected = 200 if path in NOT_UTF8 and method == "GET" else 400
    assert expected <= answer.status_code < 500


@pytest.mark.parametrize("name", ["%00", "a%00", "%0a", "..", "%FF", "A" * 64, "a" * 63 + "%0a", "x" * 20_000])
@pytest.mark.parametrize("method", ["HEAD", "PUT"])
def test_parcel_of_a_name_that_is_no_digest_is_the_senders_fault(machine: Machine, method: str, name: str) -> None:
    assert 400 <= machine.call(method, f"/v1/parcels/{name}", b"x" if method == "PUT" else b"").status_code < 500


@pytest.mark.parametrize("name", ["%00", "a%00", "%0a", "%FF", "x" * 20_000])
def test_envelope_of_a_name_that_is_no_key_is_the_senders_fault(machine: Machine, name: str) -> None:
    sent = machine.envelope("case", case_form("zhao", "E13", "3" * 24))
    assert 400 <= machine.call("PUT", f"/v1/envelopes/{name}", sent.wire).status_code < 500
    assert machine.put(sent).status_code == 201


HEADERS = [
    b"Tongban-Kiosk: a\0b",
    b"Tongban-Kiosk: \xff\xfe",
    b"Tongban-Kiosk: " + b"x" * 60_000,
    b"Tongban-Time: -1",
    b"Tongban-Time: \xb2\xb3",
    b"Tongban-Time: 999999999999999999999",
    b"Tongban-Nonce: \t",
    b"Tongban-Nonce: a b c d e f g h i j k l m",
    b"Tongban-Suite: \x01",
    b"Content-Range: bytes 0-99999999999999999999/1",
    b"Content-Length: -1",
    b"Content-Length: 99999999999999999999",
    b"Content-Length: 1, 2",
    b"Transfer-Encoding: chunked, gzip",
    b"If-None-Match: \xff",
    b": no name",
]


@pytest.mark.parametrize("header", HEADERS, ids=[repr(header[:40]) for header in HEADERS])
@pytest.mark.parametrize("path", ["/v1/heartbeats", f"/v1/parcels/{'0' * 64}", "/v1/catalogue"])
def test_header_that_is_none_is_the_senders_fault(machine: Machine, hub: RunningHub, path: str, header: bytes) -> None:
    method = {"/v1/heartbeats": "POST", "/v1/catalogue": "GET"}.get(path, "PUT")
    own = machine.signed(method, path, b"")
    left_out = header.split(b":")[0].decode().lower()
    lines = [f"{name}: {value}".encode() for name, value in own.items() if name.lower() != left_out]
    host, port = hub.url.removeprefix("http://").split(":")
    head = b"\r\n".join([f"{method} {path} HTTP/1.1".encode(), b"Host: hub", *lines, header, b"Connection: close"])
    with socket.create_connection((host, int(port)), timeout=HANG_S) as stream:
        stream.sendall(head + b"\r\n\r\n")
        stream.shutdown(socket.SHUT_WR)
        answer = stream.makefile("rb").read()
    # A 200 is right where the header means nothing here.
    assert not answer or answer.split()[1][:1] in (b"2", b"4"), answer[:200]


def contents() -> dict[str, tuple[str, bytes]]:
    case = json.loads(case_form("zhao", "E13", "4" * 24))
    person = case["applicant"]
    rating = {"receipt_number": "5", "service": "E13", "grade": 5}
    complaint = {"text": "等了很久", "kind": "complaint"}
    forms: dict[str, tuple[str, Any]] = {}
    for name, text in BAD_TEXTS.items():
        forms |= {
            f"service: {name}": ("case", {**case, "service": text}),
            f"receipt number: {name}": ("case", {**case, "receipt_number": text}),
            f"card number: {name}": ("case", {**case, "applicant": {**person, "number": text}}),
            f"name: {name}": ("case", {**case, "applicant": {**person, "name": text}}),
            f"answer key: {name}": ("case", {**case, "answers": {text: "x"}}),
            f"rated number: {name}": ("rating", {**rating, "receipt_number": text}),
            f"rating reason: {name}": ("rating", {**rating, "reasons": [text]}),
            f"complaint number: {name}": ("complaint", {**complaint, "complaint_number": text}),
            f"contact: {name}": ("complaint", {**complaint, "contact": text}),
        }
    for name, text in NO_NUMBERS.items():
        forms |= {
            f"receipt number: {name}": ("case", {**case, "receipt_number": text}),
            f"rated number: {name}": ("rating", {**rating, "receipt_number": text}),
            f"complaint number: {name}": ("complaint", {**complaint, "complaint_number": text}),
        }
    forms |= {
        "complaint with NUL": ("complaint", {**complaint, "text": NUL}),
        "answer with NUL": ("case", {**case, "answers": {"phone": NUL}}),
        "answers nested": ("case", {**case, "answers": {"a": json.loads("[" * 300 + "]" * 300)}}),
        "answer beyond numbers": ("case", {**case, "answers": {"a": 10**300}}),
        "too many answers": ("case", {**case, "answers": {str(n): n for n in range(30_000)}}),
        "filed where the calendar begins": ("case", {**case, "filed_at": "0001-01-01T00:00:00+23:59"}),
        "filed where the calendar ends": ("case", {**case, "filed_at": "9999-12-31T23:59:59-23:59"}),
        "grade beyond smallint": ("rating", {**rating, "grade": 10**9}),
        "form of 2 MB": ("case", {**case, "answers": {"a": "x" * 2**21}}),
    }
    plain = {name: (kind, msgspec.json.encode(form)) for name, (kind, form) in forms.items()}
    plain |= {
        "deep": ("case", b"[" * 100_000),
        "half a surrogate": ("case", b'{"service":"\\ud800"}'),
        "no JSON": ("rating", b"\0\xff"),
        "nothing": ("complaint", b""),
    }
    return plain


def test_sealed_contents_that_nobody_can_store_are_set_aside_one_by_one(hub: RunningHub, machine: Machine) -> None:
    sent = {name: machine.envelope(kind, plain) for name, (kind, plain) in contents().items()}
    for each in sent.values():
        machine.deliver(each)
    still_serves(machine)
    query = "select kind from event where envelope_key = %s and kind in ('opened', 'unreadable')"
    for name, each in sent.items():
        found = eventually(lambda key=each.key: hub.sql(query, key), f"{name} is judged")
        assert found == [("unreadable",)], name
    assert not hub.sql("select 1 from procrastinate_jobs where attempts > 1")


def test_after_all_of_it_the_city_is_served_and_nothing_failed_inside(hub: RunningHub, machine: Machine) -> None:
    still_serves(machine)
    log = (hub.data.parent / f"{hub.data.name}.log").read_text(errors="replace")
    assert "request_failed" not in log, log[log.index("request_failed") - 200 :][:3000]


# -- the nets behind the types: what is true if one of them should have a hole ---------------------------------------


async def in_database(dsn: str, work: Any) -> Any:
    async with open_pool(dsn) as pool, pool.connection() as conn:
        return await work(conn)


def run(dsn: str, work: Any) -> Any:
    return asyncio.run(in_database(dsn, work))


def test_header_that_the_types_let_through_is_still_judged_alone(hub: RunningHub, machine: Machine) -> None:
    header = envelope.Header(
        1, "std", machine.kiosk_id, 1, envelope.new_key(), "case", NUL, "2027-01-12T00:00:00Z", [], "0" * 64
    )
    sent = envelope.Submission(header, b"{}", "A")

    class Stub:
        clock = machine.clock
        keys = type("Keys", (), {"sign_private": lambda *_: machine.keys.private})()
        jobs = None

        @staticmethod
        def stamp() -> str:
            return "2027-01-12T00:00:00Z"

    with pytest.raises(InvalidMessage, match="database"):
        run(hub.dsn, lambda conn: receive(Stub(), conn, sent, machine.keys.public))


@pytest.mark.parametrize(
    "changes",
    [{"case_id": NUL}, {"suite": NUL}, {"kiosk_id": "K-1\n"}, {"case_id": "x" * 65}, {"created_at": 2**53 - 1}],
    ids=["case", "suite", "machine", "long", "moment"],
)
def test_paper_that_nobody_can_store_is_refused_alone(
    hub: RunningHub, machine: Machine, changes: dict[str, Any]
) -> None:
    facts = {"version": 1, "suite": "std", "kiosk_id": machine.kiosk_id, "seq": 1, "sha256": bytes(32)}
    facts |= {"key": bytes(16), "case_id": "c", "receipt_number": bytes(10), "created_at": 1, "sealed": b"x"}
    signed = msgspec.msgpack.encode(list((facts | changes).values()))
    row = run(hub.dsn, lambda conn: take_in_paper(None, conn, msgspec.msgpack.encode([signed, b"x" * 64])))
    assert row.taken is Taken.REFUSED


@pytest.mark.parametrize("name", ["a\0b", "\udcc4\udce3.tbz", "x" * 100_000])
def test_event_log_holds_whatever_a_file_is_called(hub: RunningHub, machine: Machine, name: str) -> None:
    said = {"kind": "file_trouble", "file": name, "reasons": [name, {"deep": name}]}
    count = "select count(*) from event where kind = 'file_trouble'"
    before = hub.sql(count)[0][0]
    run(hub.dsn, lambda conn: events.record(conn, machine.clock.now(), actor="hub", **said))
    assert hub.sql(count)[0][0] == before + 1


def test_job_that_fails_in_a_way_nobody_foresaw_is_given_up_and_one_that_waits_is_not() -> None:
    class Job:
        attempts, task_name, task_kwargs = 20, "open_envelope", {"key": "k"}

    retries = UntilItAnswers()
    assert retries.get_retry_decision(exception=ZeroDivisionError(), job=Job()) is None
    assert retries.get_retry_decision(exception=AnotherCase("traffic"), job=Job()) is None
    for passing in (DepartmentDown("traffic"), psycopg.OperationalError(), TimeoutError()):
        assert retries.get_retry_decision(exception=passing, job=Job()) is not None


def test_what_a_kiosk_would_file_is_read_by_the_same_rules() -> None:
    form = questions.ProgressQuestion(receipt_number=NUL)
    with pytest.raises((InvalidMessage, msgspec.ValidationError)):
        questions.seal_question("progress", form, seal.new_seal_key().public, "K-1")
