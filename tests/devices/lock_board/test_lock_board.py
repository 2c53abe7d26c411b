"""Lock board: bytes of the makers' sheets, then the driver against a simulated board of either polarity."""

from __future__ import annotations

import functools
import json
import operator
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.contract import Completed, Deadline, Permanent, TryAgain
from devices.lock_board.codec import ALL, ASK, DO, OPEN, QUERY, Frame, encode, take
from devices.lock_board.driver import Door, LockBoard, LockBoardSettings
from devices.simulation import ControlClient
from devices.vocabulary import Completion, DeviceState
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
PATIENT_S = 60.0


@pytest.mark.parametrize(
    ("sent", "wire"),
    [
        ((OPEN, 1, 1, DO), "8A0101119B"),
        ((OPEN, 1, ALL, DO), "8A0100119A"),
        ((OPEN, 2, ALL, DO), "8A02001199"),
        ((QUERY, 1, 1, ASK), "80010133B3"),
        ((QUERY, 1, ALL, ASK), "80010033B2"),
    ],
)
def test_frames_as_the_makers_print_them(sent: tuple[int, int, int, int], wire: str) -> None:
    assert encode(*sent).hex().upper() == wire


@pytest.mark.attack(1)
def test_frames_are_found_between_noise_cut_short_and_never_taken_for_others() -> None:
    heard = bytearray.fromhex("ff 8a 8201110092 80 01 00 00 81 33 33 8a0101008a 80 01 00".replace(" ", ""))
    assert take(heard) == Frame(0x82, 1, 0x11, 0)
    assert take(heard) == Frame(QUERY, 1, ALL, 0x81)
    assert take(heard) == Frame(OPEN, 1, 1, 0)
    assert take(heard) is None
    heard += bytes.fromhex("00813333")
    assert take(heard) == Frame(QUERY, 1, ALL, 0x81)


class Bench:
    def __init__(self, ready: dict[str, Any], open_value: str) -> None:
        self.port, self.open_value, self.control = ready["port"], open_value, ControlClient(ready["control"])

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.control.do(verb, **arguments)

    def made(self, **more: Any) -> LockBoard:
        self.said: list[Any] = []
        values = {"port": self.port, "open_value": self.open_value, "answer_timeout_ms": 20_000, **more}
        self.driver = LockBoard(LockBoardSettings(driver="lock_board", **values), self.said.append)
        self.driver.setup()
        return self.driver


@pytest.fixture(scope="module", params=["00", "11"])
def process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    link = tmp_path_factory.mktemp("board") / "port"
    command = [sys.executable, "-m", "devices.lock_board.sim", "--link", str(link), "--open-value", request.param]
    with subprocess.Popen([*command, "--push"], stdout=subprocess.PIPE, cwd=ROOT) as running:
        assert running.stdout
        yield Bench(json.loads(running.stdout.readline()), request.param)
        running.terminate()
        assert running.wait(20) == 0


@pytest.fixture
def bench(process: Bench) -> Iterator[Bench]:
    process.do("reset")
    process.made()
    yield process
    process.driver.teardown()


def opened(bench: Bench, lock: int) -> Completed:
    return bench.driver.open_door(Deadline(PATIENT_S), lock=lock)


def test_door_is_opened_then_shut(bench: Bench) -> None:
    done = opened(bench, 17)
    assert (done.ok, done.value.door, done.value.lock) == (True, Door.OPENED, 17)
    assert bench.do("state")["open"] == [17]
    bench.driver.idle()
    assert (bench.said[-1].device, bench.said[-1].error) == (DeviceState.ONLINE, "door_open")
    bench.do("shut", lock=17)
    assert bench.driver.await_shut(Deadline(PATIENT_S), lock=17).value.door is Door.SHUT
    assert bench.said[-1].error == ""


def test_answer_to_the_command_proves_nothing_a_stuck_bolt_is_shut(bench: Bench) -> None:
    bench.driver.teardown()
    bench.made(open_timeout_ms=300)
    bench.do("jam", lock=3)
    done = opened(bench, 3)
    assert (done.code, done.error, done.value.door) == (Completion.HARDWARE_ERROR, "stuck", Door.SHUT)


def test_door_that_stands_open_is_not_given_to_the_next_person(bench: Bench) -> None:
    bench.do("pull", lock=5)
    done = opened(bench, 5)
    assert (done.ok, done.error, bench.do("state")["opened"]) == (False, "stands_open", [])


def test_no_lock_of_that_number(bench: Bench) -> None:
    for lock in (0, 25, -1):
        assert opened(bench, lock).error == "no_such_lock"
    assert bench.do("state")["opened"] == []


def test_unplugged_behind_the_command_is_unknown_and_found_out_after(bench: Bench) -> None:
    original = bench.driver._tell

    def pulled(head: int, lock: int) -> None:
        original(head, lock)
        bench.do("unplug")

    bench.driver._tell = pulled
    done = opened(bench, 9)
    assert (done.ok, done.value.door) == (False, Door.UNKNOWN)
    with pytest.raises(TryAgain):
        bench.driver.idle()
    bench.driver.teardown()
    bench.do("replug")
    bench.made()
    assert bench.driver.read_doors(Deadline(PATIENT_S)).value == frozenset({9})


