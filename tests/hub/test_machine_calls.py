"""Heartbeats, catalogue, health, faults of the demonstration, and the commands."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import pytest

from hub.postgres import OwnPostgres
from kiosk.clock import Clock
from kiosk.messages.encoding import canonical_json, decode, sha256_hex
from kiosk.messages.fleet import MOST_COMMANDS, HeartbeatAnswer
from kiosk.messages.seal import verify
from tests.hub.fixtures import ROOT, Machine, RunningHub, case_form
from tests.waiting import HANG_S


def test_commands_come_with_heartbeats_until_they_are_done(hub: RunningHub, machine: Machine) -> None:
    command = "01a203ea-49a9-73c4-a30e-e8d4a208fff6"
    hub.sql("insert into command values (%s, %s, 'self_test', '{}', now()) returning 1", command, machine.kiosk_id)
    for _ in range(2):
        answer = msgspec.json.decode(machine.call("POST", "/v1/heartbeats", b"{}").content, type=HeartbeatAnswer)
        assert [c.id for c in answer.commands] == [command]
    done = msgspec.json.encode({"done_commands": [command, "unknown"]})
    assert machine.call("POST", "/v1/heartbeats", done).json()["commands"] == []
    assert hub.sql("select data->>'id' from event where kind = 'command_done'") == [(command,)]


def test_a_command_that_no_machine_can_read_and_too_many_at_once_cost_it_no_answer(
    hub: RunningHub, machine: Machine
) -> None:
    made = "select gen_random_uuid(), %s, %s, %s::jsonb, now() from generate_series(1, %s)"
    insert = f"insert into command {made} returning 1"
    hub.sql(insert, machine.kiosk_id, "x" * 65, "{}", 1)
    hub.sql(insert, machine.kiosk_id, "self_test", json.dumps({"n": 2**60}), 1)
    hub.sql(insert, machine.kiosk_id, "self_test", "{}", MOST_COMMANDS + 50)
    answer = decode(machine.call("POST", "/v1/heartbeats", b"{}").content, HeartbeatAnswer)
    assert len(answer.commands) == MOST_COMMANDS
    done = msgspec.json.encode({"done_commands": [each.id for each in answer.commands]})
    answer = decode(machine.call("POST", "/v1/heartbeats", done).content, HeartbeatAnswer)
    assert len(answer.commands) == 50


def test_a_bad_heartbeat_names_its_field(machine: Machine) -> None:
    answer = machine.call("POST", "/v1/heartbeats", b'{"queue_depth": -1}')
    assert (answer.status_code, answer.json()["field"]) == (422, "queue_depth")


def test_the_catalogue_is_signed_and_every_file_matches_its_digest(hub: RunningHub, machine: Machine) -> None:
    answer = machine.call("GET", "/v1/catalogue")
    manifest, files = answer.json()["manifest"], answer.json()["files"]
    signature = manifest.pop("signature")
    verify(canonical_json(manifest), signature, hub.said["verify_key"])
    assert {name: sha256_hex(text.encode()) for name, text in files.items()} == manifest["files"]
    assert machine.call("GET", "/v1/catalogue", extra={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_health_ready_metrics_and_schema_need_no_signature(hub: RunningHub) -> None:
    assert httpx.get(f"{hub.url}/healthz", timeout=HANG_S).json() == {"status": "alive"}
    assert httpx.get(f"{hub.url}/readyz", timeout=HANG_S).json() == {"status": "ready"}
    assert "tongban_machines" in httpx.get(f"{hub.url}/metrics", timeout=HANG_S).text
    paths = httpx.get(f"{hub.url}/schema", timeout=HANG_S).json()["paths"]
    assert {"/v1/envelopes/{key}", "/v1/parcels/{sha256}", "/v1/questions/{kind}"} <= set(paths)
    assert not [path for path in paths if path.startswith("/demo")]


def test_an_unknown_address_and_a_wrong_method_are_problems(hub: RunningHub) -> None:
    for answer, status in (
        (httpx.get(f"{hub.url}/v2", timeout=HANG_S), 404),
        (httpx.post(f"{hub.url}/healthz", timeout=HANG_S), 405),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_lost_answer_was_still_received(hub: RunningHub, machine: Machine) -> None:
    sent = machine.envelope("case", case_form("zhao", "E13", "L-1"))
    hub.demo("POST", "faults", lose_answer=True)
    with pytest.raises(httpx.RemoteProtocolError):
        machine.put(sent)
    hub.demo("DELETE", "faults")
    assert machine.put(sent).status_code == 200


def test_refusal_portal_and_cut_network_keep_nothing(hub: RunningHub, machine: Machine) -> None:
    sent = machine.envelope("case", case_form("zhao", "E13", "L-2"))
    hub.demo("POST", "faults", refuse=True)
    assert machine.put(sent).status_code == 503
    hub.demo("POST", "faults", nonsense=True)
    assert "html" in machine.put(sent).text
    hub.demo("DELETE", "faults")
    hub.demo("POST", "network", up=False)
    # A cut while the body is on its way comes as a reset, one after it as the end of the connection.
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        machine.put(sent)
    hub.demo("POST", "network", up=True)
    assert machine.put(sent).status_code == 201


def test_faults_are_checked(hub: RunningHub) -> None:
    answer = httpx.post(f"{hub.url}/demo/faults", json={"slow": 1}, timeout=HANG_S)
    assert (answer.status_code, answer.json()["field"]) == (422, "slow")


def run(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "hub", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )


def test_hub_demo_brings_its_own_postgres_keeps_its_keys_and_ends_cleanly(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        process = run("demo", "--data", str(tmp_path / "data"))
        said = msgspec.json.decode(process.stdout.readline())
        assert said["ready"] is True
        assert said["pid"] == process.pid
        keys.append((said["seal_key"], said["verify_key"]))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=HANG_S)
        assert process.returncode == 0
        assert not (tmp_path / "data/postgres/postmaster.pid").exists()
    assert keys[0] == keys[1]


def test_hub_serve_has_no_switches_and_enrols_by_code(database: str, tmp_path: Path) -> None:
    process = run("serve", "--dsn", database, "--port", "0", "--keys", str(tmp_path), "--make-keys")
    running = RunningHub(database, tmp_path, process, msgspec.json.decode(process.stdout.readline()))
    assert httpx.post(f"{running.url}/demo/faults", json={}, timeout=HANG_S).status_code == 404
    code = run("code", "--dsn", database, "--machine", "K-serve").communicate(timeout=HANG_S)[0].decode().strip()
    machine = Machine(running, "K-serve")
    # A production hub knows no demonstration day.
    assert machine.enrol(code).status_code == 401
    machine.clock = Clock()
    assert machine.enrol(code).status_code == 201
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=HANG_S)
    assert process.returncode == 0


def test_a_start_that_cannot_be_says_why_in_one_line(tmp_path: Path) -> None:
    process = run("serve", "--dsn", "host=/nowhere", "--keys", str(tmp_path / "none"))
    _, said = process.communicate(timeout=HANG_S)
    assert process.returncode == 1
    assert said.decode().count("\n") == 1
    assert "seal.key" in said.decode()


def test_own_postgres_of_a_killed_parent_is_taken_over(tmp_path: Path) -> None:
    process = run("demo", "--data", str(tmp_path / "data"))
    process.stdout.readline()
    process.kill()
    process.communicate(timeout=HANG_S)
    with OwnPostgres(tmp_path / "data/postgres") as postgres:
        assert postgres.pid > 0
