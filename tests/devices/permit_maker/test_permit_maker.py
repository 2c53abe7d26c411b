"""Permit cards on both dispensers' real wires and the writer's bridge: each blank that leaves is told of."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from devices.contract import Deadline
from devices.document_making import Made, MakeEnd, MakerState, Order, made_of
from devices.permit_maker.driver import PermitMaker, PermitMakerSettings
from devices.simulation import ControlClient
from devices.vocabulary import Completion, SupplyState
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
PATIENT_S = 60.0
SIMS = {"permit_maker": ("--write-s", "0", "--stock", "12"), "card_dispenser": ("--move-s", "0", "--cards", "12")}


class Bench:
    """Writer and dispenser, each a process behind its own pty."""

    def __init__(self, protocol: str, ready: dict[str, dict[str, Any]]) -> None:
        self.protocol = protocol
        self.ports = {kind: said["port"] for kind, said in ready.items()}
        self.writer, self.cards = (ControlClient(ready[kind]["control"]) for kind in SIMS)
        self.said: list[Any] = []

    def made(self, **more: Any) -> PermitMaker:
        ports = {"port": self.ports["permit_maker"], "dispenser_port": self.ports["card_dispenser"]}
        patient = {"answer_timeout_ms": 20_000, "dispenser_timeout_ms": 20_000}
        values = {**ports, **patient, "dispenser_protocol": self.protocol, **more}
        self.driver = PermitMaker(PermitMakerSettings(driver="permit_maker", **values), self.said.append)
        self.driver.setup()
        return self.driver

    def again(self, **more: Any) -> PermitMaker:
        """Another process of the machine, which knows nothing of the one before."""
        self.driver.teardown()
        return self.made(**more)

    @property
    def stock(self) -> MakerState:
        return self.driver.read_stock(Deadline(PATIENT_S)).value

    @property
    def usable(self) -> bool:
        self.driver.idle()
        return self.driver.declarations["permit_maker"].is_usable(self.said[-1])

    def order(self, key: str = "k1") -> Order:
        return Order(key, self.stock.next_serial, {"name": "一"})

    def write(self, order: Order) -> Made:
        return made_of(self.driver.write(Deadline(PATIENT_S), order), order)

    def counts(self) -> tuple[int, int, int, str]:
        """Cards in the stacker, in the bin, in somebody's hand; and where one lies."""
        state = self.cards.do("state")
        return state["cards"], state["kept"], state["taken"], state["place"]

    @property
    def maker(self) -> Any:
        return self.driver._maker

    def deaf_at(self, at: str) -> None:
        """The dispenser obeys this movement, and from then on nothing of it is heard."""
        device = self.maker._cards._device
        move: Callable[..., None] = device.move

        def moved(place: str, deadline: Deadline) -> None:
            if place == at:
                self.cards.do("silent")
            move(place, deadline)

        device.move = moved


@pytest.fixture(scope="module", params=["crt", "k720"])
def processes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder, ready, ended = tmp_path_factory.mktemp("permits"), {}, []
    with ExitStack() as running:
        for kind, options in SIMS.items():
            command = [sys.executable, "-m", f"devices.{kind}.sim", "--link", str(folder / kind), *options]
            command += ["--protocol", request.param] if kind == "card_dispenser" else []
            process = running.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT))
            ended.append(process)
            assert process.stdout
            ready[kind] = json.loads(process.stdout.readline())
        yield Bench(request.param, ready)
        for process in ended:
            process.terminate()
            assert process.wait(20) == 0


@pytest.fixture
def bench(processes: Bench) -> Iterator[Bench]:
    processes.writer.do("reset")
    processes.cards.do("reset")
    processes.said.clear()
    processes.made()
    yield processes
    processes.driver.teardown()


