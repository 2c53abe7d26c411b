"""What a printer's status bytes mean: three states, ok / bad / unknown (``None``), never a guess.

Bits after Epson TM-U220/TM-L60II, Bixolon SRP-350, Citizen CT-S310 (DLE EOT 1..4, GS a, GS r). A silent or odd answer
is unknown: python-escpos takes a silent printer for one with plenty of paper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from devices.vocabulary import DeviceState, DeviceStatus, SupplyState


def is_dle_reply(byte: int) -> bool:
    """``0xx1xx10``: an answer to DLE EOT (the fixed bits 0, 1, 4 and 7)."""
    return byte & 0x93 == 0x12


def is_auto_status_start(byte: int) -> bool:
    """``0xx1xx00``: the first of the four bytes of an automatic status (GS a)."""
    return byte & 0x93 == 0x10


def is_barrier_reply(byte: int) -> bool:
    """``0xx0xxxx``: an answer to GS r, also the bytes 2 to 4 of an automatic status."""
    return byte & 0x90 == 0


@dataclass(frozen=True, slots=True)
class Sense:
    """What is known of the printer; ``None`` is unknown. ``heard`` is whether it said anything at all."""

    heard: bool = False
    offline: bool | None = None
    cover_open: bool | None = None
    paper_out: bool | None = None
    paper_low: bool | None = None
    cutter_error: bool | None = None
    fatal: bool | None = None
    recoverable: bool | None = None
    error: bool | None = None
    """The printer says "error" without saying which (DLE EOT 2 bit 6)."""
    held: bool = False
    """It holds the line by flow control or takes no bytes, so that it cannot even be asked."""

    @property
    def fault(self) -> str:
        """The code of what keeps it from printing, "" when nothing is known to."""
        known = (
            ("cover_open", self.cover_open),
            ("paper_out", self.paper_out),
            ("stalled", self.held),
            ("jammed", self.cutter_error),
            ("printer_error", self.fatal or self.error),
            ("recovering", self.recoverable),
            ("offline", self.offline),
        )
        return next((code for code, bad in known if bad), "")

    @property
    def waits_for_hand(self) -> bool:
        """Whether it goes on by itself once paper or cover has been put right."""
        return self.fault in ("cover_open", "paper_out", "stalled")

    def status(self) -> DeviceStatus:
        """The same in XFS words. A printer without paper is online with its supply ``out``."""
        return DeviceStatus(_DEVICE.get(self.fault, DeviceState.ONLINE), supply=self._supply(), error=self.fault)

    def _supply(self) -> SupplyState:
        if self.cutter_error:
            return SupplyState.JAMMED
        if self.paper_out:
            return SupplyState.OUT
        if self.paper_low:
            return SupplyState.LOW
        return SupplyState.FULL if self.paper_out is False and self.paper_low is False else SupplyState.UNKNOWN


_DEVICE = {
    "cover_open": DeviceState.USER_ERROR,
    "jammed": DeviceState.HARDWARE_ERROR,
    "printer_error": DeviceState.HARDWARE_ERROR,
    "recovering": DeviceState.BUSY,
    "offline": DeviceState.OFFLINE,
    "stalled": DeviceState.OFFLINE,
}


def with_dle_reply(sense: Sense, n: int, byte: int) -> Sense:
    """``sense`` and the answer to DLE EOT ``n``. Some printers set one bit of a pair only, so either counts."""
    sense = replace(sense, heard=True)
    if n == 1:
        return replace(sense, offline=bool(byte & 0x08))
    if n == 2:
        stopped = bool(byte & 0x20)
        sense = replace(sense, cover_open=bool(byte & 0x04), error=bool(byte & 0x40))
        return replace(sense, paper_out=True) if stopped else sense
    if n == 3:
        bits = {"cutter_error": byte & 0x08, "fatal": byte & 0x24, "recoverable": byte & 0x40}
        return replace(sense, **{name: bool(bit) for name, bit in bits.items()})
    out = bool(byte & 0x60)
    return replace(sense, paper_out=out or bool(sense.paper_out), paper_low=bool(byte & 0x0C))


def from_auto_status(packet: bytes) -> Sense:
    """Four bytes of ``GS a``: printer, errors, paper, reserved."""
    printer, errors, paper, _ = packet
    return Sense(
        heard=True,
        offline=bool(printer & 0x08),
        cover_open=bool(printer & 0x20),
        cutter_error=bool(errors & 0x08),
        fatal=bool(errors & 0x24),
        recoverable=bool(errors & 0x40),
        error=False,
        paper_out=bool(paper & 0x0C),
        paper_low=bool(paper & 0x03),
    )
