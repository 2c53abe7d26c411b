from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devices.receipt_printer.driver import EscposPrinter, ReceiptPrinterSettings
from devices.receipt_printer.job import Cut, Line, PrintJob
from devices.simulation import ControlClient
from devices.vocabulary import DeviceStatus
from tests.waiting import HANG_S

ROOT = Path(__file__).parents[3]


class Bench:
    """A sim process on its wire, and a driver that is connected to it."""

    def __init__(self, folder: Path, wire: str, *options: str) -> None:
        self.slips_folder, self.statuses = folder / "slips", []
        where = ["--tcp-port", "0"] if wire == "tcp" else ["--link", str(folder / "printer"), "--baudrate", "0"]
        command = [sys.executable, "-m", "devices.receipt_printer.sim", *where, "--mm-per-s", "0"]
        command += ["--slips", str(self.slips_folder), "--control", str(folder / "control"), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert self.process.stdout
        self.ready = json.loads(self.process.stdout.readline())
        self.control = ControlClient(self.ready["control"])
        self.wire, self._pause = wire, threading.Event()
        self.drivers: list[EscposPrinter] = []

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.control.do(verb, **arguments)

    @property
    def state(self) -> dict[str, Any]:
        return self.do("state")

    def settings(self, **more: Any) -> ReceiptPrinterSettings:
        where = {k: self.ready[k] for k in ("port", "host", "tcp_port") if k in self.ready}
        transport = "tcp" if self.wire == "tcp" else "serial"
        values = {"barrier_timeout_s": 20.0, "status_timeout_ms": 250, **where, **more}
        return ReceiptPrinterSettings(driver="escpos", transport=transport, **values)

    def driver(self, **more: Any) -> EscposPrinter:
        driver = EscposPrinter(self.settings(**more), self.statuses.append)
        self.drivers.append(driver)
        driver.setup()
        return driver

    @staticmethod
    def await_answers_of(driver: EscposPrinter) -> None:
        """From here on the printer is well and owes nothing: however busy the computer is, its answers come."""
        driver._delivery._ways = replace(driver._delivery._ways, barrier_timeout_s=HANG_S)

    @property
    def status(self) -> DeviceStatus:
        return self.statuses[-1]

    def papers(self) -> list[str]:
        """The text of every sheet that was cut off, blank ones too."""
        return [Path(slip["txt"]).read_text("utf-8") for slip in self.do("slips")["slips"]]

    def slip(self, number: int = 1) -> str:
        return self.slip_path(number).read_text("utf-8")

    def slip_path(self, number: int = 1, suffix: str = "txt") -> Path:
        slips = self.do("slips")["slips"]
        return Path(slips[number - 1][suffix])

    def wait(self, condition: Callable[[], Any], timeout_s: float = 60.0) -> None:
        ends = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < ends, "it did not happen"
            self._pause.wait(0.01)

    def close(self) -> None:
        for driver in self.drivers:
            driver.teardown()
        self.control.close()
        self.process.terminate()
        assert self.process.wait(HANG_S) == 0
        assert self.process.stdout
        self.process.stdout.close()


def _one_sim(wire: str, folder: Path) -> Iterator[Bench]:
    made = Bench(folder, wire)
    yield made
    made.close()


@pytest.fixture(scope="session")
def tcp_sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield from _one_sim("tcp", tmp_path_factory.mktemp("tcp"))


@pytest.fixture(scope="session")
def pty_sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield from _one_sim("pty", tmp_path_factory.mktemp("pty"))


def _as_new(sim: Bench) -> Iterator[Bench]:
    sim.do("reset")
    sim.statuses = []
    yield sim
    for driver in sim.drivers:
        driver.teardown()
    sim.drivers = []


@pytest.fixture
def tcp_bench(tcp_sim: Bench) -> Iterator[Bench]:
    yield from _as_new(tcp_sim)


@pytest.fixture
def pty_bench(pty_sim: Bench) -> Iterator[Bench]:
    yield from _as_new(pty_sim)


@pytest.fixture(params=["tcp_bench", "pty_bench"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return request.getfixturevalue(request.param)


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(wire: str = "tcp", *options: str) -> Bench:
        made.append(Bench(tmp_path, wire, *options))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


@pytest.fixture
def long_job() -> PrintJob:
    return PrintJob((*(Line(f"第 {n} 行") for n in range(1, 21)), Cut()))
