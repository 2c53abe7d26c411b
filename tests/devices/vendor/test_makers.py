"""Licence printer and endorsement writer: numbered blanks, their ends, against the simulated machines on a pty."""

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
from devices.document_making import Made, MakeEnd, Order, Place, made_of
from devices.endorsement_writer.driver import EndorsementWriter, EndorsementWriterSettings
from devices.licence_printer.driver import LicencePrinter, LicencePrinterSettings
from devices.simulation import ControlClient
from devices.vocabulary import Completion, DeviceState, SupplyState
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
PATIENT_S = 60.0
DRIVERS: dict[str, Any] = {
    "licence_printer": (LicencePrinter, LicencePrinterSettings),
    "endorsement_writer": (EndorsementWriter, EndorsementWriterSettings),
}


class Bench:
    def __init__(self, kind: str, ready: dict[str, Any]) -> None:
        self.kind, self.port, self.control = kind, ready["port"], ControlClient(ready["control"])
        self.said: list[Any] = []

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.control.do(verb, **arguments)

    def made(self, **more: Any) -> Any:
        driver, settings = DRIVERS[self.kind]
        values = {"port": self.port, "answer_timeout_ms": 20_000, **more}
        self.driver = driver(settings(driver=self.kind, **values), self.said.append)
        self.driver.setup()
        return self.driver

    def draw_in(self) -> None:
        """What an endorsement is written into."""
        if self.kind == "endorsement_writer":
            self.accept()

    def accept(self) -> None:
        done: list[Completed] = []
        thread = threading.Thread(target=lambda: done.append(self.driver.accept_old(Deadline(PATIENT_S))))
        thread.start()
        eventually(lambda: self.do("state")["mouth_open"], "the mouth to open")
        self.do("put")
        thread.join(PATIENT_S)
        assert done[0].ok

    def order(self, key: str = "k1") -> Order:
        return Order(key, self.driver.read_stock(Deadline(PATIENT_S)).value.next_serial, {"line": "一"}, b"\x01\x02")

    def write(self, order: Order) -> Made:
        return made_of(self.driver.write(Deadline(PATIENT_S), order), order)