def test_blank_is_brought_written_presented_and_taken(bench: Bench) -> None:
    order = bench.order()
    assert bench.write(order) == Made(MakeEnd.WRITTEN, "k1", order.serial)
    assert bench.counts() == (11, 0, 0, "reader")

    def take() -> None:
        eventually(lambda: bench.counts()[3] == "gate", "the gate")
        bench.cards.do("take")

    taker = threading.Thread(target=take)
    taker.start()
    assert bench.driver.hand_out(Deadline(PATIENT_S)).ok
    taker.join()
    assert bench.counts() == (11, 0, 1, "nowhere")
    assert bench.order("k2").serial != order.serial


def test_nobody_takes_it_and_it_is_in_the_bin_and_counted(bench: Bench) -> None:
    bench.write(bench.order())
    done = bench.driver.hand_out(Deadline(0.3))
    assert (done.code, done.error) == (Completion.TIME_OUT, "retracted")
    assert bench.counts() == (11, 1, 0, "nowhere")
    assert bench.stock.retracted == 1, "an empty gate alone would say that somebody has it"


def test_taken_at_the_last_moment_nothing_is_drawn_from_the_stacker_for_the_bin(bench: Bench) -> None:
    bench.write(bench.order())
    bench.cards.do("attend")
    bench.driver.hand_out(Deadline(PATIENT_S))
    assert bench.driver.retract(Deadline(PATIENT_S)).error == "nothing_inside"
    assert bench.counts() == (11, 0, 1, "nowhere")
    assert bench.stock.retracted == 0


@pytest.mark.parametrize("which", ["writer", "cards"])
def test_no_blanks_in_either_of_both_and_nothing_is_begun(bench: Bench, which: str) -> None:
    order = bench.order()
    bench.writer.do("refill", count=0) if which == "writer" else bench.cards.do("refill", cards=0)
    assert bench.write(order) == Made(MakeEnd.NOT_WRITTEN, "k1", reason="stock_out")
    assert bench.said[-1].supply is SupplyState.OUT
    assert bench.writer.do("state")["journal"] == {}


def test_few_cards_in_the_stacker_are_told(bench: Bench) -> None:
    bench.cards.do("refill", cards=3)
    bench.driver.idle()
    assert bench.said[-1].supply is SupplyState.LOW


def test_card_that_lies_inside_at_the_start_is_never_written_and_can_be_put_away(bench: Bench) -> None:
    bench.write(bench.order())
    bench.again()
    other = bench.order("k2")
    assert bench.write(other) == Made(MakeEnd.NOT_WRITTEN, "k2", reason="document_inside")
    assert bench.driver.retract(Deadline(PATIENT_S)).ok
    assert bench.counts() == (11, 1, 0, "nowhere")
    assert bench.write(other).end is MakeEnd.WRITTEN


def test_jam_under_way_voids_the_blank_and_nothing_is_begun_before_it_is_put_right(bench: Bench) -> None:
    order = bench.order()
    bench.cards.do("jam")
    assert bench.write(order) == Made(MakeEnd.VOIDED, "k1", order.serial, "jammed")
    assert not bench.usable
    assert bench.write(bench.order("k2")).end is MakeEnd.NOT_WRITTEN
    bench.cards.do("repair")
    assert bench.usable
    assert bench.write(bench.order("k3")).end is MakeEnd.WRITTEN
    assert bench.counts()[0] == 10


def test_spoiled_card_is_void_and_lies_in_the_bin(bench: Bench) -> None:
    bench.writer.do("spoil", reason="chip_error")
    order = bench.order()
    assert bench.write(order) == Made(MakeEnd.VOIDED, "k1", order.serial, "chip_error")
    assert bench.counts() == (11, 1, 0, "nowhere")
    assert bench.write(bench.order("k2")).end is MakeEnd.WRITTEN


def test_writer_that_breaks_when_the_blank_is_under_it_voids_the_blank(bench: Bench) -> None:
    order = bench.order()
    bring = bench.maker._cards.bring

    def broken(deadline: Deadline) -> None:
        bring(deadline)
        bench.writer.do("break_down", fault="printer_error")

    bench.maker._cards.bring = broken
    assert bench.write(order) == Made(MakeEnd.VOIDED, "k1", order.serial, "printer_error")
    bench.writer.do("repair")
    assert (bench.counts(), bench.stock.left) == ((11, 1, 0, "nowhere"), 11)
    assert bench.stock.next_serial != order.serial


