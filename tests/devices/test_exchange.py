"""What comes late belongs to no later question: on lines without numbers, and on lines with them."""

from __future__ import annotations

import json

import pytest

from devices.contract import Deadline, TryAgain
from devices.exchange import Exchange
from devices.json_line import JsonLine
from devices.travel_document_reader.driver import TravelDocumentReader, TravelDocumentReaderSettings


class Wire:
    """Answers that are on their way: they are there for whoever waits, not for whoever only looks."""

    def __init__(self) -> None:
        self.coming: list[bytes] = []
        self.sent: list[bytes] = []
        self.answers: list[bytes] = []

    def open(self) -> None:
        self.coming.clear()

    def read_some(self, timeout_s: float) -> bytes:
        return self.coming.pop(0) if timeout_s and self.coming else b""

    def write(self, data: bytes) -> None:
        self.sent.append(data)
        if self.answers:
            self.coming.append(self.answers.pop(0))

    def reset_input(self) -> None:
        self.coming.clear()

    def close(self) -> None:
        self.coming.clear()


def one_byte(heard: bytearray) -> bytes | None:
    return bytes((heard.pop(0),)) if heard else None


def test_late_answer_passes_before_the_next_question_is_asked() -> None:
    wire, unasked = Wire(), []
    line = Exchange(wire, one_byte, answer_s=0.02, late_s=30.0, quiet_s=0.01, unasked=unasked.append)
    with pytest.raises(TryAgain):
        line.ask(b"?", lambda _: True, Deadline(5.0))
    wire.coming.append(b"1")
    wire.answers = [b"2"]
    assert line.ask(b"?", lambda _: True, Deadline(5.0)) == b"2"
    assert unasked == [b"1"]


def test_answer_with_another_number_is_dropped() -> None:
    wire = Wire()
    line = JsonLine(wire, answer_s=5.0)
    number = line._number
    wire.coming.append(json.dumps({"id": number, "ok": True, "left": 1}).encode() + b"\n")
    wire.answers = [json.dumps({"id": number + 1, "ok": True, "left": 2}).encode() + b"\n"]
    assert line.ask("state", Deadline(5.0)) == {"left": 2}


class Pulled(Wire):
    """The cable is pulled out in the middle of an answer."""

    def __init__(self, half: bytes) -> None:
        super().__init__()
        self.halves = [half]

    def read_some(self, timeout_s: float) -> bytes:
        if timeout_s and not self.halves:
            raise TryAgain("unplugged")
        return self.halves.pop() if timeout_s else b""


def test_half_an_answer_is_let_go_of_with_its_line() -> None:
    """Who is pulled out may never come back: half a finger's picture, or zone, stayed in the machine till then."""
    line = JsonLine(Pulled(b'{"id": 1, "ok": true, "pixels": "c29tZWJvZHk'), 60.0)
    with pytest.raises(TryAgain):
        line.ask("look", Deadline(60.0))
    line.close()
    reader = TravelDocumentReader(TravelDocumentReaderSettings(driver="mrz", port="none"), lambda _status: None)
    reader._line = Pulled(b"\x02P<UTOERIKSSON<<ANNA")  # type: ignore[assignment]
    with pytest.raises(TryAgain):
        reader.read_document(Deadline(60.0))
    reader.teardown()
    assert not line._heard
    assert not reader._heard
