"""Card dispenser: frames with right lengths, every error, and the driver against both simulated families on a pty."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.card_dispenser import crt_codec, k720_codec
from devices.card_dispenser.driver import CardDispenser, CardDispenserSettings, CardEnd, CardResult
from devices.card_dispenser.status import CRT_ERRORS, Place, crt_state, dispenser_status, k720_state
from devices.contract import Deadline, TryAgain
from devices.simulation import ControlClient
from devices.vocabulary import DeviceState, SupplyState
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
PATIENT_S = 60.0


def test_lengths_are_whole_numbers_of_two_bytes() -> None:
    assert (
        crt_codec.encode(0, 0x31, 0x30).hex() == "f200000343313003b0"[:-2] + f"{0xF2 ^ 3 ^ 0x43 ^ 0x31 ^ 0x30 ^ 3:02x}"
    )
    long = crt_codec.encode(1, 0x51, 0x30, bytes(300))
    assert long[2:4] == b"\x01\x2f"
    assert (
        k720_codec.encode(15, "AP").hex() == "023135000241500314"[:-2] + f"{2 ^ 0x31 ^ 0x35 ^ 2 ^ 0x41 ^ 0x50 ^ 3:02x}"
    )


def test_answers_are_found_behind_noise_good_and_bad() -> None:
    bad = b"\xf2\x00\x00\x05\x4e\x32\x39A0\x03"
    bad += bytes((crt_codec.reduce(crt_codec.xor, bad, 0),))
    heard = bytearray(b"\x99\xf2\xff\xff\x00\x06" + bad)
    assert crt_codec.take(heard) == crt_codec.ACK
    assert crt_codec.take(heard) == crt_codec.Answer(0x32, 0x39, error="A0")
    assert crt_codec.take(heard) is None


@pytest.mark.attack(1)
@pytest.mark.parametrize("codec", [crt_codec, k720_codec])
def test_noise_ends(codec: Any) -> None:
    for noise in (b"\xf2" * 5000, b"\x02" * 5000, bytes(range(256)) * 20, b"\xf2\x00\x04\x00" + b"a" * 2000):
        heard = bytearray(noise)
        found = 0
        while codec.take(heard) is not None:
            found += 1
        assert found < 5000
        assert len(heard) < 1100


@pytest.mark.parametrize(
    ("nibbles", "expected"),
    [
        ("0000", (Place.NOWHERE, SupplyState.FULL, False, "")),
        ("0001", (Place.GATE, SupplyState.FULL, False, "")),
        ("0004", (Place.READER, SupplyState.FULL, False, "")),
        ("0008", (Place.NOWHERE, SupplyState.OUT, False, "")),
        ("0012", (Place.READER, SupplyState.LOW, False, "")),
        ("0020", (Place.NOWHERE, SupplyState.FULL, False, "jammed")),
        ("0040", (Place.NOWHERE, SupplyState.FULL, False, "overlap")),
        ("0080", (Place.NOWHERE, SupplyState.FULL, True, "")),
        ("0100", (Place.NOWHERE, SupplyState.FULL, False, "recycle_error")),
        ("0200", (Place.NOWHERE, SupplyState.FULL, False, "issue_error")),
        ("0801", (Place.MOVING, SupplyState.FULL, False, "")),
    ],
)
def test_k720_bits(nibbles: str, expected: tuple[Any, ...]) -> None:
    state = k720_state(nibbles)
    assert (state.place, state.stacker, state.bin_full, state.fault) == expected


def test_states_in_the_common_words() -> None:
    status = dispenser_status(crt_state(b"\x32\x31\x31"))
    assert (status.device, status.supply, status.error) == (DeviceState.ONLINE, SupplyState.LOW, "bin_full")
    assert not CardDispenser.declarations["card_dispenser"].is_usable(status)


class Bench:
    def __init__(self, protocol: str, ready: dict[str, Any]) -> None:
        self.protocol, self.port, self.control = protocol, ready["port"], ControlClient(ready["control"])
        self.said: list[Any] = []

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.control.do(verb, **arguments)

    @property
    def state(self) -> dict[str, Any]:
        return self.do("state")

    def made(self, **more: Any) -> CardDispenser:
        values = {"port": self.port, "protocol": self.protocol, "answer_timeout_ms": 20_000, **more}
        self.driver = CardDispenser(CardDispenserSettings(driver="card_dispenser", **values), self.said.append)
        self.driver.setup()
        return self.driver

    def done(self, command: str, timeout_s: float = PATIENT_S) -> CardResult:
        return getattr(self.driver, command)(Deadline(timeout_s)).value


@pytest.fixture(scope="module", params=["crt", "k720"])
def process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    link = tmp_path_factory.mktemp("cards") / "port"
    command = [sys.executable, "-m", "devices.card_dispenser.sim", "--link", str(link), "--protocol", request.param]
    with subprocess.Popen([*command, "--move-s", "0"], stdout=subprocess.PIPE, cwd=ROOT) as running:
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


def test_dispensed_read_presented_and_taken(bench: Bench) -> None:
    assert bench.done("dispense") == CardResult(CardEnd.READY, Place.READER)
    assert bench.done("dispense") == CardResult(CardEnd.NOT_MOVED, Place.READER, "card_inside")
    taker = threading.Thread(
        target=lambda: (eventually(lambda: bench.state["place"] == "gate", "the gate"), bench.do("take"))
    )
    taker.start()
    assert bench.done("present") == CardResult(CardEnd.TAKEN, Place.NOWHERE)
    taker.join()
    assert (bench.state["cards"], bench.state["taken"]) == (49, 1)


def test_nobody_takes_it_and_it_is_kept(bench: Bench) -> None:
    bench.done("dispense")
    assert bench.done("present", 0.3) == CardResult(CardEnd.KEPT, Place.NOWHERE, "not_taken")
    assert bench.state["kept"] == 1


def test_full_bin_keeps_nothing_and_the_card_stays(bench: Bench) -> None:
    bench.done("dispense")
    bench.do("fill_bin")
    assert bench.done("keep").reason == "bin_full"
    assert bench.state["place"] == "reader"


def test_empty_and_nearly_empty_stacker(bench: Bench) -> None:
    bench.do("refill", cards=1)
    bench.driver.idle()
    assert bench.said[-1].supply is SupplyState.LOW
    bench.do("refill", cards=0)
    assert bench.done("dispense").reason == "stacker_empty"
    assert bench.said[-1].supply is SupplyState.OUT


def test_jam_is_told_and_put_right(bench: Bench) -> None:
    bench.do("jam")
    assert bench.done("dispense").reason == "jammed"
    bench.do("repair")
    assert bench.done("dispense").end is CardEnd.READY


def test_every_error_of_the_table_has_its_code(bench: Bench) -> None:
    if bench.protocol != "crt":
        assert bench.driver.self_test(Deadline(PATIENT_S)).ok
        return
    for code in ("00", "02", "12", "13", "14", "16", "40", "45", "50", "51", "60", "69", "B0"):
        bench.do("break_down", error=code)
        assert bench.done("dispense").reason == CRT_ERRORS[code]
        bench.do("repair")


def test_person_s_card_is_taken_in_and_nothing_more_afterwards(bench: Bench) -> None:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(bench.done("accept")))
    thread.start()
    eventually(lambda: bench.state["entry_open"], "the entry to open")
    bench.do("put")
    thread.join(PATIENT_S)
    assert results == [CardResult(CardEnd.READY, Place.READER)]
    assert not bench.state["entry_open"]
    bench.done("keep")
    assert bench.done("accept", 0.2).reason == "no_card"
    assert not bench.state["entry_open"]


def test_an_answer_that_is_lost_while_it_waits_leaves_no_entry_open(bench: Bench) -> None:
    bench.driver.teardown()
    driver = bench.made(answer_timeout_ms=500)
    original = driver._device.entry

    def deaf(deadline: Deadline, *, is_open: bool) -> None:
        original(deadline, is_open=is_open)
        bench.do("lose", count=(2 if bench.protocol == "crt" else 1) if is_open else 0)

    driver._device.entry = deaf
    with pytest.raises(TryAgain):
        driver.accept(Deadline(PATIENT_S))
    assert not bench.state["entry_open"]


def test_answer_lost_in_the_middle_is_unknown_and_the_next_look_tells(bench: Bench) -> None:
    bench.driver.teardown()
    driver = bench.made(answer_timeout_ms=500)
    original = driver._device.move

    def deaf(place: str, deadline: Deadline) -> None:
        bench.do("lose", count=2 if bench.protocol == "crt" else 1)
        original(place, deadline)

    driver._device.move = deaf
    assert bench.done("dispense").end is CardEnd.UNKNOWN
    driver._device.move = original
    assert driver.read_position(Deadline(PATIENT_S)).value.place is Place.READER


@pytest.mark.parametrize("fault", ["unplug", "silent", "garble"])
def test_device_that_is_away_or_talks_nonsense(bench: Bench, fault: str) -> None:
    bench.driver.teardown()
    driver = bench.made(answer_timeout_ms=300)
    bench.do(fault)
    with pytest.raises(TryAgain):
        driver.idle()


def test_card_left_inside_is_found_by_the_next_process(bench: Bench) -> None:
    bench.done("dispense")
    bench.driver.teardown()
    bench.made()
    assert bench.done("dispense").reason == "card_inside"
    assert bench.done("keep").end is CardEnd.KEPT
