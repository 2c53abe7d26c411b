"""ESC/POS receipt printer: a job counts as printed only when the printer itself has said so.

A write that succeeded proves nothing (a dead peer swallows megabytes). Every job therefore ends with ``GS r 1``, which
is executed in order: its answer means that everything before it was processed. Without that answer the outcome is
``unknown``; nothing is ever sent again by the driver itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from devices.contract import Completed, Deadline, DriverSettings, Permanent, TryAgain
from devices.receipt_printer import codec
from devices.receipt_printer.job import Code128, Columns, Cut, Feed, Line, Outcome, PrintJob, PrintResult, Qr, Rule
from devices.receipt_printer.link import CupsLink, Link, SerialLink, TcpLink, UsbLink
from devices.receipt_printer.talk import Talk
from devices.receipt_printer.text import Encoding, FontSet
from devices.vocabulary import Completion, DeviceState, DeviceStatus, SupplyState

CHUNK_BYTES = 512
WRITE_STEP_S = 0.2
"""How often a stalled write looks at its deadline and at a cancellation."""

FONT_SAMPLE = "".join(map(chr, range(0x4E00, 0x4E10)))
RARE_SAMPLE = "".join(map(chr, (0x20BB7, 0x4DAE, 0x36C3)))
"""Characters of Ext B, Ext A with two and Ext A with four bytes in GB 18030: names have them, fonts do not."""

LOOK_AGAIN_S = 0.5
BITS_PER_BYTE = 10


class ReceiptPrinterSettings(DriverSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``driver = "escpos"``: any printer that speaks ESC/POS."""

    transport: Literal["serial", "tcp", "usb", "cups"]
    """How the printer is connected."""
    port: str = ""
    """Serial: the port, best by a stable name. USB: ``VVVV:PPPP`` in hexadecimal. CUPS: the queue's name."""
    baudrate: int = 115200
    """Serial speed, 8N1."""
    host: str = ""
    """TCP: the printer's address."""
    tcp_port: int = 9100
    """TCP: the printer's port."""
    columns: int = 48
    """Half-width characters per line."""
    dots_per_line: int = 576
    """Printable dots per line (8 per mm: 576 on 80 mm paper, 384 on 58 mm)."""
    encoding: Encoding = "gb18030"
    """How the printer wants its text."""
    font_set: FontSet = "gbk"
    """The characters that the printer's own font has; a line with any other is printed as a picture."""
    status: Literal["dle", "asb", "none"] = "dle"
    """How it tells its state: asked by DLE EOT (1 must be answered, 2-4 may be silent), by itself (GS a), or not."""
    status_timeout_ms: int = 300
    """How long one status answer may take."""
    barrier: Literal["gs_r", "none"] = "gs_r"
    """How it confirms a job. With ``none`` no job is ever reported as printed, only as unknown."""
    barrier_timeout_s: float = 8.0
    """How long printing one slip may take, transmission not counted."""
    cut: Literal["full", "partial", "none"] = "full"
    """What the cutter does after a slip."""


