"""What each status bit means, which fault counts when there are several, and how one stream of answers is sorted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devices.contract import Deadline
from devices.declaration import Declaration
from devices.receipt_printer import hearing
from devices.receipt_printer.driver import EscposPrinter
from devices.receipt_printer.hearing import Ear
from devices.receipt_printer.status import (
    Sense,
    from_auto_status,
    is_auto_status_start,
    is_barrier_reply,
    is_dle_reply,
    with_dle_reply,
)
from devices.vocabulary import DeviceState, SupplyState

OK = 0x12
DECLARED: Declaration = EscposPrinter.declarations["receipt_printer"]


@pytest.mark.parametrize(
    ("n", "byte", "says"),
    [
        (1, 0x12, {"offline": False}),
        (1, 0x1A, {"offline": True}),
        (2, 0x12, {"cover_open": False, "error": False, "paper_out": None}),
        (2, 0x16, {"cover_open": True, "error": False}),
        (2, 0x32, {"paper_out": True, "cover_open": False}),
        (2, 0x52, {"error": True, "paper_out": None}),
        (3, 0x12, {"cutter_error": False, "fatal": False, "recoverable": False}),
        (3, 0x1A, {"cutter_error": True, "fatal": False, "recoverable": False}),
        (3, 0x32, {"cutter_error": False, "fatal": True}),
        (3, 0x16, {"fatal": True, "recoverable": False}),
        (3, 0x52, {"recoverable": True, "fatal": False}),
        (4, 0x12, {"paper_out": False, "paper_low": False}),
        (4, 0x16, {"paper_low": True, "paper_out": False}),
        (4, 0x1A, {"paper_low": True, "paper_out": False}),
        (4, 0x32, {"paper_out": True}),
        (4, 0x52, {"paper_out": True}),
        (4, 0x7E, {"paper_out": True, "paper_low": True}),
    ],
)
def test_every_bit_of_an_answer_to_dle_eot(n: int, byte: int, says: dict[str, bool | None]) -> None:
    sense = with_dle_reply(Sense(), n, byte)
    assert sense.heard
    assert {name: getattr(sense, name) for name in says} == says
    untouched = {"offline", "cover_open", "cutter_error", "fatal", "recoverable", "paper_low"} - set(says)
    told_by = {1: {"offline"}, 2: {"cover_open"}, 3: {"cutter_error", "fatal", "recoverable"}, 4: {"paper_low"}}
    for name in untouched - told_by[n]:
        assert getattr(sense, name) is None, f"{name} was not asked for"


def test_end_of_paper_that_one_sensor_told_is_not_taken_back_by_the_other() -> None:
    stopped = with_dle_reply(Sense(), 2, 0x32)
    assert with_dle_reply(stopped, 4, OK).paper_out is True
    assert with_dle_reply(Sense(paper_out=False), 2, OK).paper_out is False


@pytest.mark.parametrize(
    ("packet", "fault", "supply"),
    [
        ("10000000", "", SupplyState.FULL),
        ("18000000", "offline", SupplyState.FULL),
        ("38000000", "cover_open", SupplyState.FULL),
        ("18080000", "jammed", SupplyState.JAMMED),
        ("18200000", "printer_error", SupplyState.FULL),
        ("18040000", "printer_error", SupplyState.FULL),
        ("18400000", "recovering", SupplyState.FULL),
        ("10000300", "", SupplyState.LOW),
        ("10000100", "", SupplyState.LOW),
        ("18000C00", "paper_out", SupplyState.OUT),
        ("18000F00", "paper_out", SupplyState.OUT),
    ],
)
def test_every_bit_of_an_automatic_status(packet: str, fault: str, supply: SupplyState) -> None:
    sense = from_auto_status(bytes.fromhex(packet))
    assert (sense.heard, sense.fault, sense.status().supply) == (True, fault, supply)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("cover_open", "paper_out"),
        ("paper_out", "held"),
        ("held", "cutter_error"),
        ("cutter_error", "fatal"),
        ("fatal", "recoverable"),
        ("recoverable", "offline"),
    ],
)
def test_of_two_faults_the_one_that_a_hand_mends_first_is_told(first: str, then: str) -> None:
    codes = {"held": "stalled", "cutter_error": "jammed", "fatal": "printer_error", "recoverable": "recovering"}
    sense = replace(Sense(heard=True), **{first: True, then: True})
    assert sense.fault == codes.get(first, first)
    assert replace(sense, **{first: False}).fault == codes.get(then, then)


@pytest.mark.parametrize(
    ("sense", "device", "level", "is_usable", "waits"),
    [
        (Sense(heard=True, paper_out=False, paper_low=False), DeviceState.ONLINE, "ok", True, False),
        (Sense(heard=True, paper_out=False, paper_low=True), DeviceState.ONLINE, "warn", True, False),
        (Sense(heard=True, paper_out=True), DeviceState.ONLINE, "error", False, True),
        (Sense(heard=True, cover_open=True), DeviceState.USER_ERROR, "warn", False, True),
        (Sense(heard=True, cutter_error=True), DeviceState.HARDWARE_ERROR, "error", False, False),
        (Sense(heard=True, fatal=True), DeviceState.HARDWARE_ERROR, "error", False, False),
        (Sense(heard=True, error=True), DeviceState.HARDWARE_ERROR, "error", False, False),
        (Sense(heard=True, recoverable=True), DeviceState.BUSY, "warn", True, False),
        (Sense(heard=True, offline=True), DeviceState.OFFLINE, "error", False, False),
        (Sense(held=True), DeviceState.OFFLINE, "error", False, True),
    ],
)
def test_state_urgency_and_use_of_a_printer(
    sense: Sense, device: DeviceState, level: str, is_usable: bool, waits: bool
) -> None:
    status = sense.status()
    assert (status.device, DECLARED.level(status), DECLARED.is_usable(status)) == (device, level, is_usable)
    assert sense.waits_for_hand is waits


def test_what_was_not_said_is_unknown_and_never_plenty() -> None:
    assert Sense().status().supply is SupplyState.UNKNOWN
    assert Sense(paper_out=False).status().supply is SupplyState.UNKNOWN
    assert Sense(paper_low=False).status().supply is SupplyState.UNKNOWN
    assert Sense(paper_out=False, paper_low=False).status().supply is SupplyState.FULL


def test_fixed_bits_part_the_three_kinds_of_answers() -> None:
    for byte in range(256):
        kinds = (is_dle_reply(byte), is_auto_status_start(byte), is_barrier_reply(byte))
        assert sum(kinds) <= 1, f"{byte:02x} could be several things"
    assert [is_dle_reply(b) for b in (0x12, 0x1A, 0x7E, 0x10, 0x92, 0x13)] == [True, True, True, False, False, False]
    assert [is_auto_status_start(b) for b in (0x10, 0x3C, 0x12, 0x00)] == [True, True, False, False]
    assert [is_barrier_reply(b) for b in (0x00, 0x0C, 0x6F, 0x10, 0x80)] == [True, True, True, False, False]


# -- one stream ----------------------------------------------------------------------------------------------------


def heard(data: str) -> list[tuple[str, str]]:
    return [(kind, word.hex()) for kind, word in Ear().sort(bytes.fromhex(data))]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("12", [("dle", "12")]),
        ("00", [("barrier", "00")]),
        ("ff", [("noise", "ff")]),
        ("10000c00", [("auto", "10000c00")]),
        ("1000120c00", [("dle", "12"), ("auto", "10000c00")]),
        ("1000000000", [("auto", "10000000"), ("barrier", "00")]),
        ("1000ff", [("torn", "1000"), ("noise", "ff")]),
        ("100010000000", [("torn", "1000"), ("auto", "10000000")]),
        ("120f12", [("dle", "12"), ("barrier", "0f"), ("dle", "12")]),
    ],
)
def test_stream_is_sorted_into_answers_states_and_noise(data: str, words: list[tuple[str, str]]) -> None:
    assert heard(data) == words


def test_state_that_comes_in_pieces_is_whole_and_half_of_an_old_one_is_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(hearing.time, "monotonic", lambda: now[0])
    ear = Ear()
    for piece in (b"\x10", b"\x00", b"\x00"):
        assert list(ear.sort(piece)) == []
        now[0] += hearing.PACKET_S
    assert [kind for kind, _ in ear.sort(b"\x00")] == ["auto"]
    assert list(ear.sort(b"\x10\x00")) == []
    now[0] += hearing.PACKET_S + 0.01
    assert [kind for kind, _ in ear.sort(b"\x00")] == ["torn", "barrier"]
    assert list(ear.sort(b"\x10")) == []
    ear.forget()
    assert [kind for kind, _ in ear.sort(b"\x00")] == ["barrier"]


def test_deadline_is_over_by_time_or_by_a_hand() -> None:
    assert Deadline(0.0).over
    waiting = Deadline(60.0)
    assert (waiting.over, 0 < waiting.left_s <= 60) == (False, True)
    waiting.canceled.set()
    assert waiting.over
    waiting.pause(30.0)
    assert waiting.left_s > 20, "a canceled wait is not waited for"
