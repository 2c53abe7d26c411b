"""The inbox, over HTTP on real PostgreSQL."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from kiosk.messages import envelope, seal
from kiosk.messages.envelope import new_key
from kiosk.messages.receipts import Refusal, parcel_named, parse_receipt, refusal_in, verify_refusal
from tests.hub.fixtures import Machine, RunningHub, Sealed, case_form
from tests.waiting import eventually


def a_case(machine: Machine, **more: object) -> Sealed:
    return machine.envelope("case", case_form("zhao", "E13", "1" * 24), **more)


def envelopes_of(hub: RunningHub, machine: Machine) -> int:
    return hub.sql("select count(*) from envelope where kiosk_id = %s", machine.kiosk_id)[0][0]


def test_an_envelope_is_received_once_and_its_receipt_repeats_byte_for_byte(hub: RunningHub, machine: Machine) -> None:
    sent = a_case(machine)
    first, again = machine.put(sent), machine.put(sent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content
    machine.deliver(sent)
    assert envelopes_of(hub, machine) == 1
    assert hub.sql("select count(*) from event where envelope_key = %s and kind = 'received'", sent.key) == [(1,)]


def test_white_space_and_member_order_on_the_way_do_not_matter(machine: Machine) -> None:
    sent = a_case(machine)
    header = dict(reversed(json.loads(sent.header_bytes).items()))
    body = json.dumps({"signature": sent.signature, "header": header}, indent=2).encode()
    assert machine.call("PUT", f"/v1/envelopes/{sent.key}", body).status_code == 201
    assert machine.put(sent).status_code == 200


@pytest.mark.attack(3)
def test_another_envelope_under_the_same_key_is_refused_and_the_held_receipt_shown(machine: Machine) -> None:
    sent = a_case(machine)
    receipt = machine.deliver(sent)
    answer = machine.put(machine.envelope("case", b"other", key=sent.key))
    assert answer.status_code == 409
    assert answer.json()["field"] == "header.key"
    assert answer.json()["held"]["sha256"] == receipt.sha256 == sent.digest


def test_what_is_refused_as_another_one_is_kept_at_the_hub_as_evidence_once(hub: RunningHub, machine: Machine) -> None:
    sent = a_case(machine)
    machine.deliver(sent)
    other = machine.envelope("case", b"other", key=sent.key)
    for _ in range(2):
        assert machine.put(other).status_code == 409
    held = "select sha256, key::text, field from held_envelope where kiosk_id = %s"
    assert hub.sql(held, machine.kiosk_id) == [(other.digest, sent.key, "header.key")]
    noted = "select data->>'sha256' from event where kiosk_id = %s and kind = 'held'"
    assert hub.sql(noted, machine.kiosk_id) == [(other.digest,)]
    assert hub.sql("select count(*) from case_file where key = %s", sent.key) == [(1,)], "it has no effect"


@pytest.mark.attack(3)
def test_another_envelope_under_the_same_number_is_refused(hub: RunningHub, machine: Machine) -> None:
    machine.deliver(a_case(machine))
    answer = machine.put(machine.envelope("case", b"fork", seq=1))
    assert (answer.status_code, answer.json()["field"]) == (409, "header.seq")
    assert envelopes_of(hub, machine) == 1


def refusal_of(hub: RunningHub, answer: httpx.Response, *, sha256: str, key: str) -> Refusal:
    """The hub's own signed words in a problem."""
    said = refusal_in(answer.content)
    assert said is not None, answer.text
    verify_refusal(said, hub.said["verify_key"], key=key, sha256=sha256)
    assert said.status == answer.status_code
    return said


def test_every_refusal_of_an_envelope_is_signed_over_its_key_and_digest(hub: RunningHub, machine: Machine) -> None:
    sent = a_case(machine)
    machine.deliver(sent)
    other = machine.envelope("case", b"other", key=sent.key)
    said = refusal_of(hub, machine.put(other), sha256=other.digest, key=sent.key)
    assert (said.status, said.reason) == (409, "another envelope is held (header.key)")
    header = {**json.loads(other.header_bytes), "kind": "joke"}
    wrong = Sealed(sent.key, envelope.canonical_json(header), other.signature, other.part)
    said = refusal_of(hub, machine.put(wrong), sha256=wrong.digest, key=sent.key)
    assert said.status == 422
    assert "header.kind" in said.reason
    answer = machine.call("PUT", f"/v1/envelopes/{sent.key}", b"{")
    assert refusal_of(hub, answer, sha256=envelope.sha256_hex(b"{"), key=sent.key).status == 400