class EscposPrinter:
    """Driver of an ESC/POS receipt printer."""

    kind: ClassVar[str] = "receipt_printer"
    Settings: ClassVar[type[DriverSettings]] = ReceiptPrinterSettings
    commands: ClassVar[frozenset[str]] = frozenset({"reset", "print_job", "read_status", "self_test"})
    idle_interval_s: ClassVar[float] = 2.0

    def __init__(self, settings: ReceiptPrinterSettings, publish: Callable[[DeviceStatus], None]) -> None:
        self._settings, self._publish = settings, publish
        self._paper = codec.Paper(
            settings.columns, settings.dots_per_line, settings.encoding, settings.font_set, settings.cut
        )
        self._link = _link(settings)
        self._talk = Talk(self._link, settings.status, settings.status_timeout_ms / 1000)
        self._lost = ""
        self._broken_off = False
        self._taken_bytes = 0

    def setup(self) -> None:
        """Open and hear the printer. A job that was broken off is flushed away, so that it cannot swallow the next."""
        self._lost = ""
        self._link.open()
        self._talk.start()
        if self._broken_off:
            self._flush_remains()
        self._show()

    def idle(self) -> None:
        """Notice loss, publish paper, cover and errors."""
        if self._lost:
            raise TryAgain(self._lost)
        self._show()

    def teardown(self) -> None:
        """Close."""
        self._link.close()

    def read_status(self, deadline: Deadline) -> Completed:
        """The status as ``DeviceStatus``, asked now."""
        del deadline
        return Completed(Completion.SUCCESS, self._show())

    def self_test(self, deadline: Deadline, job: PrintJob | None = None) -> Completed:
        """Print ``job``, or a pattern of its own: the ruler, Chinese text, a rare character, both codes."""
        return self.print_job(deadline, job or _pattern(self._settings))

    def print_job(self, deadline: Deadline, job: PrintJob) -> Completed:
        """Print ``job``; the value is always a ``PrintResult``.

        ``not_printed``: no byte has left (``paper_out``, ``cover_open``, ``offline``, ``silent`` …). ``printed``: the
        printer confirmed. ``unknown``: anything else, with what is known of the reason. When paper or cover stop
        the printer in the middle, it goes on by itself after the refill; this waits for that until the deadline.
        """
        self._taken_bytes = 0
        try:
            if refusal := self._refusal(deadline):
                return _ended(Outcome.NOT_PRINTED, refusal)
            try:
                payload = self._paper.compose(job)
            except (ValueError, OSError):  # a code or picture that cannot be drawn; its data stay out of the log
                return _ended(Outcome.NOT_PRINTED, "bad_job")
            if self._send(payload, deadline):
                return self._broken("canceled" if deadline.canceled.is_set() else "stalled")
            return self._confirm(deadline, len(payload))
        except TryAgain as fault:
            return self._broken(fault.error)

    def reset(self, deadline: Deadline) -> Completed:
        """End what a killed machine may have left half sent, cut it off, and start afresh (XFS ``Reset``).

        A picture or line that was broken off would otherwise swallow the head of the next slip, and hang on it.
        """
        self._taken_bytes = 0
        try:
            if refusal := self._refusal(deadline):
                return _ended(Outcome.NOT_PRINTED, refusal)
            payload = self._paper.flush_bytes + self._paper.compose(PrintJob((Cut(),)))
            if self._send(payload, deadline):
                return self._broken("stalled")
            return self._confirm(deadline, len(payload))
        except TryAgain as fault:
            return self._broken(fault.error)

    # -- one job -------------------------------------------------------------------------------------------------

    def _refusal(self, deadline: Deadline) -> str:
        """Why nothing may be sent now, "" when it may."""
        if self._lost:
            return self._lost
        if self._settings.barrier == "gs_r" and self._talk.owed:
            self._talk.settle(deadline, self._settings.barrier_timeout_s)
        if deadline.over:
            return "canceled" if deadline.canceled.is_set() else "timeOut"
        sense = self._talk.look()
        self._publish(self._status())
        if self._settings.status == "dle" and not sense.heard:
            return "silent"
        return sense.fault

    def _send(self, data: bytes, deadline: Deadline) -> int:
        """Hand ``data`` over until the deadline; returns how many bytes are left. Nothing is asked in between."""
        rest = memoryview(data)
        chunk_bytes = len(data) if self._settings.transport == "cups" else CHUNK_BYTES
        while rest and not deadline.over:
            taken = self._link.write_some(bytes(rest[:chunk_bytes]), min(WRITE_STEP_S, deadline.left_s))
            self._taken_bytes += taken
            rest = rest[taken:]
        return len(rest)

    def _confirm(self, deadline: Deadline, sent_bytes: int) -> Completed:
        """Wait for the printer's own word."""
        if self._settings.barrier == "none":
            return _ended(Outcome.UNKNOWN, "no_barrier")
        # What came while the job was under way cannot be the answer to a question that has not been asked yet.
        self._talk.drain()
        if self._send(codec.BARRIER, deadline):
            return self._broken("stalled")
        self._talk.owed += 1
        wire_s = sent_bytes * BITS_PER_BYTE / self._settings.baudrate if self._settings.transport == "serial" else 0.0
        patience_s = self._settings.barrier_timeout_s + wire_s
        reason, stopped = "", False
        while not self._talk.await_barrier(deadline, patience_s):
            sense = self._talk.look()
            self._publish(self._status())
            reason = sense.fault or reason
            if not self._talk.owed:
                break
            if deadline.over or not (sense.waits_for_hand or stopped):
                return _ended(Outcome.UNKNOWN, reason or "no_barrier", *([] if sense.heard else ["silent"]))
            # Stopped by paper or cover: wait for the hand that puts it right, then as long again as for a fresh job.
            stopped = sense.waits_for_hand
            patience_s = LOOK_AGAIN_S if stopped else self._settings.barrier_timeout_s
        return self._printed()

    def _printed(self) -> Completed:
        """The barrier was answered; what the printer says now decides whether that can be believed."""
        sense = self._talk.look() if self._settings.status != "none" else self._talk.sense
        self._publish(self._status())
        if sense.fault:
            return _ended(Outcome.UNKNOWN, sense.fault)
        return Completed(Completion.SUCCESS, PrintResult(Outcome.PRINTED))

    def _broken(self, error: str) -> Completed:
        """The link failed: unknown when any byte of the job has left, and then the printer may be inside a picture."""
        self._broken_off = self._broken_off or self._taken_bytes > 0
        self._lose(error)
        return _ended(Outcome.UNKNOWN if self._taken_bytes else Outcome.NOT_PRINTED, error)

    def _lose(self, error: str) -> None:
        """The next idle round hands the link to the supervisor for a fresh start."""
        self._lost = error
        self._link.abandon()

    def _flush_remains(self) -> None:
        deadline = Deadline(self._settings.barrier_timeout_s)
        if self._send(self._paper.flush_bytes, deadline):
            raise TryAgain("not_reading")
        self._broken_off = False

    # -- status --------------------------------------------------------------------------------------------------

    def _show(self) -> DeviceStatus:
        sense = self._talk.look()
        if self._settings.status != "none" and not sense.heard:
            raise TryAgain("silent", "no answer to a status request")
        status = self._status()
        self._publish(status)
        return status

    def _status(self) -> DeviceStatus:
        if self._settings.status == "none":
            return DeviceStatus(DeviceState.ONLINE, supply=SupplyState.UNKNOWN)
        return self._talk.sense.status()


