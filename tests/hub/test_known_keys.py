"""A hub process guesses keys that it saw lately; what another process changed counts at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import httpx
import pytest

from kiosk.messages import envelope, seal
from kiosk.messages.suites import KeyPair
from tests.hub.fixtures import Machine, RunningHub


class Call(NamedTuple):
    method: str
    path: str
    body: bytes


def head(_: Machine) -> Call:
    return Call("HEAD", f"/v1/parcels/{'0' * 64}", b"")


def parcel(_: Machine) -> Call:
    sealed = envelope.new_key().encode()
    return Call("PUT", f"/v1/parcels/{envelope.sha256_hex(sealed)}", sealed)


def an_envelope(machine: Machine) -> Call:
    sent = machine.envelope("finding", b"{}")
    return Call("PUT", f"/v1/envelopes/{sent.key}", sent.wire)


@pytest.fixture(params=[head, parcel, an_envelope])
def make(request: pytest.FixtureRequest) -> Callable[[Machine], Call]:
    return request.param


def replaced_elsewhere(hub: RunningHub, machine: Machine) -> KeyPair:
    """Another process has taken a new key of this machine; gives it."""
    fresh = seal.new_sign_key()
    hub.sql("update kiosk set public_key = %s where kiosk_id = %s returning 1", fresh.public, machine.kiosk_id)
    hub.sql(
        "insert into kiosk_key (kiosk_id, suite, public_key, since) values (%s, 'std', %s, now()) returning 1",
        *(machine.kiosk_id, fresh.public),
    )
    return fresh


def test_a_key_that_was_replaced_elsewhere_is_refused_at_once_and_nothing_is_stored(
    hub: RunningHub, machine: Machine, make: Callable[[Machine], Call]
) -> None:
    call = make(machine)
    machine.call(*head(machine))
    replaced_elsewhere(hub, machine)
    assert machine.call(*call).status_code == 401
    assert hub.sql("select 1 from envelope where kiosk_id = %s", machine.kiosk_id) == []
    assert hub.sql("select 1 from parcel where sha256 = %s", call.path.rpartition("/")[2]) == []


def test_a_key_that_another_process_took_in_is_good_at_once(
    hub: RunningHub, machine: Machine, make: Callable[[Machine], Call]
) -> None:
    machine.call(*head(machine))
    machine.keys = replaced_elsewhere(hub, machine)
    assert machine.call(*make(machine)).status_code in (200, 201)


def test_a_machine_that_was_removed_elsewhere_is_unknown_at_once(
    hub: RunningHub, machine: Machine, make: Callable[[Machine], Call]
) -> None:
    call = make(machine)
    hub.sql("delete from kiosk_key where kiosk_id = %s returning 1", machine.kiosk_id)
    hub.sql("delete from kiosk where kiosk_id = %s returning 1", machine.kiosk_id)
    assert machine.call(*call).status_code == 401


def test_the_very_same_request_is_served_once(
    hub: RunningHub, machine: Machine, make: Callable[[Machine], Call]
) -> None:
    call = make(machine)
    headers = machine.signed(*call)

    def again() -> httpx.Response:
        return machine.client.request(call.method, call.path, content=call.body, headers=headers)

    assert again().status_code in (200, 201)
    assert again().status_code == 401


def test_a_refusal_is_told_once_too(machine: Machine) -> None:
    call = Call("PUT", f"/v1/envelopes/{envelope.new_key()}", b"no envelope")
    headers = machine.signed(*call)
    answers = [machine.client.request(call.method, call.path, content=call.body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400, 401]
