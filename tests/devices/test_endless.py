"""Devices that never fall silent, contradict themselves or say anything as a code: no driver waits for ever."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec
import pytest

from devices.contract import Deadline, TryAgain
from devices.exchange import Exchange
from devices.fingerprint_reader.driver import FingerprintReaderSettings as FingerprintSettings
from devices.fingerprint_reader.driver import JsonScanner
from devices.json_line import LONGEST_LINE, BridgeRefusal, JsonLine
from devices.json_maker import BridgeSettings, JsonMaker
from devices.lock_board import codec
from devices.lock_board.driver import LockBoard, LockBoardSettings
from devices.page_printer.link import IppLink, NoAnswer
from devices.receipt_printer.driver import EscposPrinter, ReceiptPrinterSettings
from devices.receipt_printer.job import Line, PrintJob
from devices.transport import TcpTransport
from devices.travel_document_reader.driver import TravelDocumentReader, TravelDocumentReaderSettings
from tests.devices.test_exchange import Wire

pytestmark = pytest.mark.attack(5)
GIVES_UP_S = 60.0
"""Far more than any of the limits that are tried here."""


def given_up(work: Callable[[], object]) -> str:
    """The code with which ``work`` gives up, in a thread: one that never does must not hold the suite."""
    ended: list[str] = []

    def run() -> None:
        try:
            work()
            ended.append("")
        except TryAgain as fault:
            ended.append(fault.error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(GIVES_UP_S)
    assert ended, "it still waits"
    return ended[0]


class Endless(Wire):
    """Says ``piece`` again, whenever anybody listens."""

    def __init__(self, piece: bytes) -> None:
        super().__init__()
        self.piece = piece

    def read_some(self, timeout_s: float) -> bytes:
        return self.piece


@contextmanager
def shouting(piece: bytes) -> Iterator[int]:
    """A TCP port at which everybody hears ``piece`` again and again."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        with suppress(OSError):
            peer, _ = listener.accept()
            with peer:
                while True:
                    peer.sendall(piece)

    threading.Thread(target=talk, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def no_one(_status: object) -> None:
    """Nobody listens."""


FRAME = codec.encode(codec.CHANGED, 1, 1, 0)


@pytest.mark.parametrize("piece", [b"\x00" * 512, FRAME * 100], ids=["noise", "sound_frames"])
def test_a_lock_board_that_never_falls_silent_is_given_up(piece: bytes) -> None:
    board = LockBoard(LockBoardSettings(driver="lock_board", port="none"), no_one)
    board._line = Exchange(Endless(piece), codec.take, answer_s=0.2, late_s=0.2)
    assert given_up(board.setup) == "garbled"


@pytest.mark.parametrize("framing", ["desko", "rte6701", "est"])
def test_a_document_reader_that_never_falls_silent_is_given_up(framing: str) -> None:
    known = msgspec.convert({"driver": "mrz", "port": "none", "framing": framing}, TravelDocumentReaderSettings)
    reader = TravelDocumentReader(known, no_one)
    reader._line = Endless(b"\x02{}\x03\r\n" * 50)  # type: ignore[assignment]
    assert given_up(reader.idle) == "garbled"


def test_a_printer_on_the_network_that_never_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    line = TcpTransport("127.0.0.1", 1)
    monkeypatch.setattr(line, "read_some", Endless(b"\x12").read_some)
    assert given_up(line.reset_input) == "garbled"


@pytest.mark.parametrize("status", ["dle", "asb", "none"])
def test_a_receipt_printer_that_begins_to_talk_without_end_is_given_up_and_no_job_leaves(status: str) -> None:
    sent: list[bytes] = []
    known = ReceiptPrinterSettings(driver="escpos", transport="tcp", host="127.0.0.1", status=status)
    printer = EscposPrinter(known, no_one)
    printer._line._link = Endless(b"\x12\x10\x00\x00\x0f\x00" * 50)  # type: ignore[assignment]
    printer._line._link.write_some = lambda data, _: sent.append(data) or len(data)  # type: ignore[attr-defined]
    assert given_up(printer.idle) == "garbled"
    ends: list[str] = []
    assert given_up(lambda: ends.append(printer.print_job(Deadline(GIVES_UP_S), PrintJob((Line("x"),))).error)) == ""
    assert ends == ["garbled"]
    assert b"x\n" not in b"".join(sent)


@pytest.mark.parametrize(
    "piece",
    [b"HTTP/1.1 100 Continue\r\n\r\n" * 100, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"],
    ids=["continue", "hints"],
)
def test_a_page_printer_that_never_comes_to_its_answer_is_given_up(piece: bytes) -> None:
    with shouting(piece) as port:
        link = IppLink(f"ipp://127.0.0.1:{port}/ipp", timeout_s=1.0)

        def ask() -> None:
            with pytest.raises(NoAnswer):
                link.ask(b"\x02\x00\x00\x0b\x00\x00\x00\x01\x03", Deadline(1.0))

        assert given_up(ask) == ""


class Flapping(Wire):
    """A board whose door is open in each second answer."""

    def write(self, data: bytes) -> None:
        self.sent.append(data)
        bits = bytes((0, 0, len(self.sent) % 2))
        body = bytes((codec.QUERY, 1)) + bits + bytes((codec.ASK,))
        self.coming.append(body + bytes((codec.check(body),)))


def test_a_lock_board_whose_answers_contradict_each_other_proves_nothing() -> None:
    board = LockBoard(LockBoardSettings(driver="lock_board", port="none"), no_one)
    board._line = Exchange(Flapping(), codec.take, answer_s=1.0)
    assert given_up(lambda: board.await_shut(Deadline(0.3), 1)) == "garbled"


class Bridge(Wire):
    """Answers each question with ``said``."""

    def __init__(self, **said: object) -> None:
        super().__init__()
        self.said = said

    def write(self, data: bytes) -> None:
        self.coming.append(json.dumps({"id": json.loads(data)["id"], "ok": True, **self.said}).encode() + b"\n")


NAMES = ["x" * 65, "赵德福 990101199003070027", "a\nb", "a b", "\x1b[2J", {"a": 1}, ["x"] * 1000, 7]


@pytest.mark.parametrize("said", NAMES, ids=range(len(NAMES)))
def test_what_a_bridge_says_as_a_code_is_one_or_is_not_repeated(said: object) -> None:
    """A code goes into the log, the status socket and the heartbeat: no words, no persons, no length."""
    scanner = JsonScanner(FingerprintSettings(driver="fingerprint_reader", port="none"))
    scanner._line = JsonLine(Bridge(fault=said), 1.0)
    assert scanner.fault(Deadline(1.0)) == "unnamed"
    with pytest.raises(BridgeRefusal) as refused:
        JsonLine(Bridge(ok=False, error=said), 1.0).ask("state", Deadline(1.0))
    assert refused.value.error == "unnamed"


GOOD = {"next_serial": "A0001", "left": 5}
STATES = [*({"fault": said} for said in NAMES[:5]), {"next_serial": "A" * 65}, {"next_serial": "A 1"}, {"left": -1}]
STATES += [{"left": 10**9}, {"swallowed": -1}]


@pytest.mark.parametrize("said", STATES, ids=range(len(STATES)))
def test_a_maker_that_says_what_cannot_be_has_said_nothing(said: dict) -> None:
    maker = JsonMaker(BridgeSettings(driver="endorsement_writer", port="none"))
    maker._line = JsonLine(Bridge(**GOOD), 1.0)
    assert maker.state(Deadline(1.0)).left == 5
    maker._line = JsonLine(Bridge(**(GOOD | said)), 1.0)
    with pytest.raises(TryAgain) as nothing:
        maker.state(Deadline(1.0))
    assert nothing.value.error == "garbled"


def test_a_bridge_whose_line_never_ends_is_given_up() -> None:
    wire = Wire()
    wire.answers = [b"x" * (LONGEST_LINE + 1)]
    with pytest.raises(TryAgain, match="without end"):
        JsonLine(wire, 5.0).ask("state", Deadline(5.0))
