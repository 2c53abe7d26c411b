"""No machine touches another's upload, fills the hub, or keeps there what no envelope names (door 12)."""

from __future__ import annotations

import os

import pytest

from kiosk.messages.encoding import sha256_hex
from tests.hub.fixtures import Machine, RunningHub
from tests.hub.test_parcels import offset, put, stored
from tests.waiting import eventually

pytestmark = pytest.mark.attack(12)
MB = 1024 * 1024


@pytest.fixture
def other(hub: RunningHub) -> Machine:
    return hub.machine()


def test_an_upload_is_seen_by_its_own_machine_only(machine: Machine, other: Machine) -> None:
    content = os.urandom(1000)
    assert put(machine, content, 0, 400).status_code == 202
    assert (offset(machine, content), offset(other, content)) == ("400?0", "0?0")
    assert put(other, content, 400, 1000).status_code == 416


@pytest.mark.parametrize("start", [0, 400])
def test_no_machine_spoils_anothers_upload(hub: RunningHub, machine: Machine, other: Machine, start: int) -> None:
    content = os.urandom(1000)
    assert put(machine, content, 0, 400).status_code == 202
    span = f"bytes {start}-999/1000"
    path = f"/v1/parcels/{sha256_hex(content)}"
    assert other.call("PUT", path, b"x" * (1000 - start), extra={"Content-Range": span}).status_code in (416, 422)
    assert other.call("PUT", path, b"x" * 1000).status_code == 422
    assert put(machine, content, 400, 1000).status_code == 201
    assert stored(hub, content) == content


def test_both_may_bring_the_same(hub: RunningHub, machine: Machine, other: Machine) -> None:
    content = os.urandom(1000)
    assert put(machine, content, 0, 400).status_code == 202
    assert other.put_parcel(content).status_code == 201
    assert put(machine, content, 400, 1000).status_code == 200
    assert stored(hub, content) == content


def test_a_machine_that_fills_the_hub_is_stopped_and_no_other_with_it(machine: Machine, other: Machine) -> None:
    """By uploads that are only begun: each counts with its full length."""
    said = []
    for _ in range(6):
        digest = os.urandom(32).hex()
        span = f"bytes 0-0/{60 * MB}"
        said.append(machine.call("PUT", f"/v1/parcels/{digest}", b"0", extra={"Content-Range": span}))
    assert [each.status_code for each in said] == [202] * 4 + [429] * 2
    assert said[-1].headers["retry-after"] == "3600"
    assert machine.put_parcel(os.urandom(17 * MB // 4)).status_code == 201
    assert [machine.put_parcel(os.urandom(8 * MB)).status_code for _ in range(2)] == [201, 429]
    assert other.put_parcel(os.urandom(MB)).status_code == 201


def test_many_tiny_ones_count_too(hub: RunningHub, machine: Machine) -> None:
    hub.sql(
        "with made as (insert into parcel select md5(n::text || random()), 1, 1, true "
        "from generate_series(1, 65536) n returning sha256) "
        "insert into unclaimed_parcel select sha256, %s, 1 from made returning bytes",
        machine.kiosk_id,
    )
    assert machine.put_parcel(b"one more" + os.urandom(8)).status_code == 429


def test_what_an_envelope_names_no_longer_counts(hub: RunningHub, machine: Machine) -> None:
    for _ in range(3):
        assert machine.put(machine.envelope("finding", os.urandom(1000))).status_code == 201
    assert hub.sql("select from unclaimed_parcel where kiosk_id = %s", machine.kiosk_id) == []


def test_orphans_go_after_a_day_and_what_is_named_stays(hub: RunningHub, machine: Machine) -> None:
    begun, orphan, young = (os.urandom(1000) for _ in range(3))
    put(machine, begun, 0, 10)
    machine.put_parcel(orphan)
    named = machine.envelope("finding", os.urandom(1000))
    assert machine.put(named).status_code == 201
    late = machine.envelope("finding", os.urandom(1000))
    for table in ("upload", "unclaimed_parcel"):
        hub.sql(f"update {table} set at = at - interval '25 hours' where kiosk_id = %s returning 1", machine.kiosk_id)
    machine.put_parcel(young)
    hub.stop()
    hub.start()
    machine.client.base_url = hub.url
    # A hub that has started looks by itself, soon and not before it serves.
    eventually(lambda: offset(machine, orphan) == "0?0", "the orphan is gone")
    wanted = [offset(machine, each) for each in (begun, orphan, young, named.part)]
    assert wanted == ["0?0", "0?0", "1000?1", f"{len(named.part)}?1"]
    assert machine.put(late).status_code == 424
    machine.put_parcel(late.part)
    assert machine.put(late).status_code == 201
