"""The envelope: exact bytes, exact rules."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from uuid import UUID

import msgspec
import pytest

from kiosk.messages import envelope
from kiosk.messages.encoding import BadSignature, InvalidMessage
from kiosk.messages.seal import new_sign_key

PAIR = new_sign_key()
KEY = "01a203ea-49a9-73c4-a30e-e8d4a208fff6"
HEADER = envelope.make_header(
    kiosk_id="K-1",
    seq=1,
    key=KEY,
    kind="case",
    case_id=KEY,
    created_at=datetime(2027, 1, 12, 10, 30, tzinfo=timezone(timedelta(hours=8))),
    parts=[("form", b"sealed"), ("signature", b"")],
)
TEXT = (
    '{"case_id":"01a203ea-49a9-73c4-a30e-e8d4a208fff6","created_at":"2027-01-12T02:30:00.000Z",'
    '"key":"01a203ea-49a9-73c4-a30e-e8d4a208fff6","kind":"case","kiosk_id":"K-1","parts":[{"bytes":6,"name":"form",'
    f'"sha256":"{hashlib.sha256(b"sealed").hexdigest()}"}},{{"bytes":0,"name":"signature",'
    f'"sha256":"{hashlib.sha256(b"").hexdigest()}"}}],"prev_sha256":"{"0" * 64}","seq":1,"suite":"std","version":1}}'
).encode()


def signed(header: bytes = TEXT) -> str:
    return envelope.sign_header(header, PAIR.private)


def changed(**fields: object) -> bytes:
    values = {**json.loads(TEXT), **fields}
    return envelope.wire(json.dumps(values).encode(), "A" * 86)


def test_the_header_is_canonical_json() -> None:
    assert envelope.canonical(HEADER) == TEXT


def test_the_wire_form_gives_back_exactly_the_signed_bytes() -> None:
    sent = envelope.parse(envelope.wire(TEXT, signed()))
    assert (sent.header, sent.header_bytes) == (HEADER, TEXT)
    envelope.verify_header(sent.header_bytes, sent.signature, PAIR.public)


def test_another_writing_of_the_same_header_verifies_and_another_value_does_not() -> None:
    loose = json.dumps(dict(reversed(json.loads(TEXT).items())), indent=1).encode()
    sent = envelope.parse(envelope.wire(loose, signed()))
    envelope.verify_header(sent.header_bytes, sent.signature, PAIR.public)
    other = envelope.parse(changed(seq=2))
    with pytest.raises(BadSignature):
        envelope.verify_header(other.header_bytes, signed(), PAIR.public)


def test_the_digest_covers_header_and_signature() -> None:
    signature = signed()
    assert envelope.digest(TEXT, signature) == hashlib.sha256(TEXT + signature.encode()).hexdigest()


def test_a_new_key_is_a_uuid_of_version_7_and_grows() -> None:
    keys = [envelope.new_key() for _ in range(50)]
    assert keys == sorted(keys)
    assert {UUID(key).version for key in keys} == {7}
    assert envelope.parse(changed(key=keys[0])).header.key == keys[0]


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("version", 2, "header.version"),
        ("seq", 0, "header.seq"),
        ("seq", 1.5, "header.seq"),
        ("seq", "1", "header.seq"),
        ("seq", 2**53, "header.seq"),
        ("seq", True, "header.seq"),
        ("kind", "letter", "header.kind"),
        ("key", KEY.upper(), "header.key"),
        ("key", "b7e23ec2-9aa9-4b3c-8d4e-0123456789ab", "header.key"),
        ("kiosk_id", "a|b", "header.kiosk_id"),
        ("case_id", 1, "header.case_id"),
        ("created_at", "2027-01-12T02:30:00", "header.created_at"),
        ("created_at", "today", "header.created_at"),
        ("created_at", "2027-02-30T02:30:00Z", "header.created_at"),
        ("prev_sha256", "1" * 64, "header.prev_sha256"),
        ("prev_sha256", "A" * 64, "header.prev_sha256"),
        ("suite", "none", "header.suite"),
        ("more", 1, "header.more"),
        ("parts", {}, "header.parts"),
        ("parts", [{"name": "a|b", "sha256": "0" * 64, "bytes": 0}], "header.parts[0].name"),
        ("parts", [{"name": "a", "sha256": "0" * 64, "bytes": -1}], "header.parts[0].bytes"),
        ("parts", [{"name": "a", "sha256": "0" * 64, "bytes": 1}] * 2, "header.parts[1].name"),
        ("parts", [{"name": "a", "sha256": "0" * 64}], "header.parts[0].bytes"),
    ],
)
def test_a_broken_rule_names_its_field(field: str, value: object, named: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        envelope.parse(changed(**{field: value}))
    assert refused.value.field == named


@pytest.mark.parametrize("field", list(json.loads(TEXT)))
def test_no_field_may_be_missing(field: str) -> None:
    values = {k: v for k, v in json.loads(TEXT).items() if k != field}
    with pytest.raises(InvalidMessage) as refused:
        envelope.parse(envelope.wire(json.dumps(values).encode(), "A"))
    assert refused.value.field == f"header.{field}"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"header":{},"signature":""}', b"\xff", b"[" * 9999])
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMessage):
        envelope.parse(body)


def test_a_case_may_be_without_case_id_but_must_say_so() -> None:
    assert envelope.parse(changed(case_id=None)).header.case_id is None
    assert msgspec.to_builtins(envelope.parse(changed()).header) == json.loads(TEXT)
