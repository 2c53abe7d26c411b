"""Every request is signed, recent, and comes once."""

from __future__ import annotations

import msgspec
import pytest

from kiosk.messages import seal
from kiosk.messages.requests import KIOSK, NONCE, SIGNATURE, TIME
from tests.hub.fixtures import Machine, RunningHub

BEAT = ("POST", "/v1/heartbeats", b"{}")


def test_a_signed_request_passes(machine: Machine) -> None:
    assert machine.call(*BEAT).status_code == 200


@pytest.mark.attack(7)
@pytest.mark.parametrize("header", [KIOSK, TIME, NONCE, SIGNATURE])
def test_a_missing_header_is_named(machine: Machine, header: str) -> None:
    headers = {k: v for k, v in machine.signed(*BEAT).items() if k != header}
    answer = machine.client.post("/v1/heartbeats", content=b"{}", headers=headers)
    assert answer.status_code == 401
    assert header in answer.json()["detail"]


@pytest.mark.attack(7)
@pytest.mark.parametrize(
    "change",
    [
        {SIGNATURE: "A" * 86},
        {SIGNATURE: "***"},
        {NONCE: "another-nonce-16"},
        {TIME: "1799769435"},
        {TIME: "soon"},
        {TIME: "9" * 30},
    ],
)
def test_a_damaged_signature_is_refused(machine: Machine, change: dict[str, str]) -> None:
    headers = machine.signed(*BEAT) | change
    assert machine.client.post("/v1/heartbeats", content=b"{}", headers=headers).status_code == 401


@pytest.mark.attack(7)
def test_the_signature_covers_method_path_query_and_body(machine: Machine) -> None:
    headers = machine.signed(*BEAT)
    assert machine.client.post("/v1/heartbeats", content=b'{"held":1}', headers=headers).status_code == 401
    assert machine.client.post("/v1/heartbeats?a=1", content=b"{}", headers=headers).status_code == 401
    assert machine.client.post("/v1/questions/due", content=b"{}", headers=headers).status_code == 401
    assert machine.call("POST", "/v1/heartbeats?a=1", b"{}").status_code == 200


@pytest.mark.attack(7)
def test_an_unknown_machine_is_refused(hub: RunningHub) -> None:
    stranger = Machine(hub, "K-stranger")
    assert stranger.call(*BEAT).status_code == 401


@pytest.mark.attack(7)
def test_another_machines_name_does_not_help(hub: RunningHub, machine: Machine) -> None:
    thief = Machine(hub, machine.kiosk_id)
    assert thief.keys != machine.keys
    assert thief.call(*BEAT).status_code == 401


@pytest.mark.attack(7)
def test_a_replayed_request_is_refused(machine: Machine) -> None:
    headers = machine.signed(*BEAT)
    codes = [machine.client.post("/v1/heartbeats", content=b"{}", headers=headers).status_code for _ in range(2)]
    assert codes == [200, 401]


@pytest.mark.parametrize("shift_s", [-400 * 86400, -301, 302])
def test_a_wrong_clock_is_told_the_right_time(machine: Machine, shift_s: int) -> None:
    answer = machine.call(*BEAT, shift_s=shift_s)
    assert answer.status_code == 401
    assert answer.json()["type"].endswith("wrong_time")
    assert abs(int(answer.headers[TIME]) - machine.clock.now().timestamp()) < 60


@pytest.mark.attack(7)
def test_a_code_enrols_once(hub: RunningHub) -> None:
    code = hub.demo("POST", "codes")["code"]
    first, second = Machine(hub, "K-first"), Machine(hub, "K-second")
    answer = first.enrol(code)
    assert answer.status_code == 201
    assert answer.json() == {
        "kiosk_id": "K-first",
        "seal_key": hub.said["seal_key"],
        "verify_key": hub.said["verify_key"],
    }
    assert second.enrol(code).status_code == 403
    assert second.call(*BEAT).status_code == 401
    assert first.call(*BEAT).status_code == 200


@pytest.mark.attack(7)
def test_an_enrolment_that_its_own_key_did_not_sign_leaves_the_code_unused(hub: RunningHub) -> None:
    code = hub.demo("POST", "codes")["code"]
    liar = Machine(hub, "K-liar")
    honest, liar.keys = liar.keys, seal.KeyPair(seal.new_sign_key().private, liar.keys.public)
    assert liar.enrol(code).status_code == 401
    liar.keys = honest
    assert liar.enrol(code.lower()).status_code == 201


@pytest.mark.parametrize(("field", "value"), [("public_key", "AAAA"), ("kiosk_id", "a b"), ("code", "")])
def test_a_bad_enrolment_field_is_named(machine: Machine, field: str, value: str) -> None:
    values = {"code": "X", "kiosk_id": machine.kiosk_id, "public_key": machine.keys.public, field: value}
    body = msgspec.json.encode(values)
    answer = machine.call("POST", "/v1/enrolments", body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
