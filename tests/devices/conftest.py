"""Sims as processes of their own, and patience without sleeping blindly."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devices.simulation import ControlClient
from tests.waiting import HANG_S

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class RunningSim:
    """A sim process, what it said when it was ready, and its control socket."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    control: ControlClient

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.control.do(verb, **arguments)


@pytest.fixture
def start_sim(tmp_path: Path) -> Iterator[Callable[..., RunningSim]]:
    """Start ``python -m devices.<device>.sim`` with arguments; every one is ended with SIGTERM."""
    running: list[RunningSim] = []

    def start(device: str, *arguments: str) -> RunningSim:
        control = tmp_path / f"{device}-{len(running)}.control"
        command = [sys.executable, "-m", f"devices.{device}.sim", "--control", str(control), *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        running.append(RunningSim(process, {}, ControlClient(control)))
        running[-1].ready = json.loads(process.stdout.readline())
        return running[-1]

    yield start
    for sim in running:
        sim.control.close()
        sim.process.terminate()
        sim.process.wait(HANG_S)
        sim.process.stdout.close()


def wait_for(true: Callable[[], Any], timeout_s: float = 10.0) -> Any:
    """Poll until ``true()`` is; returns its value, fails after the timeout."""
    ends, pause = time.monotonic() + timeout_s, threading.Event()
    while not (value := true()):
        assert time.monotonic() < ends, "it did not happen in time"
        pause.wait(0.005)
    return value


@pytest.fixture(name="wait_for")
def wait_for_fixture() -> Callable[..., Any]:
    return wait_for