@pytest.mark.attack(3)
def test_no_machine_gets_the_hubs_word_against_another_ones_envelope(hub: RunningHub, machine: Machine) -> None:
    """What a stolen machine has seen on the way of another one, it could be told of and hold there for good."""
    theirs, thief = a_case(machine, parcels=False), Machine(hub, "K-thief")
    thief.enrol(hub.code("K-thief"))
    answers = [thief.call("PUT", f"/v1/envelopes/{theirs.key}", theirs.wire)]
    place = f"/v1/parcels/{envelope.sha256_hex(theirs.part)}"
    answers += [thief.call("PUT", place, b"wrong"), thief.call("PUT", place, b"x", {"Content-Range": "bytes 0-9/10"})]
    assert [answer.status_code for answer in answers] == [422, 422, 400]
    assert refusal_in(answers[0].content) is None
    named = {said.sha256 for said in map(refusal_in, (answer.content for answer in answers[1:])) if said}
    assert named == {parcel_named("K-thief", envelope.sha256_hex(theirs.part))}
    # Who has made it under another id, with the same key, is told.
    renamed = Machine(hub, "K-renamed")
    renamed.enrol(hub.code("K-renamed"))
    own = renamed.envelope("case", b"own", parcels=False)
    renamed.kiosk_id = "K-renamed-2"
    assert renamed.enrol(hub.code("K-renamed-2")).status_code == 201
    said = refusal_of(hub, renamed.put(own), sha256=own.digest, key=own.key)
    assert "header.kiosk_id" in said.reason


def test_every_refusal_of_a_parcel_is_signed_over_its_digest(hub: RunningHub, machine: Machine) -> None:
    digest = envelope.sha256_hex(b"right")
    place = f"/v1/parcels/{digest}"
    refused = {
        422: machine.call("PUT", place, b"wrong"),
        400: machine.call("PUT", place, b"x", {"Content-Range": "bytes 0-9/10"}),
        413: machine.call("PUT", place, b"x", {"Content-Range": f"bytes 0-0/{2**40}"}),
    }
    for status, answer in refused.items():
        assert answer.status_code == status
        refusal_of(hub, answer, sha256=parcel_named(machine.kiosk_id, digest), key="")


def test_what_is_no_refusal_of_an_envelope_carries_none(machine: Machine) -> None:
    sent = a_case(machine, parcels=False)
    assert machine.put(sent).status_code == 424
    assert "refusal" not in machine.put(sent).json()


def test_missing_parcels_are_listed_and_then_the_envelope_passes(hub: RunningHub, machine: Machine) -> None:
    sent = a_case(machine, parcels=False)
    answer = machine.put(sent)
    assert answer.status_code == 424
    assert answer.json()["missing"] == [envelope.sha256_hex(sent.part)]
    assert envelopes_of(hub, machine) == 0
    machine.put_parcel(sent.part)
    assert machine.put(sent).status_code == 201


BAD_HEADERS = {
    "seq": 0,
    "version": 2,
    "suite": "rot13",
    "kind": "joke",
    "key": "7",
    "created_at": "yesterday",
    "prev_sha256": "Z" * 64,
    "parts": [{"name": "form", "sha256": "0", "bytes": 1}],
    "kiosk_id": "",
    "extra": 1,
}


@pytest.mark.attack(3)
@pytest.mark.parametrize("field", BAD_HEADERS)
def test_a_bad_header_field_is_named_and_nothing_is_stored(hub: RunningHub, machine: Machine, field: str) -> None:
    sent = a_case(machine)
    header = {**json.loads(sent.header_bytes), field: BAD_HEADERS[field]}
    signature = seal.sign(json.dumps(header).encode(), machine.keys.private)
    body = json.dumps({"header": header, "signature": signature}).encode()
    answer = machine.call("PUT", f"/v1/envelopes/{sent.key}", body)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"].startswith(f"header.{field}")
    assert envelopes_of(hub, machine) == 0


@pytest.mark.parametrize("field", ["seq", "parts", "prev_sha256", "case_id"])
def test_a_missing_header_field_is_named(machine: Machine, field: str) -> None:
    sent = a_case(machine)
    header = {k: v for k, v in json.loads(sent.header_bytes).items() if k != field}
    body = json.dumps({"header": header, "signature": sent.signature}).encode()
    answer = machine.call("PUT", f"/v1/envelopes/{sent.key}", body)
    assert (answer.status_code, answer.json()["field"]) == (422, f"header.{field}")


@pytest.mark.attack(3)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"header": 1}', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_envelope_is_refused(machine: Machine, body: bytes) -> None:
    assert machine.call("PUT", f"/v1/envelopes/{new_key()}", body).status_code in (400, 422)


@pytest.mark.attack(3)
def test_a_header_that_the_machine_did_not_sign_is_refused(hub: RunningHub, machine: Machine) -> None:
    sent = a_case(machine)
    other = seal.sign(sent.header_bytes, seal.new_sign_key().private)
    answer = machine.put(Sealed(sent.key, sent.header_bytes, other, sent.part))
    assert (answer.status_code, answer.json()["field"]) == (422, "signature")
    assert envelopes_of(hub, machine) == 0


@pytest.mark.attack(3)
@pytest.mark.parametrize("more", [-1, 1])
def test_a_part_is_as_long_as_its_header_says(hub: RunningHub, machine: Machine, more: int) -> None:
    sent = a_case(machine)
    header = json.loads(sent.header_bytes)
    header["parts"][0]["bytes"] += more
    changed = envelope.canonical_json(header)
    signature = envelope.sign_header(changed, machine.keys.private)
    answer = machine.put(Sealed(sent.key, changed, signature, sent.part))
    assert (answer.status_code, answer.json()["field"]) == (422, "header.parts[0].bytes")
    assert envelopes_of(hub, machine) == 0