def test_late_answer_to_one_question_is_not_that_of_the_next(bench: Bench) -> None:
    bench.driver.teardown()
    driver = bench.made(answer_timeout_ms=300)
    bench.do("late", reply_ms=500)
    with pytest.raises(TryAgain):
        driver.idle()
    bench.do("pull", lock=1)
    assert driver.read_doors(Deadline(PATIENT_S)).value == frozenset({1})


def test_answer_that_is_later_than_any_patience_is_not_what_the_doors_are_said_to_be(bench: Bench) -> None:
    shut = bytes.fromhex("80 01 FF FF FF 33" if bench.open_value == "00" else "80 01 00 00 00 33")
    late = bytes((*shut, functools.reduce(operator.xor, shut)))
    bench.do("pull", lock=1)
    original = bench.driver._line._transport.write

    def asked(question: bytes) -> None:
        bench.driver._line._transport.write = original
        bench.do("noise", data=late.hex())
        original(question)

    bench.driver._line._transport.write = asked
    assert bench.driver.read_doors(Deadline(PATIENT_S)).value == frozenset({1})


@pytest.mark.parametrize("fault", ["lose", "garble"])
def test_a_board_that_is_not_heard_once_is_asked_again_while_somebody_stands_there(bench: Bench, fault: str) -> None:
    bench.driver.teardown()
    bench.made(answer_timeout_ms=400)
    bench.do(fault, count=2)
    assert opened(bench, 2).value.door is Door.OPENED
    assert bench.do("state")["opened"] == [2]
    bench.do("shut", lock=2)
    bench.do(fault, count=2)
    assert bench.driver.await_shut(Deadline(PATIENT_S), lock=2).ok
    bench.do(fault, count=2)
    assert bench.driver.read_doors(Deadline(PATIENT_S)).value == frozenset()


def test_swallowed_answer_to_open_does_no_harm(bench: Bench) -> None:
    bench.driver.teardown()
    bench.made(answer_timeout_ms=400)
    original = bench.driver._tell

    def deaf(head: int, lock: int) -> None:
        bench.do("lose")
        original(head, lock)

    bench.driver._tell = deaf
    assert opened(bench, 2).value.door is Door.OPENED
    assert bench.do("state")["opened"] == [2]


@pytest.mark.parametrize("fault", ["garble", "silent"])
def test_board_that_talks_nonsense_or_nothing(bench: Bench, fault: str) -> None:
    bench.driver.teardown()
    driver = bench.made(answer_timeout_ms=300)
    bench.do(fault)
    with pytest.raises(TryAgain) as lost:
        driver.idle()
    assert lost.value.error == ("garbled" if fault == "garble" else "silent")


def test_doubled_answers_and_pushed_changes_confuse_nobody(bench: Bench) -> None:
    bench.do("double", count=4)
    bench.do("pull", lock=24)
    bench.driver.idle()
    bench.do("shut", lock=24)
    assert opened(bench, 23).value.door is Door.OPENED
    assert bench.driver.read_doors(Deadline(PATIENT_S)).value == frozenset({23})


def test_held_lock_springs_open_until_it_is_released(bench: Bench) -> None:
    assert bench.driver.hold(Deadline(PATIENT_S), lock=4).value.door is Door.OPENED
    bench.do("shut", lock=4)
    assert bench.driver.read_doors(Deadline(PATIENT_S)).value == frozenset({4})
    assert bench.driver.release(Deadline(PATIENT_S), lock=4).ok
    bench.do("shut", lock=4)
    assert bench.driver.await_shut(Deadline(PATIENT_S), lock=4).ok


def test_group_and_all_for_a_technician(bench: Bench) -> None:
    eventually(
        lambda: bench.driver.open_group(Deadline(PATIENT_S), group=2).value == frozenset(range(9, 17)), "group 2"
    )
    assert bench.driver.open_all(Deadline(PATIENT_S)).ok
    test = bench.driver.self_test(Deadline(PATIENT_S))
    assert (test.code, test.error) == (Completion.USER_ERROR, "door_open")


def test_waiting_for_a_door_ends_when_canceled(bench: Bench) -> None:
    opened(bench, 6)
    deadline = Deadline(PATIENT_S)
    threading.Timer(0.1, deadline.canceled.set).start()
    done = bench.driver.await_shut(deadline, lock=6)
    assert (done.error, done.value.door) == ("stands_open", Door.OPENED)


@pytest.mark.parametrize("wrong", [{"board": 0}, {"board": 33}, {"locks": 0}, {"locks": 25}])
def test_settings_that_cannot_be(wrong: dict[str, int]) -> None:
    make: Callable[..., Any] = lambda: LockBoard(LockBoardSettings(driver="lock_board", port="x", **wrong), print)
    with pytest.raises(Permanent):
        make()