def _ended(outcome: Outcome, reason: str, *more: str) -> Completed:
    code = _CODES.get(reason, Completion.DEVICE_NOT_READY)
    return Completed(code, PrintResult(outcome, (reason, *more)), error=reason)


_CODES = {
    "canceled": Completion.CANCELED,
    "timeOut": Completion.TIME_OUT,
    "no_barrier": Completion.TIME_OUT,
    "stalled": Completion.TIME_OUT,
    "bad_job": Completion.INVALID_DATA,
    "jammed": Completion.HARDWARE_ERROR,
    "printer_error": Completion.HARDWARE_ERROR,
}


def _link(settings: ReceiptPrinterSettings) -> Link:
    one_way = settings.status == "none" and settings.barrier == "none"
    if settings.transport == "tcp":
        _require(settings.host, "host")
        return TcpLink(settings.host, settings.tcp_port)
    _require(settings.port, "port")
    if settings.transport == "serial":
        return SerialLink(settings.port, settings.baudrate)
    if settings.transport == "usb":
        return UsbLink(settings.port)
    if not one_way:
        raise Permanent("bad_settings", 'transport "cups" cannot answer: set status = "none" and barrier = "none"')
    return CupsLink(settings.port)


def _require(value: str, key: str) -> None:
    if not value:
        raise Permanent("bad_settings", f"receipt_printer needs the key {key} for its transport")


def _pattern(settings: ReceiptPrinterSettings) -> PrintJob:
    ruler = "".join(str((column + 1) % 10) for column in range(settings.columns))
    return PrintJob(
        (
            Line("ESC/POS", "double", bold=True, align="center"),
            Line(ruler),
            Columns("encoding", settings.encoding),
            Columns("font_set", settings.font_set),
            Line(FONT_SAMPLE),
            Line(RARE_SAMPLE),
            Rule(),
            Feed(),
            Code128("0123456789"),
            Feed(),
            Qr("0123456789"),
            Cut(),
        )
    )
