"""Fingerprint reader against the simulated one on a pty."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.contract import Completed, Deadline, TryAgain
from devices.fingerprint_reader.driver import FingerprintReader, FingerprintReaderSettings, _capture
from devices.simulation import ControlClient
from devices.vocabulary import Completion, DeviceState
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
PATIENT_S = 60.0


class Bench:
    def __init__(self, ready: dict[str, Any]) -> None:
        self.port, self.control = ready["port"], ControlClient(ready["control"])
        self.said: list[Any] = []

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.control.do(verb, **arguments)

    def made(self, **more: Any) -> FingerprintReader:
        values = {"port": self.port, "answer_timeout_ms": 20_000, **more}
        self.driver = FingerprintReader(
            FingerprintReaderSettings(driver="fingerprint_reader", **values), self.said.append
        )
        self.driver.setup()
        return self.driver

    def captured(self, deadline: Deadline) -> tuple[threading.Thread, list[Completed]]:
        done: list[Completed] = []
        thread = threading.Thread(target=lambda: done.append(self.driver.capture(deadline, finger="left_thumb")))
        before = self.do("state")["looks"]
        thread.start()
        eventually(lambda: self.do("state")["looks"] > before, "the reader to be looked at")
        return thread, done


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    link = tmp_path_factory.mktemp("finger") / "port"
    command = [sys.executable, "-m", "devices.fingerprint_reader.sim", "--link", str(link)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as running:
        assert running.stdout
        yield Bench(json.loads(running.stdout.readline()))
        running.terminate()
        assert running.wait(20) == 0


@pytest.fixture
def bench(process: Bench) -> Iterator[Bench]:
    process.do("reset")
    process.made()
    yield process
    process.driver.teardown()


def test_poor_pictures_are_passed_over_until_a_good_one(bench: Bench) -> None:
    thread, done = bench.captured(Deadline(PATIENT_S))
    bench.do("press", seed=3, quality=20)
    bench.do("press", seed=3, quality=80)
    thread.join(PATIENT_S)
    capture = done[0].value
    assert (capture.finger, capture.quality, len(capture.pixels)) == ("left_thumb", 80, 256 * 360)
    assert "pixels" not in repr(capture)


def test_finger_that_lay_there_before_is_not_this_person_s(bench: Bench) -> None:
    bench.do("press")
    assert bench.driver.capture(Deadline(0.3)).error == "glass_not_free"


def test_one_finger_after_the_other_as_the_pages_ask(bench: Bench) -> None:
    bench.do("dab")
    for finger in ("right_thumb", "left_thumb"):
        assert bench.driver.capture(Deadline(PATIENT_S), finger=finger).value.finger == finger


@pytest.mark.parametrize(("quality", "error"), [(30, "poor_quality"), (None, "no_finger")])
def test_no_good_picture_in_time(bench: Bench, quality: int | None, error: str) -> None:
    deadline = Deadline(PATIENT_S)
    thread, done = bench.captured(deadline)
    if quality is not None:
        bench.do("press", quality=quality)
        before = bench.do("state")["looks"]
        eventually(lambda: bench.do("state")["looks"] > before + 1, "the poor picture to be seen")
    deadline.canceled.set()
    thread.join(PATIENT_S)
    assert (done[0].code, done[0].error) == (Completion.TIME_OUT, error)


def test_dirty_glass_and_a_pulled_cable_are_told(bench: Bench) -> None:
    bench.do("break_down")
    bench.driver.idle()
    assert (bench.said[-1].device, bench.said[-1].error) == (DeviceState.HARDWARE_ERROR, "glass_dirty")
    bench.do("unplug")
    with pytest.raises(TryAgain):
        bench.driver.capture(Deadline(PATIENT_S))


def test_no_such_finger(bench: Bench) -> None:
    assert bench.driver.capture(Deadline(1.0), finger="sixth").error == "no_such_finger"  # type: ignore[arg-type]


def test_picture_that_nobody_wants_any_more_is_not_waited_for(bench: Bench) -> None:
    """A bridge that hangs held the wipe of the visit for as long as one of its answers may take."""
    bench.driver.teardown()
    bench.made(answer_timeout_ms=600_000)
    deadline, lost = Deadline(PATIENT_S), []
    bench.do("silent")

    def capture() -> None:
        try:
            bench.driver.capture(deadline)
        except TryAgain as fault:
            lost.append(fault.error)

    thread = threading.Thread(target=capture, daemon=True)
    thread.start()
    deadline.canceled.set()
    thread.join(PATIENT_S)
    assert lost == ["silent"]


@pytest.mark.attack(1)
@pytest.mark.parametrize(
    "wrong", [{"pixels": "!"}, {"width_px": 3}, {"width_px": 10**9}, {"quality": 101}, {"quality": "80"}, {"pixels": 1}]
)
def test_picture_that_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(TryAgain):
        _capture("left_thumb", {"quality": 80, "width_px": 2, "height_px": 1, "pixels": "AAA=", **wrong})