@pytest.mark.attack(3)
def test_key_of_address_and_header_must_agree(machine: Machine) -> None:
    sent = a_case(machine)
    answer = machine.call("PUT", f"/v1/envelopes/{new_key()}", sent.wire)
    assert (answer.status_code, answer.json()["field"]) == (422, "header.key")


def test_two_connections_bring_the_same_envelope_at_once_and_it_counts_once(hub: RunningHub, machine: Machine) -> None:
    for _ in range(5):
        sent = a_case(machine)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(machine.put, [sent] * 4))
        assert sorted(a.status_code for a in answers) == [200, 200, 200, 201]
        assert len({a.content for a in answers}) == 1
        assert hub.sql("select count(*) from event where envelope_key = %s and kind = 'received'", sent.key) == [(1,)]


def test_numbers_may_arrive_in_any_order_and_a_gap_is_seen(hub: RunningHub, machine: Machine) -> None:
    sent = [a_case(machine) for _ in range(4)]
    for one in (sent[3], sent[0]):
        machine.deliver(one)
    hub.sql(
        "update envelope set received_at = received_at - interval '2 minutes' where kiosk_id = %s returning 1",
        machine.kiosk_id,
    )
    assert f'tongban_missing_seqs{{kiosk_id="{machine.kiosk_id}"}} 2' in machine.client.get("/metrics").text
    machine.deliver(sent[2])
    # The older later number keeps the remaining gap old, though its neighbour has only just arrived.
    assert f'tongban_missing_seqs{{kiosk_id="{machine.kiosk_id}"}} 1' in machine.client.get("/metrics").text
    machine.deliver(sent[1])
    assert machine.kiosk_id not in machine.client.get("/metrics").text
    assert hub.sql("select count(*) from event where kiosk_id = %s and kind = 'chain_broken'", machine.kiosk_id) == [
        (0,)
    ]


def test_a_header_that_follows_another_one_than_ours_is_noted(hub: RunningHub, machine: Machine) -> None:
    machine.deliver(a_case(machine))
    machine.prev = "f" * 64
    machine.deliver(a_case(machine))
    assert hub.sql("select count(*) from event where kiosk_id = %s and kind = 'chain_broken'", machine.kiosk_id) == [
        (1,)
    ]


def test_each_number_that_does_not_follow_is_named(hub: RunningHub, machine: Machine) -> None:
    """The middle one comes last and fits neither side."""
    first = a_case(machine)
    machine.prev = "f" * 64
    middle = a_case(machine)
    machine.prev = "d" * 64
    last = a_case(machine)
    for sent in (first, last, middle):
        machine.deliver(sent)
    broken = "select (data->>'seq')::int from event where kiosk_id = %s and kind = 'chain_broken' order by id"
    assert hub.sql(broken, machine.kiosk_id) == [(2,), (3,)]


@pytest.mark.attack(10)
def test_the_event_log_can_only_grow(hub: RunningHub, machine: Machine) -> None:
    machine.deliver(a_case(machine))
    for change in ("update event set actor = 'x'", "delete from event", "truncate event"):
        with pytest.raises(psycopg.errors.RaiseException):
            hub.sql(change)


def test_hub_killed_while_it_takes_an_envelope_in_keeps_all_of_it_or_nothing(hub: RunningHub) -> None:
    machine = hub.machine()
    sent = a_case(machine)
    port = int(hub.url.rsplit(":", 1)[1])
    with psycopg.connect(hub.dsn) as blocker, ThreadPoolExecutor(1) as pool:
        # The effect cannot be written while the test holds the log: the hub waits inside its statement.
        blocker.execute("lock table event in access exclusive mode")
        answer = pool.submit(machine.put, sent)
        waiting = "select count(*) from pg_locks where relation = 'event'::regclass and not granted"
        eventually(lambda: hub.sql(waiting)[0][0] > 0, "the hub waits for the log")
        hub.kill()
        assert answer.exception(10) is not None
    # The database may still end what it was told, for nobody: then the envelope, its case and its work are all there.
    others = "select count(*) from pg_stat_activity where state <> 'idle' and datname = current_database()"
    eventually(lambda: hub.sql(others)[0][0] == 1, "the killed hub's statement has ended")
    kept = [envelopes_of(hub, machine)]
    for what in ("case_file where key", "event where kind = 'received' and envelope_key"):
        kept += hub.sql(f"select count(*) from {what} = %s", sent.key)[0]
    kept += hub.sql("select count(*) from procrastinate_jobs where args->>'key' = %s", sent.key)[0]
    assert kept in ([0] * 4, [1] * 4)
    hub.start(port)
    first = machine.put(sent)
    assert first.status_code == (200 if kept[0] else 201)
    assert parse_receipt(machine.put(sent).content) == parse_receipt(first.content)
    eventually(lambda: hub.sql("select state from case_file where key = %s", sent.key) == [("accepted",)], "decided")