def test_full_bin_begins_nothing_and_leaves_no_card_within_reach(bench: Bench) -> None:
    order = bench.order()
    bench.write(order)
    bench.cards.do("fill_bin")
    assert bench.driver.hand_out(Deadline(0.3)).error == "box_full"
    assert bench.counts()[3] == "reader"
    assert not bench.usable
    bench.cards.do("reset")
    bench.cards.do("fill_bin")
    assert bench.write(bench.order("k2")).reason == "box_full"
    assert bench.counts()[0] == 12


def test_another_blank_than_the_one_that_was_stored_does_not_leave_the_stacker(bench: Bench) -> None:
    assert bench.write(Order("k1", "PC00000009")) == Made(MakeEnd.NOT_WRITTEN, "k1", reason="serial_changed")
    assert bench.counts()[0] == 12


def test_dispenser_silent_after_the_move_is_unknown_until_it_answers_and_then_void(bench: Bench) -> None:
    bench.again(dispenser_timeout_ms=500)
    order = bench.order()
    bench.deaf_at("reader")
    assert bench.write(order).end is MakeEnd.UNKNOWN
    other = Order("k2", order.serial)
    assert bench.write(other).end is MakeEnd.NOT_WRITTEN
    bench.cards.do("silent", on=False)
    bench.again()
    found = bench.driver.find_end(Deadline(PATIENT_S), "k1").value
    assert found == Made(MakeEnd.VOIDED, "k1", order.serial, "interrupted")
    assert bench.counts() == (11, 1, 0, "nowhere")
    assert bench.driver.find_end(Deadline(PATIENT_S), "k1").value == found, "asked again it says the same"
    assert bench.write(bench.order("k2")).end is MakeEnd.WRITTEN


def test_order_whose_blank_never_left_uses_none_up(bench: Bench) -> None:
    order = bench.order()
    bench.maker._bridge.reserve(order, Deadline(PATIENT_S))
    bench.again()
    assert bench.driver.find_end(Deadline(PATIENT_S), "k1").value == Made(MakeEnd.NOT_WRITTEN, "k1", "", "interrupted")
    assert bench.driver.find_end(Deadline(PATIENT_S), "k0").value.reason == "never_received"
    assert (bench.order().serial, bench.counts()[0]) == (order.serial, 12)


@pytest.mark.parametrize(
    ("end", "known", "kept"), [("written", "written", 0), ("voided", "voided", 0), ("", "voided", 1)]
)
def test_writer_without_power_in_the_middle_is_unknown_until_it_says(
    bench: Bench, end: str, known: str, kept: int
) -> None:
    order = bench.order()
    bench.writer.do("die", end=end)
    assert bench.write(order).end is MakeEnd.UNKNOWN
    bench.writer.do("replug")
    bench.again()
    found = bench.driver.find_end(Deadline(PATIENT_S), "k1").value
    assert (found.end.value, found.serial) == (known, order.serial)
    assert bench.counts()[:2] == (11, kept)
    # What lies there still is put away before anything else, as the machine does before each making.
    bench.driver.retract(Deadline(PATIENT_S))
    assert bench.write(bench.order("k2")).end is MakeEnd.WRITTEN


def test_order_that_is_sent_twice_takes_one_blank(bench: Bench) -> None:
    order = bench.order()
    first = bench.write(order)
    assert bench.driver.find_end(Deadline(PATIENT_S), "k1").value == first
    assert bench.write(order).end is MakeEnd.NOT_WRITTEN
    assert (bench.counts()[0], bench.writer.do("state")["left"]) == (11, 11)


def test_it_has_no_mouth_and_says_so(bench: Bench) -> None:
    assert bench.driver.accept_old(Deadline(PATIENT_S)).error == "no_mouth"
    assert bench.driver.self_test(Deadline(PATIENT_S)).ok
