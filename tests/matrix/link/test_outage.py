"""A real outage: machine and hub in network namespaces of their own, TLS between them, the cable pulled."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import psycopg
import pytest

from kiosk.hub_link.client import PROBE_S
from kiosk.messages.envelope import FIRST_PREV
from tests.hub.fixtures import ROOT
from tests.matrix.link.kiosk_child import Plan
from tests.matrix.link.namespaces import Cable, NotPermitted, certificate, inside
from tests.waiting import HANG_S

PYTHON = sys.executable
WAIT_S = 180


class FarHub(NamedTuple):
    said: dict
    ca_file: Path
    dsn: str

    def keys_in_order(self) -> list[tuple]:
        sql = "select seq, key::text, sha256, prev_sha256 from envelope order by seq"
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            return conn.execute(sql).fetchall()

    def times_received(self) -> list[int]:
        sql = "select count(*) from event where kind = 'received' group by envelope_key"
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            return [row[0] for row in conn.execute(sql).fetchall()]


@pytest.fixture
def cable() -> Iterator[Cable]:
    try:
        with Cable() as cable:
            yield cable
    except NotPermitted as error:
        pytest.skip(f"no network namespaces here: {error}")


@pytest.fixture
def far_hub(cable: Cable, database: str, tmp_path: Path) -> Iterator[FarHub]:
    chain, key = certificate(tmp_path, cable.hub_address)
    command = [PYTHON, "-m", "hub", "serve", "--dsn", database, "--host", cable.hub_address, "--port", "0"]
    command += ["--keys", str(tmp_path / "keys"), "--make-keys", "--tls-cert", str(chain), "--tls-key", str(key)]
    with (tmp_path / "hub.log").open("wb") as log:
        process = subprocess.Popen(inside(cable.hub, *command), stdout=subprocess.PIPE, stderr=log, cwd=ROOT)
    line = process.stdout.readline()
    assert line, (tmp_path / "hub.log").read_text()
    yield FarHub(msgspec.json.decode(line), chain, database)
    process.terminate()
    process.wait(HANG_S)
    process.stdout.close()


class FarKiosk:
    """The machine behind the cable. ``delivered`` and ``online`` are what it said, in order."""

    def __init__(self, namespace: str, plan: Path, log: Path) -> None:
        command = inside(namespace, PYTHON, "-m", "tests.matrix.link.kiosk_child", str(plan))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        with log.open("wb") as errors:
            self.process = subprocess.Popen(command, stderr=errors, cwd=ROOT, **pipes)
        self.delivered: list[str] = []
        self.online: list[str] = []
        self.done = False
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: [self._lines.put(line) for line in self.process.stdout], daemon=True).start()

    def file(self, up_to: int) -> None:
        self.process.stdin.write(f"{up_to}\n")

    def until(self, true) -> None:
        """Hears it out until something holds; queue.Empty after so long without a word."""
        while not true():
            self._hear(self._lines.get(timeout=WAIT_S))

    def for_a_while(self, pause_s: float) -> None:
        """Hears what it says in this time."""
        threading.Event().wait(pause_s)
        while not self._lines.empty():
            self._hear(self._lines.get())

    def _hear(self, line: str) -> None:
        word, *rest = line.split()
        if word == "delivered":
            self.delivered.append(rest[0])
        elif word == "online":
            self.online.append(rest[0])
        self.done |= word == "done"

    def end(self) -> None:
        self.process.kill()
        self.process.wait(HANG_S)
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()


@pytest.fixture
def far_kiosk(cable: Cable, far_hub: FarHub, tmp_path: Path) -> Iterator[FarKiosk]:
    command = [PYTHON, "-m", "hub", "code", "--dsn", far_hub.dsn, "--machine", "far-0001"]
    code = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    said = far_hub.said
    plan = Plan(
        store=str(tmp_path / "store.db"),
        kiosk_id="far-0001",
        url=said["url"],
        seal_key=said["seal_key"],
        verify_key=said["verify_key"],
        seed=1,
        items=0,
        code=code.stdout.strip(),
        ca_file=str(far_hub.ca_file),
        watch=True,
        request_timeout_s=2.5,
        cap_s=300,
    )
    (tmp_path / "plan.json").write_bytes(msgspec.json.encode(plan))
    kiosk = FarKiosk(cable.kiosk, tmp_path / "plan.json", tmp_path / "kiosk.log")
    yield kiosk
    kiosk.end()


def test_the_cable_is_pulled_on_each_side_and_plugged_in_again(
    cable: Cable, far_hub: FarHub, far_kiosk: FarKiosk
) -> None:
    far_kiosk.file(4)
    far_kiosk.until(lambda: len(far_kiosk.delivered) == 4 and far_kiosk.online[-1:] == ["yes"])
    for filed, side in ((8, cable.hub), (12, cable.kiosk)):
        cable.pull(side)
        far_kiosk.file(filed)
        far_kiosk.until(lambda: far_kiosk.online[-1] == "no")
        far_kiosk.for_a_while(PROBE_S + 0.5)
        assert far_kiosk.online[-1] == "no"
        assert len(far_kiosk.delivered) == len(far_hub.keys_in_order()) == filed - 4
        cable.plug(side)
        far_kiosk.until(lambda n=filed: len(far_kiosk.delivered) == n and far_kiosk.online[-1] == "yes")
    far_kiosk.process.stdin.close()
    far_kiosk.until(lambda: far_kiosk.done)
    rows = far_hub.keys_in_order()
    assert sorted(far_kiosk.delivered) == sorted(key for _, key, *_ in rows)
    assert [seq for seq, *_ in rows] == list(range(1, 13))
    assert [prev for *_, prev in rows] == [FIRST_PREV, *(digest for _, _, digest, _ in rows[:-1])]
    assert far_hub.times_received() == [1] * 12
