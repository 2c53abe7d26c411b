"""The newer devices' wires, the acquirer's bill and a certificate's bytes: valid samples, and one call each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from devices.card_dispenser import crt_codec, k720_codec
from devices.contract import Deadline, TryAgain
from devices.json_line import BridgeRefusal, JsonLine
from devices.lock_board import codec as locks
from devices.page_printer import codec as ipp
from devices.page_printer.status import printer_status
from devices.travel_document_reader import codec as zones
from devices.travel_document_reader import mrz
from hub.payments.http_acquirer import _read_bill
from kiosk.messages.certificates import BadSeal, read_sealed
from tests.devices.test_exchange import Wire

Made = tuple[list[bytes], Callable[[bytes], object]]


def frames(_: Path) -> Made:
    """Lock boards and card dispensers: whatever is heard is cut into frames until nothing can be cut."""
    takers: tuple[Callable[[bytearray], object], ...] = (locks.take, k720_codec.take, crt_codec.take)

    def run(raw: bytes) -> object:
        for take in takers:
            heard = bytearray(raw)
            while take(heard) is not None:
                pass
        return None

    body = bytes((locks.QUERY, 1, 0, 0, 5, locks.ASK))
    samples = [locks.encode(locks.OPEN, 1, 3, locks.DO), body + bytes((locks.check(body),)) + b"\x06"]
    return [*samples, k720_codec.encode(0, "AP"), crt_codec.encode(0, 0x30, 0x31, b"\x06" * 9)], run


def document_zones(_: Path) -> Made:
    """Pushed zones in every framing, and what their lines say."""
    td3 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\rL898902C36UTO7408122F1204159ZE184226B<<<<<10\r"
    pushed = b"\x02" + td3.encode() + b"\x03"
    reader = zones.est_frame({"CameraData": {"type": "MRZ", "data": td3}})

    def run(raw: bytes) -> object:
        for framing in ("desko", "rte6701", "est"):
            heard = bytearray(raw)
            while (found := zones.take(framing, heard)) is not None:
                lines = found if isinstance(found, tuple) else zones.est_lines(found)
                try:
                    mrz.parse(lines, one_line=True)
                except mrz.MrzError:
                    continue
        return None

    return [pushed, reader, b"\x01\x05OU\x02\x00\x03\x00"], run


def ipp_answers(_: Path) -> Made:
    """Answers of a page printer, and the state that they tell."""
    groups = {
        ipp.Tag.OPERATION: (ipp.Attribute(ipp.Tag.CHARSET, "attributes-charset", ("utf-8",)),),
        ipp.Tag.PRINTER: (
            ipp.Attribute(ipp.Tag.ENUM, "printer-state", (3,)),
            ipp.Attribute(ipp.Tag.KEYWORD, "printer-state-reasons", ("media-jam-error", "toner-low")),
            ipp.Attribute(ipp.Tag.BOOLEAN, "printer-is-accepting-jobs", (True,)),
        ),
    }

    def run(raw: bytes) -> object:
        return [printer_status(group) for group in ipp.decode(raw).of(ipp.Tag.PRINTER)]

    return [ipp.encode(0, 1, groups), ipp.encode(0x0400, 7, {}, data=b"%PDF")], run


class _SaysNoMore(Wire):
    """Who waits for more than was given learns at once that nothing comes: no input is a matter of time."""

    def read_some(self, timeout_s: float) -> bytes:
        if timeout_s and not self.coming:
            raise TryAgain("silent", "it says no more")
        return super().read_some(timeout_s)


def bridge_lines(_: Path) -> Made:
    """What a vendor's bridge answers."""

    def run(raw: bytes) -> object:
        wire = _SaysNoMore()
        line = JsonLine(wire, 60.0)
        wire.answers = [raw.replace(b"7777", str(line._number + 1).encode()) + b"\n"]
        try:
            return line.ask("state", Deadline(60.0))
        except BridgeRefusal as refusal:
            return refusal.error

    return [b'{"id": 7777, "ok": true, "left": 5}', b'{"id": 7777, "ok": false, "error": "jammed"}'], run


def bills(_: Path) -> Made:
    """A day's bill."""
    head = b"kind,number,order,amount_fen\n"
    marked = b'\xef\xbb\xbf"kind","number","order","amount_fen"\r\n'
    return [head + b"pay,a,a,1000\nrefund,a-0,a,1000\n", marked], _read_bill


def certificates(_: Path) -> Made:
    """A PDF that claims to be sealed: nothing of it is parsed before the seal is proved."""
    hole, end = b"<3082" + b"00" * 60 + b">", b"\n%%EOF\n"
    numbers = (80, 80 + len(hole), len(end))
    start = b"%%PDF-1.7\n/ByteRange [0 %010d %010d %010d]\n/Contents " % numbers
    whole = start.ljust(80) + hole + end

    def run(raw: bytes) -> object:
        try:
            return read_sealed(raw, ["A" * 43], datetime(2027, 1, 12, tzinfo=UTC))
        except BadSeal as refused:
            return refused.reason

    return [whole, b"%PDF-1.7\n%%EOF\n"], run
