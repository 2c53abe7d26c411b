"""Parcels: whole, in chunks, resumed, repeated, damaged."""

from __future__ import annotations

import os

import httpx
import pytest

from kiosk.messages.encoding import sha256_hex
from tests.hub.fixtures import Machine, RunningHub


def put(machine: Machine, content: bytes, start: int, end: int, total: int | None = None) -> httpx.Response:
    span = f"bytes {start}-{end - 1}/{total or len(content)}"
    return machine.call("PUT", f"/v1/parcels/{sha256_hex(content)}", content[start:end], extra={"Content-Range": span})


def offset(machine: Machine, content: bytes) -> str:
    answer = machine.call("HEAD", f"/v1/parcels/{sha256_hex(content)}")
    assert answer.status_code == 200
    return answer.headers["upload-offset"] + answer.headers["upload-complete"]


def stored(hub: RunningHub, content: bytes) -> bytes:
    rows = hub.sql("select content from parcel_chunk where sha256 = %s order by start", sha256_hex(content))
    return b"".join(row[0] for row in rows)


def test_a_parcel_is_stored_once(hub: RunningHub, machine: Machine) -> None:
    content = os.urandom(200_000)
    assert offset(machine, content) == "0?0"
    assert machine.put_parcel(content).status_code == 201
    assert machine.put_parcel(content).status_code == 200
    assert offset(machine, content) == "200000?1"
    assert stored(hub, content) == content


def test_an_interrupted_upload_goes_on_where_it_stopped(hub: RunningHub, machine: Machine) -> None:
    content = os.urandom(300_000)
    assert put(machine, content, 0, 100_000).status_code == 202
    assert offset(machine, content) == "100000?0"
    assert put(machine, content, 100_000, 250_000).status_code == 202
    assert put(machine, content, 250_000, 300_000).status_code == 201
    assert stored(hub, content) == content


def test_a_repeated_or_overlapping_chunk_changes_nothing(hub: RunningHub, machine: Machine) -> None:
    content = os.urandom(1000)
    assert put(machine, content, 0, 600).status_code == 202
    assert put(machine, content, 0, 600).headers["upload-offset"] == "600"
    assert put(machine, content, 400, 1000).status_code == 201
    assert stored(hub, content) == content


def test_a_chunk_beyond_the_offset_is_told_where_to_go_on(machine: Machine) -> None:
    content = os.urandom(1000)
    put(machine, content, 0, 300)
    answer = put(machine, content, 500, 1000)
    assert (answer.status_code, answer.headers["upload-offset"]) == (416, "300")


def test_a_damaged_upload_is_refused_and_can_begin_again(hub: RunningHub, machine: Machine) -> None:
    content = os.urandom(1000)
    path = f"/v1/parcels/{sha256_hex(content)}"
    assert machine.call("PUT", path, content[:-1] + b"?").status_code == 422
    assert put(machine, b"x" * 400 + content[400:], 0, 400).status_code == 202
    machine.call("PUT", path, b"x" * 400, extra={"Content-Range": "bytes 0-399/1000"})
    spoiled = machine.call("PUT", path, content[400:], extra={"Content-Range": "bytes 400-999/1000"})
    assert (spoiled.status_code, spoiled.json()["field"]) == (422, "sha256")
    assert stored(hub, content) == b""
    assert machine.put_parcel(content).status_code == 201


@pytest.mark.parametrize(
    "span", ["bytes 0-1/x", "0-9/10", "bytes 5-3/10", "bytes 0-4/5", "bytes 0-9/5", "bytes 0-9/9", "bytes */10"]
)
def test_a_range_that_does_not_fit_is_named(machine: Machine, span: str) -> None:
    answer = machine.call("PUT", f"/v1/parcels/{'a' * 64}", b"0123456789", extra={"Content-Range": span})
    assert (answer.status_code, answer.json()["field"]) == (400, "Content-Range")


def test_too_large_a_parcel_is_refused_before_it_is_sent(machine: Machine) -> None:
    answer = machine.call("PUT", f"/v1/parcels/{'a' * 64}", b"0", extra={"Content-Range": f"bytes 0-0/{2**40 - 1}"})
    assert answer.status_code == 413
    assert machine.call("PUT", f"/v1/parcels/{'a' * 64}", bytes(9 * 1024 * 1024)).status_code == 413


@pytest.mark.parametrize("digest", ["A" * 64, "a" * 63, "..%2f..%2fetc"])
def test_a_digest_that_is_none_is_refused(machine: Machine, digest: str) -> None:
    assert machine.call("PUT", f"/v1/parcels/{digest}", b"x").status_code in (404, 422)
