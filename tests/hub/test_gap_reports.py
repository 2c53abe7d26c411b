"""Gaps and breaks as the city's supervisor sees them: figures and a command, on a running hub."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import msgspec
import psycopg
import pytest

from hub.postgres import OwnPostgres
from kiosk.messages.batch import Member, write_batch
from kiosk.messages.encoding import sha256_hex
from tests.forking import forked
from tests.hub.fixtures import TODAY, Machine, RunningHub, Sealed, case_form
from tests.waiting import eventually


def a_case(machine: Machine, **more: object) -> Sealed:
    return machine.envelope("case", case_form("zhao", "E13", "1" * 24), **more)


def beat(machine: Machine, **said: int) -> int:
    return machine.call("POST", "/v1/heartbeats", msgspec.json.encode(said)).status_code


def figure(machine: Machine, name: str) -> str:
    start = f'{name}{{kiosk_id="{machine.kiosk_id}"}} '
    lines = machine.client.get("/metrics").text.splitlines()
    return next((f"{float(line.removeprefix(start)):g}" for line in lines if line.startswith(start)), "")


def command(dsn: str, *more: str) -> tuple[int, str]:
    """Exit code of ``hub gaps`` and what it prints."""
    done = forked("hub", "gaps", "--dsn", dsn, "--today", str(TODAY), *more)
    assert done.returncode in (0, 3), done.stderr
    return done.returncode, done.stdout


def test_nothing_to_report_is_an_empty_table_and_exit_code_0(cluster: OwnPostgres) -> None:
    name = f"hub_{uuid4().hex[:8]}"
    with psycopg.connect(cluster.dsn, autocommit=True) as conn:
        conn.execute(f"create database {name}")
    dsn = cluster.dsn.replace("dbname=tongban", f"dbname={name}")
    assert command(dsn) == (0, "")
    assert command(dsn, "--json") == (0, "[]\n")


@pytest.mark.parametrize("carrier", ["folder", "https"])
def test_what_came_in_a_batch_may_be_late_for_a_day(
    hub: RunningHub, machine: Machine, tmp_path: Path, carrier: str
) -> None:
    machine.envelope("rating", b"never sent", parcels=False)
    sent = a_case(machine, parcels=False)
    batch = tmp_path / "out" / "any.tbz"
    batch.parent.mkdir()
    parcel = Member("parcels", sha256_hex(sent.part), sent.part)
    write_batch(batch, [Member("envelopes", f"{sent.key}.json", sent.wire), parcel])
    if carrier == "https":
        assert machine.call("POST", "/v1/batches", batch.read_bytes()).json()["results"][0]["result"] == "accepted"
    else:
        files = ["files", "--once", "--today", str(TODAY), "--dsn", hub.dsn]
        files += ["--keys", str(hub.data / "keys"), "--folder", str(tmp_path)]
        assert forked("hub", *files).returncode == 0
    _earlier(hub, machine, "2 minutes")
    assert figure(machine, "tongban_missing_seqs") == ""
    _earlier(hub, machine, "1 day")
    assert figure(machine, "tongban_missing_seqs") == "1"


def _earlier(hub: RunningHub, machine: Machine, much: str) -> None:
    query = "update envelope set received_at = received_at - %s::interval where kiosk_id = %s returning 1"
    assert hub.sql(query, much, machine.kiosk_id)


def test_a_heartbeat_shows_what_a_hub_from_an_old_backup_has_lost(hub: RunningHub, machine: Machine) -> None:
    machine.deliver(a_case(machine))
    for waiting in ({"queue_depth": 2}, {"held": 2}):
        assert beat(machine, last_seq=3, **waiting) == 200
        assert figure(machine, "tongban_missing_seqs") == "", "what waits at the machine is not lost"
    assert beat(machine, last_seq=3) == 200
    assert figure(machine, "tongban_missing_seqs") == "2"
    assert beat(machine, last_seq=4, queue_depth=1) == 200
    assert figure(machine, "tongban_missing_seqs") == "2", "a later case that waits does not hide it"


def test_a_number_beyond_all_numbers_is_refused(machine: Machine) -> None:
    assert beat(machine, last_seq=2**64) == 422
    assert figure(machine, "tongban_missing_seqs") == ""


def test_breaks_of_the_chain_are_counted_for_each_machine(hub: RunningHub, machine: Machine) -> None:
    other = hub.machine()
    for each in (machine, other):
        each.deliver(a_case(each))
    assert figure(machine, "tongban_chain_breaks") == ""
    for _ in range(2):
        machine.prev = "f" * 64
        machine.deliver(a_case(machine))
    assert figure(machine, "tongban_chain_breaks") == "2"
    assert figure(other, "tongban_chain_breaks") == ""


def test_the_command_names_machine_trouble_and_time_and_ends_with_3(hub: RunningHub, machine: Machine) -> None:
    machine.deliver(a_case(machine))
    machine.prev = "f" * 64
    second = a_case(machine)
    machine.deliver(second)
    assert machine.put(a_case(machine, key=second.key, seq=2)).status_code == 409
    beat(machine, last_seq=5)
    code, table = command(hub.dsn)
    assert code == 3
    lines = [line for line in table.splitlines() if machine.kiosk_id in line]
    words = ("chain broken at 2", "2 contradicts what is here", "missing 3–5")
    for line, what in zip(lines, words, strict=True):
        assert f"  {what}  " in line
        assert str(TODAY) in line
    code, text = command(hub.dsn, "--json")
    assert code == 3
    mine = [each for each in json.loads(text) if each["kiosk_id"] == machine.kiosk_id]
    assert [(each["kind"], each["first"], each["last"]) for each in mine] == [
        ("chain_broken", 2, 2),
        ("held", 2, 2),
        ("missing", 3, 5),
    ]
    listed = forked("hub", "machine", "list", "--dsn", hub.dsn, "--today", str(TODAY), "--json")
    assert listed.returncode == 3
    (row,) = (each for each in json.loads(listed.stdout) if each["kiosk_id"] == machine.kiosk_id)
    assert row["trouble"] == "chain broken at 2; 2 contradicts what is here; 1 more in hub gaps"


def test_a_running_hub_looks_by_itself(hub: RunningHub, machine: Machine) -> None:
    beat(machine, last_seq=2)
    hub.stop()
    hub.start(int(hub.url.rsplit(":", 1)[1]))
    alarm = "select data->>'first', data->>'last' from event where kind = 'gap_open' and kiosk_id = %s"
    eventually(lambda: hub.sql(alarm, machine.kiosk_id) == [("1", "2")], "the alarm")
