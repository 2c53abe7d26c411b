"""Zones of ICAO 9303's own samples, three framings, and the driver against the simulated reader on a pty."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.contract import Completed, Deadline, Permanent, TryAgain
from devices.simulation import ControlClient
from devices.travel_document_reader.codec import LONGEST, take
from devices.travel_document_reader.driver import TravelDocumentReader, TravelDocumentReaderSettings
from devices.travel_document_reader.mrz import MrzError, check_digit, parse
from devices.travel_document_reader.sim.emulator import one_line, passport_lines, permit_lines
from devices.vocabulary import Completion, DeviceState, MediaState
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
PATIENT_S = 60.0
TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")


@pytest.mark.parametrize(
    ("lines", "form", "number"), [(TD3, "TD3", "L898902C3"), (TD2, "TD2", "D23145890"), (TD1, "TD1", "D23145890")]
)
def test_samples_of_the_standard(lines: tuple[str, ...], form: str, number: str) -> None:
    zone = parse(lines)
    assert (zone.form, zone.document_number, zone.issuer, zone.nationality) == (form, number, "UTO", "UTO")
    assert (zone.birth, zone.sex, zone.expiry) == ("740812", "F", "120415")
    assert (zone.surname, zone.given_names) == ("ERIKSSON", "ANNA MARIA")


def test_number_longer_than_its_field_goes_on_in_the_optional_data() -> None:
    number = "D23145890734"
    top = f"I<UTO{number[:9]}<{number[9:]}{check_digit(number)}".ljust(30, "<")
    middle = "7408122F1204159UTO".ljust(29, "<")
    composite = check_digit(top[5:30] + middle[0:7] + middle[8:15] + middle[18:29])
    assert parse((top, middle + composite, TD1[2])).document_number == number


@pytest.mark.attack(1)
@pytest.mark.parametrize("lines", [TD3, TD2, TD1])
def test_every_digit_that_is_wrong_refuses_the_whole_zone(lines: tuple[str, ...]) -> None:
    checked = {44: range(10), 36: range(10), 30: range(7)}[len(lines[0])]
    line = lines[1]
    for at in checked:
        # Not any other character: L and 1 differ by 20, which no weight shows.
        other = str((int(line[at]) + 1) % 10) if line[at].isdecimal() else "<"
        wrong = line[:at] + other + line[at + 1 :]
        with pytest.raises(MrzError, match="check_digit"):
            parse((lines[0], wrong, *lines[2:]))


@pytest.mark.attack(1)
@pytest.mark.parametrize(
    "lines",
    [(), ("",), (TD3[0],), (TD3[0], TD2[1]), (TD3[0].lower(), TD3[1]), ("<" * 44, "<" * 44, "<" * 44), ("<" * 30,)],
)
def test_lines_that_are_no_zone(lines: tuple[str, ...]) -> None:
    with pytest.raises(MrzError, match="no_zone"):
        parse(lines)


def test_chinese_passport_without_personal_number_and_both_permits() -> None:
    assert parse(tuple(passport_lines("E99000001", "ZHANG<<YANGBEN", "800229", "F", "310101"))).document_type == "PO"
    assert parse(tuple(permit_lines("C99000001", "ZHANG<<YANGBEN", "800229", "F", "310101"))).issuer == "CHN"
    line = tuple(one_line("C99000001", "800229", "310101"))
    assert parse(line, one_line=True).document_number == "C99000001"
    with pytest.raises(MrzError, match="not_allowed"):
        parse(line)
    with pytest.raises(MrzError, match="check_digit"):
        parse((line[0][:12] + "1" + line[0][13:],), one_line=True)


@pytest.mark.attack(1)
@pytest.mark.parametrize("framing", ["desko", "rte6701", "est"])
def test_noise_without_end_is_dropped(framing: Any) -> None:
    for noise in (b"\x02" * (LONGEST + 10), b"\x01" * (LONGEST + 10), b"\x02{" + b"a" * LONGEST * 2, b"\x02[\x03\r\n"):
        heard = bytearray(noise)
        for _ in range(3):
            assert not isinstance(take(framing, heard), dict)
        assert len(heard) <= LONGEST


class Bench:
    def __init__(self, framing: str, ready: dict[str, Any]) -> None:
        self.framing, self.port, self.control = framing, ready["port"], ControlClient(ready["control"])
        self.said: list[Any] = []

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.control.do(verb, **arguments)

    def made(self, **more: Any) -> TravelDocumentReader:
        values = {"port": self.port, "framing": self.framing, **more}
        self.driver = TravelDocumentReader(TravelDocumentReaderSettings(driver="mrz", **values), self.said.append)
        self.driver.setup()
        return self.driver

    def read(self, verb: str, ready: Any = lambda: True, **arguments: Any) -> Completed:
        """Ask for a document, then do ``verb`` to the reader; once more while the question was not listening yet."""
        deadline, done = Deadline(PATIENT_S), []
        thread = threading.Thread(target=lambda: done.append(self.driver.read_document(deadline)))
        thread.start()
        eventually(ready, "the reader to be ready")

        def again() -> bool:
            if not done:
                self.do(verb, **arguments)
                thread.join(0.5)
            return bool(done)

        eventually(again, "the document to be read")
        thread.join(PATIENT_S)
        return done[0]


@pytest.fixture(scope="module", params=["desko", "rte6701", "est"])
def process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    link = tmp_path_factory.mktemp("mrz") / "port"
    command = [
        sys.executable,
        "-m",
        "devices.travel_document_reader.sim",
        "--link",
        str(link),
        "--framing",
        request.param,
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


def test_document_is_read_in_each_framing(bench: Bench) -> None:
    assert bench.read("passport").value.document_number == "E99000001"
    assert bench.read("permit").value.form == "TD1"
    assert bench.read("lay", lines=list(TD2)).value.form == "TD2"


def test_wrong_digit_is_refused_and_never_repaired(bench: Bench) -> None:
    done = bench.read("passport", wrong=3)
    assert (done.code, done.error, done.value) == (Completion.INVALID_DATA, "check_digit", None)
    assert bench.read("permit", form="one_line").error == "not_allowed"


def test_document_laid_on_before_the_question_is_another_person_s(bench: Bench) -> None:
    bench.do("passport")
    assert bench.driver.read_document(Deadline(0.3)).error == "no_document"
    bench.do("passport")
    bench.driver.idle()
    assert bench.driver.read_document(Deadline(0.3)).error == "no_document"


def test_frame_that_was_cut_off_or_garbled_does_not_spoil_the_next(bench: Bench) -> None:
    bench.do("cut", lines=list(TD3))
    assert bench.read("passport").value.document_number == "E99000001"
    bench.do("garble")
    done = bench.read("passport")
    assert done.value is None or done.value.document_number == "E99000001"


def test_unplugged_while_waiting(bench: Bench) -> None:
    bench.do("unplug")
    with pytest.raises(TryAgain):
        bench.driver.read_document(Deadline(PATIENT_S))


def test_permit_is_drawn_in_and_given_back_or_kept(bench: Bench) -> None:
    if bench.framing != "est":
        assert bench.driver.eject(Deadline(1.0)).error == "no_feeder"
        with pytest.raises(Permanent):
            bench.made(feeder=True)
        return
    bench.driver.teardown()
    driver = bench.made(feeder=True)
    accepting = lambda: bench.do("state")["accepting"]
    assert bench.read("insert", accepting).value.document_number == "C99000001"
    assert bench.said[-1].media is MediaState.PRESENT
    assert driver.eject(Deadline(0.2)).error == "not_taken"
    assert driver.retain(Deadline(PATIENT_S)).ok
    assert bench.do("state")["retained"] == 1
    assert driver.retain(Deadline(PATIENT_S)).error == "nothing_inside"
    assert bench.read("insert", accepting, number="C99000002").value.document_number == "C99000002"
    taker = threading.Thread(
        target=lambda: (
            eventually(lambda: bench.do("state")["feeder"] == "at_slot", "the slot"),
            bench.do("take"),
        )
    )
    taker.start()
    assert driver.eject(Deadline(PATIENT_S)).ok
    taker.join()
    bench.do("jam")
    thread_done = bench.read("insert", accepting)
    assert (thread_done.error, bench.said[-1].device) == ("jammed", DeviceState.HARDWARE_ERROR)
    bench.do("free")
    driver.idle()
    assert bench.said[-1].device is DeviceState.ONLINE


def test_permit_that_is_put_in_when_nobody_asks_any_more_comes_out_at_once(bench: Bench) -> None:
    """A feeder goes on accepting: what it drew in then came out for whoever was asked for a permit next."""
    if bench.framing != "est":
        return
    bench.driver.teardown()
    driver = bench.made(feeder=True)
    assert driver.read_document(Deadline(0.1)).error == "no_document"
    eventually(lambda: bench.do("state")["accepting"], "the feeder to accept")
    bench.do("insert")
    eventually(lambda: driver.idle() or bench.said[-1].media is MediaState.PRESENT, "the permit to be drawn in")
    eventually(lambda: bench.do("state")["feeder"] == "at_slot", "the slot")
    bench.do("take")
    assert bench.read("insert", lambda: bench.do("state")["accepting"]).ok
    driver.idle()
    driver.idle()
    assert bench.do("state")["feeder"] == "inserted", "what was asked for stays inside until it is given back"


def test_permit_that_was_drawn_in_for_nobody_is_not_read_for_the_next(bench: Bench) -> None:
    if bench.framing != "est":
        return
    bench.driver.teardown()
    driver = bench.made(feeder=True)
    driver.read_document(Deadline(0.1))
    eventually(lambda: bench.do("state")["accepting"], "the feeder to accept")
    bench.do("insert")
    assert driver.read_document(Deadline(0.3)).error == "document_inside"
    eventually(lambda: bench.do("state")["feeder"] == "at_slot", "the slot")
