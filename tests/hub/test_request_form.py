"""A signature is for one machine, one hub, one request: what it does not cover, a stranger on the way could change."""

from __future__ import annotations

import signal
from pathlib import Path

import msgspec
import pytest

from kiosk.clock import Clock
from kiosk.messages.encoding import sha256_hex
from kiosk.messages.requests import BODY, FORM, KIOSK, NEWEST_FORM, NONCE, SIGNATURE, TIME
from tests.hub.fixtures import Machine, RunningHub
from tests.hub.test_machine_calls import run
from tests.waiting import HANG_S

BEAT = ("POST", "/v1/heartbeats", b"{}")
CHUNK = b"0123456789"
WHOLE = CHUNK * 2


def sent(machine: Machine, headers: dict[str, str], call: tuple[str, str, bytes] = BEAT) -> tuple[int, str]:
    method, path, body = call
    answer = machine.client.request(method, path, content=body, headers=headers)
    return answer.status_code, answer.json().get("type", "").rpartition(":")[2] if answer.content else ""


@pytest.mark.attack(7)
def test_a_request_is_good_at_the_hub_that_it_was_signed_for(machine: Machine) -> None:
    assert sent(machine, machine.signed(*BEAT)) == (200, "")
    assert sent(machine, machine.signed(*BEAT, host="hub.elsewhere:8443")) == (401, "signature")
    assert sent(machine, machine.signed(*BEAT) | {"Host": "hub.elsewhere:8443"}) == (401, "signature")


@pytest.mark.attack(7)
@pytest.mark.parametrize("name", [KIOSK, TIME, NONCE, SIGNATURE, BODY, FORM, "Content-Range"])
def test_what_is_said_twice_is_not_judged_by_the_first_and_used_by_the_second(machine: Machine, name: str) -> None:
    method, path, body = BEAT
    signed = machine.signed(*BEAT)
    said = signed.get(name, "bytes 0-1/2")
    headers = [*signed.items(), *[(name, said)] * (1 + (name not in signed))]
    answer = machine.client.request(method, path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (401, f"header {name.lower()} is said twice")


def test_what_proves_nothing_may_be_said_twice(machine: Machine) -> None:
    method, path, body = BEAT
    headers = [*machine.signed(*BEAT).items(), ("X-Via", "a"), ("X-Via", "b")]
    assert machine.client.request(method, path, content=body, headers=headers).status_code == 200


@pytest.mark.attack(7)
def test_a_request_is_good_for_the_machine_that_signed_it(hub: RunningHub, machine: Machine) -> None:
    """Two machines were made from one disk, and have the same key."""
    twin = Machine(hub, f"{machine.kiosk_id}-b")
    twin.keys = machine.keys
    assert twin.enrol(hub.demo("POST", "codes")["code"]).status_code == 201
    assert sent(machine, machine.signed(*BEAT) | {KIOSK: twin.kiosk_id}) == (401, "signature")


@pytest.mark.attack(7)
@pytest.mark.parametrize("span", ["bytes 10-19/20", "bytes 0-9/99", None], ids=["moved", "longer", "whole"])
def test_a_chunk_has_the_place_that_was_signed(hub: RunningHub, machine: Machine, span: str | None) -> None:
    digest = sha256_hex(WHOLE + (span or "").encode())
    call = ("PUT", f"/v1/parcels/{digest}", CHUNK)
    signed = machine.signed(*call, content_range="bytes 0-9/20")
    assert sent(machine, signed | ({"Content-Range": span} if span else {}), call) == (401, "signature")
    assert hub.sql("select 1 from parcel where sha256 = %s", digest) == []
    assert machine.call(*call, {"Content-Range": "bytes 0-9/20"}).status_code == 202


@pytest.mark.attack(7)
@pytest.mark.parametrize("said", [sha256_hex(b"{ }"), "0" * 64, "no digest"])
def test_the_digest_that_is_named_is_the_bodys(machine: Machine, said: str) -> None:
    assert sent(machine, machine.signed(*BEAT) | {BODY: said}) == (401, "signature")


@pytest.mark.attack(7)
def test_nobody_brings_a_machine_back_to_the_older_form(hub: RunningHub, machine: Machine) -> None:
    assert sent(machine, machine.signed(*BEAT, form=1)) == (401, "old_form"), "it has enrolled in the newer one"
    stripped = {name: value for name, value in machine.signed(*BEAT).items() if name not in (FORM, BODY)}
    assert sent(machine, stripped) == (401, "signature")


def test_a_machine_of_before_is_served_until_it_signs_in_the_newer_form(hub: RunningHub) -> None:
    machine = Machine(hub, "K-before")
    body = msgspec.json.encode(
        {"code": hub.demo("POST", "codes")["code"], "kiosk_id": machine.kiosk_id, "public_key": machine.keys.public}
    )
    assert machine.call("POST", "/v1/enrolments", body, form=1).status_code == 201
    answer = machine.call(*BEAT, form=1)
    assert (answer.status_code, answer.headers[FORM]) == (200, str(NEWEST_FORM)), "the hub says what it reads"
    assert sent(machine, machine.signed(*BEAT)) == (200, "")
    assert sent(machine, machine.signed(*BEAT, form=1)) == (401, "old_form")


@pytest.mark.attack(7)
def test_a_hub_that_has_names_is_no_other_whatever_the_request_says(database: str, tmp_path: Path) -> None:
    names = ["--name", "hub.city.example", "--name", "10.1.1.1:8443"]
    process = run("serve", "--dsn", database, "--port", "0", "--keys", str(tmp_path), "--make-keys", *names)
    running = RunningHub(database, tmp_path, process, msgspec.json.decode(process.stdout.readline()))
    code = run("code", "--dsn", database, "--machine", "K-named").communicate(timeout=HANG_S)[0].decode().strip()
    machine = Machine(running, "K-named")
    machine.clock = Clock()
    body = msgspec.json.encode({"code": code, "kiosk_id": machine.kiosk_id, "public_key": machine.keys.public})
    assert machine.call("POST", "/v1/enrolments", body).status_code == 401, "signed for 127.0.0.1"
    assert machine.call("POST", "/v1/enrolments", body, host="HUB.city.example").status_code == 201
    assert machine.call(*BEAT, host="10.1.1.1:8443").status_code == 200
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=HANG_S)
    assert process.returncode == 0
