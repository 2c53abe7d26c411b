"""The listener on the machine's status socket, against a real Unix socket."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.clock import Clock
from kiosk.demo.watch import MachineWatch
from tests.waiting import HANG_S


class Machine:
    """Stands in for the machine's status socket; can go away and come back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.up()

    def up(self) -> None:
        self.path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen()

    def accept(self) -> None:
        self.listener.settimeout(HANG_S)
        self.peer, _ = self.listener.accept()

    def say(self, **line: object) -> None:
        self.peer.sendall(json.dumps(line).encode() + b"\n")

    def down(self) -> None:
        self.peer.close()
        self.listener.close()


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[MachineWatch]:
    made = MachineWatch(tmp_path / "s")
    made.start()
    yield made
    made.stop()


def until(true: Callable[[], bool]) -> bool:
    clock = Clock()
    ends = clock.monotonic() + 10.0
    while not true() and clock.monotonic() < ends:
        threading.Event().wait(0.01)
    return true()


def test_last_page_is_known_and_a_machine_that_restarts_is_found_again(tmp_path: Path, watch: MachineWatch) -> None:
    machine = Machine(tmp_path / "s")
    machine.accept()
    machine.say(type="page", kind="home", service="")
    machine.say(type="case", state="stored")
    machine.say(type="page", kind="form", service="T01")
    assert until(lambda: len(watch.lines) == 3)
    assert watch.facts() == {"connected": True, "page": {"type": "page", "kind": "form", "service": "T01"}}
    machine.down()
    assert until(lambda: not watch.connected)
    machine.up()
    machine.accept()
    assert until(lambda: watch.connected)
    machine.down()


def test_wait_finds_a_line_that_came_before_and_one_that_comes_later_but_not_an_older_one(
    tmp_path: Path, watch: MachineWatch
) -> None:
    machine = Machine(tmp_path / "s")
    machine.accept()
    machine.say(type="case", state="delivered", n=1)
    assert watch.wait_for(lambda line: line.get("state") == "delivered", 10.0)
    assert watch.wait_for(lambda line: line.get("state") == "delivered", 0.05, start=1) is None
    threading.Timer(0.05, machine.say, kwargs={"type": "case", "state": "delivered", "n": 2}).start()
    assert watch.wait_for(lambda line: line.get("state") == "delivered", 10.0, start=1) == {
        "type": "case",
        "state": "delivered",
        "n": 2,
    }
    machine.down()