@pytest.fixture(scope="module", params=list(DRIVERS))
def process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    link = tmp_path_factory.mktemp("maker") / "port"
    command = [
        sys.executable,
        "-m",
        f"devices.{request.param}.sim",
        "--link",
        str(link),
        "--write-s",
        "0",
        "--stock",
        "12",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as running:
        assert running.stdout
        yield Bench(request.param, json.loads(running.stdout.readline()))
        running.terminate()
        assert running.wait(20) == 0


@pytest.fixture
def bench(process: Bench) -> Iterator[Bench]:
    process.do("reset")
    process.said.clear()
    process.made()
    yield process
    process.driver.teardown()


def test_written_then_handed_out_and_taken(bench: Bench) -> None:
    bench.draw_in()
    order = bench.order()
    assert bench.write(order) == Made(MakeEnd.WRITTEN, "k1", order.serial)
    thread = threading.Thread(target=lambda: eventually(lambda: bench.do("state")["place"] == "slot", "the slot"))
    thread.start()
    taker = threading.Thread(target=lambda: (thread.join(), bench.do("take")))
    taker.start()
    assert bench.driver.hand_out(Deadline(PATIENT_S)).ok
    taker.join()
    assert bench.order("k2").serial != order.serial
    assert bench.said[-1].device is DeviceState.ONLINE


def test_nobody_takes_it_and_it_is_drawn_back_and_counted(bench: Bench) -> None:
    bench.draw_in()
    bench.write(bench.order())
    done = bench.driver.hand_out(Deadline(0.3))
    assert (done.code, done.error) == (Completion.TIME_OUT, "retracted")
    assert (bench.do("state")["retracted"], bench.do("state")["place"]) == (1, "nowhere")


def test_spoiled_blank_is_voided_and_counted(bench: Bench) -> None:
    bench.draw_in()
    bench.do("spoil", reason="jammed")
    order = bench.order()
    assert bench.write(order) == Made(MakeEnd.VOIDED, "k1", order.serial, "jammed")
    assert bench.do("state")["left"] == 11


def test_another_blank_than_the_one_that_was_stored_is_not_written(bench: Bench) -> None:
    bench.draw_in()
    assert bench.write(Order("k1", "XX00000009")) == Made(MakeEnd.NOT_WRITTEN, "k1", "", "serial_changed")
    assert bench.do("state")["left"] == 12


def test_empty_stock_and_few_blanks_are_told(bench: Bench) -> None:
    bench.draw_in()
    order = bench.order()
    bench.do("refill", count=3)
    bench.driver.idle()
    assert bench.said[-1].supply is SupplyState.LOW
    bench.do("refill", count=0)
    assert bench.write(order).reason == "stock_out"
    assert bench.said[-1].supply is SupplyState.OUT


@pytest.mark.parametrize("fault", ["jammed", "cover_open", "box_full", "ribbon_out", "printer_error"])
def test_machine_that_is_broken_writes_nothing(bench: Bench, fault: str) -> None:
    bench.draw_in()
    order = bench.order()
    bench.do("break_down", fault=fault)
    assert bench.write(order) == Made(MakeEnd.NOT_WRITTEN, "k1", "", fault)
    assert not bench.driver.declarations[bench.kind].is_usable(bench.said[-1])


@pytest.mark.parametrize(("end", "known"), [("written", "written"), ("voided", "voided"), ("nothing", "not_written")])
def test_power_lost_in_the_middle_is_unknown_until_the_machine_says_how_it_ended(
    bench: Bench, end: str, known: str
) -> None:
    bench.draw_in()
    order = bench.order()
    bench.do("die", end=end)
    assert bench.write(order).end is MakeEnd.UNKNOWN
    other = Order("k2", order.serial)
    assert bench.write(other).end is MakeEnd.NOT_WRITTEN
    with pytest.raises(TryAgain):
        bench.driver.idle()
    bench.driver.teardown()
    bench.do("replug")
    bench.driver.setup()
    found = bench.driver.find_end(Deadline(PATIENT_S), "k1").value
    assert (found.end.value, found.serial) == (known, "" if known == "not_written" else order.serial)
    again = bench.made()
    assert again.find_end(Deadline(PATIENT_S), "k1").value == found, "a fresh process is told the same"


def test_order_that_was_sent_twice_is_written_once(bench: Bench) -> None:
    bench.draw_in()
    order = bench.order()
    first = bench.write(order)
    assert bench.driver._maker.write(order, Deadline(PATIENT_S)) == first
    assert bench.do("state")["left"] == 11


def test_late_answer_belongs_to_no_later_question(bench: Bench) -> None:
    bench.driver.teardown()
    driver = bench.made(answer_timeout_ms=200)
    bench.do("late", reply_ms=400)
    with pytest.raises(TryAgain):
        driver.read_stock(Deadline(PATIENT_S))
    bench.do("refill", count=5)
    assert driver.read_stock(Deadline(PATIENT_S)).value.left == 5


@pytest.mark.attack(1)
@pytest.mark.parametrize(
    "line",
    [
        b'{"id": 1}',
        b"[" * 100_000,
        b'{"id": %d, "ok": true, "next_serial": 7, "left": "x"}',
        b'{"id": %d, "ok": true}',
        b"\xff\x00",
        b"a" * 2_000_000,
        b'{"id": %d, "ok": true, "next_serial": "A", "left": 1, "place": "moon"}',
    ],
)
def test_bridge_that_talks_nonsense_is_no_machine(bench: Bench, line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = bench.driver
    bench.do("silent")
    transport = driver._maker._line._transport
    number = driver._maker._line._number + 1
    pieces = [(line.replace(b"%d", str(number).encode()) + b"\n")]
    monkeypatch.setattr(transport, "read_some", lambda _s: pieces.pop() if pieces else b"")
    driver._maker._line._answer_s = 0.2
    with pytest.raises(TryAgain):
        driver.idle()


def test_old_document_is_drawn_in_and_kept_or_given_back(bench: Bench) -> None:
    bench.accept()
    assert bench.driver.read_stock(Deadline(PATIENT_S)).value.place is Place.INSIDE
    if bench.kind == "licence_printer":
        assert bench.driver.swallow_old(Deadline(PATIENT_S)).ok
        assert bench.do("state")["swallowed"] == 1
        assert bench.driver.swallow_old(Deadline(PATIENT_S)).error == "nothing_inserted"
    else:
        assert bench.driver.give_back(Deadline(0.2)).error == "not_taken"
        assert bench.do("state")["place"] == "slot"
        assert "swallow_old" not in bench.driver.commands


def test_nothing_is_put_in(bench: Bench) -> None:
    assert bench.driver.accept_old(Deadline(0.2)).error == "nothing_inserted"
    assert bench.driver.hand_out(Deadline(0.2)).error == "nothing_inside"
    assert bench.driver.self_test(Deadline(PATIENT_S)).ok
