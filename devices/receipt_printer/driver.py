"""ESC/POS receipt printer: a job counts as printed only when the printer itself has said so.

A write that succeeded proves nothing (a dead peer swallows megabytes). Every job therefore has ``GS r 1`` behind the
slip and, once that is answered, behind its cut: it is executed in order, its answer means that everything before it was
processed, and one stray byte, which may look like an answer, is not two. Behind the cut it is asked twice, because some
printers say everything twice. Without all answers the outcome is ``unknown``; no job is ever sent again by the driver
itself, and none is sent into what may hang there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from devices.contract import Completed, Deadline, DriverSettings, Permanent, TryAgain
from devices.declaration import Declaration, DeviceTest
from devices.ranges import Baudrate, Milliseconds, Seconds, TcpPort
from devices.receipt_printer import codec
from devices.receipt_printer.delivery import IN_DOUBT, LOOK_AGAIN_S, Delivery, Ways, ended
from devices.receipt_printer.flow import BITS_PER_BYTE, Flow
from devices.receipt_printer.flow import Line as FlowLine
from devices.receipt_printer.job import Code128, Columns, Cut, Feed, Line, Outcome, PrintJob, PrintResult, Qr, Rule
from devices.receipt_printer.link import CupsLink, Link, SerialLink, TcpLink
from devices.receipt_printer.talk import Talk
from devices.receipt_printer.text import Encoding, FontSet
from devices.vocabulary import Completion, DeviceState, DeviceStatus

FONT_SAMPLE = "".join(map(chr, range(0x4E00, 0x4E10)))
RARE_SAMPLE = "".join(map(chr, (0x20BB7, 0x4DAE, 0x36C3)))
"""Characters of Ext B, Ext A with two and Ext A with four bytes in GB 18030: names have them, fonts do not."""

SETTLE_S = 2.5
"""How long one idle round works on what may hang in the printer; a command may wait behind it."""

XON_LOST_S = 60.0
"""An idle printer that holds the line for longer has said XON and was not heard."""


class ReceiptPrinterSettings(DriverSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``driver = "escpos"``: any printer that speaks ESC/POS."""

    transport: Literal["serial", "tcp", "usb", "cups"]
    """How the printer is connected."""
    port: str = ""
    """Serial: the port, best by a stable name. USB: ``VVVV:PPPP`` in hexadecimal. CUPS: the queue's name."""
    baudrate: Baudrate = 115200
    """Serial speed, 8N1."""
    host: str = ""
    """TCP: the printer's address."""
    tcp_port: TcpPort = 9100
    """TCP: the printer's port."""
    columns: Annotated[int, Meta(ge=16, le=128)] = 48
    """Half-width characters per line."""
    dots_per_line: Annotated[int, Meta(ge=128, le=4096)] = 576
    """Printable dots per line (8 per mm: 576 on 80 mm paper, 384 on 58 mm)."""
    encoding: Encoding = "gb18030"
    """How the printer wants its text."""
    font_set: FontSet = "gbk"
    """The characters that the printer's own font has; a line with any other is printed as a picture."""
    status: Literal["dle", "asb", "none"] = "dle"
    """How it tells its state: asked by DLE EOT (1 must be answered, 2-4 may be silent), by itself (GS a), or not."""
    status_timeout_ms: Milliseconds = 300
    """How long one status answer may take."""
    flow: Flow = "none"
    """How it says that its buffer is full: XON/XOFF (serial, TCP), or by a line that the port sees as CTS or DSR."""
    barrier: Literal["gs_r", "none"] = "gs_r"
    """How it confirms a job. With ``none`` all end as unknown, never printed, and a cut goes before the next one."""
    barrier_timeout_s: Seconds = 8.0
    """How long printing one slip may take, transmission not counted."""
    cut: Literal["full", "partial", "none"] = "full"
    """What the cutter does after a slip."""


class EscposPrinter:
    """Driver of an ESC/POS receipt printer."""

    kind: ClassVar[str] = "receipt_printer"
    declarations: ClassVar[dict[str, Declaration]] = {
        "receipt_printer": Declaration("printer", (DeviceTest("test_print", "printer"),))
    }
    Settings: ClassVar[type[DriverSettings]] = ReceiptPrinterSettings
    commands: ClassVar[frozenset[str]] = frozenset({"reset", "print_job", "await_end", "read_status", "self_test"})
    idle_interval_s: ClassVar[float] = 2.0

    def __init__(self, settings: ReceiptPrinterSettings, publish: Callable[[DeviceStatus], None]) -> None:
        self._settings, self._publish = settings, publish
        self._paper = codec.Paper(
            settings.columns,
            settings.dots_per_line,
            settings.encoding,
            settings.font_set,
            settings.cut,
            auto_status=settings.status == "asb",
        )
        self._line = FlowLine(_link(settings), settings.flow, settings.baudrate)
        self._talk = Talk(self._line, settings.status, settings.status_timeout_ms / 1000)
        self._delivery = Delivery(self._line, self._talk, self._paper, _ways(settings), self._show)

    def setup(self) -> None:
        """Open and hear the printer."""
        self._delivery.lost = ""
        self._line.open()
        self._talk.start()
        self._look(Deadline(SETTLE_S))

    def idle(self) -> None:
        """Notice loss, publish paper, cover and errors. What may hang in the printer is cleared away."""
        self._require_link()
        self._look(Deadline(SETTLE_S))
        if self._line.lacks_xon(XON_LOST_S):
            # A line that was opened anew is free, and the printer is asked what keeps it.
            self._line.abandon()
            raise TryAgain("stalled", "no XON came; the line is opened anew")
        if self._delivery.clean is False:
            flush_s = len(self._paper.flush_bytes) * BITS_PER_BYTE / self._settings.baudrate
            self._delivery.bring_to_known_state(Deadline(SETTLE_S + flush_s))

    def teardown(self) -> None:
        """Close."""
        self._line.close()

    def read_status(self, deadline: Deadline) -> Completed:
        """The status as ``DeviceStatus``, asked now."""
        return Completed(Completion.SUCCESS, self._look(deadline))

    def self_test(self, deadline: Deadline, job: PrintJob | None = None) -> Completed:
        """Print ``job``, or a pattern of its own: the ruler, Chinese text, a rare character, both codes."""
        return self.print_job(deadline, job or _pattern(self._settings))

    def print_job(self, deadline: Deadline, job: PrintJob) -> Completed:
        """Print ``job``; the value is always a ``PrintResult``.

        ``not_printed``: no byte has left (``paper_out``, ``cover_open``, ``offline``, ``silent``, ``in_doubt`` …).
        ``printed``: the printer confirmed. ``unknown``: anything else, with what is known of the reason. When paper,
        cover or a held line stop the printer in the middle, this waits for it to go on until the deadline. After an
        end that is not known nothing is printed before the printer has been brought to a known state.
        """
        try:
            if refusal := self._refusal(deadline):
                return ended(PrintResult(Outcome.NOT_PRINTED, (refusal,)))
        except TryAgain as fault:
            self._delivery.lost = fault.error
            return ended(PrintResult(Outcome.NOT_PRINTED, (fault.error,)))
        try:
            slip, cut = self._paper.parted(job)
        except (ValueError, OSError):  # a code or picture that cannot be drawn; its data stay out of the log
            return ended(PrintResult(Outcome.NOT_PRINTED, ("bad_job",)))
        return self._delivery.print(slip, deadline, job.key, cut)

    def reset(self, deadline: Deadline) -> Completed:
        """Bring the printer to a known state (XFS ``Reset``); nothing is sent to one that is known to be clean.

        The value is the ``PrintResult`` of the latest job: what was unknown may be ``printed`` by now.
        """
        self._require_link()
        reason = "" if self._delivery.clean else self._delivery.bring_to_known_state(deadline)
        if reason:
            return ended(PrintResult(Outcome.UNKNOWN, (reason,)))
        return Completed(Completion.SUCCESS, self._delivery.end)

    def await_end(self, deadline: Deadline) -> Completed:
        """``reset``, tried again until it succeeds: how the latest job has ended is known then, if it ever will be."""
        while not (done := self.reset(deadline)).ok and not deadline.over:
            deadline.pause(LOOK_AGAIN_S)
        return done

    def _refusal(self, deadline: Deadline) -> str:
        """Why nothing may be sent now, "" when it may."""
        if self._delivery.lost:
            return self._delivery.lost
        if deadline.over:
            return "canceled" if deadline.canceled.is_set() else "timeOut"
        if self._delivery.clean is False and (reason := self._delivery.bring_to_known_state(deadline)):
            return reason
        self._talk.deadline = deadline
        sense = self._delivery.look()
        if self._settings.status == "dle" and not sense.heard and not sense.held:
            return "silent"
        return sense.fault

    # -- status --------------------------------------------------------------------------------------------------

    def _require_link(self) -> None:
        if self._delivery.lost:
            raise TryAgain(self._delivery.lost)

    def _look(self, deadline: Deadline) -> DeviceStatus:
        self._talk.deadline = deadline
        sense = self._talk.look()
        if self._settings.status != "none" and not sense.heard and not sense.held:
            raise TryAgain("silent", "no answer to a status request in time")
        return self._show()

    def _show(self) -> DeviceStatus:
        status = self._talk.sense.status()
        if self._delivery.trouble == IN_DOUBT and not status.error:
            detail = "the printer does not confirm that nothing of an earlier job hangs in it"
            status = DeviceStatus(DeviceState.OFFLINE, supply=status.supply, error=IN_DOUBT, detail=detail)
        self._publish(status)
        return status


def _ways(settings: ReceiptPrinterSettings) -> Ways:
    return Ways(
        barrier=settings.barrier == "gs_r",
        barrier_timeout_s=settings.barrier_timeout_s,
        asked=settings.status != "none",
        whole=settings.transport == "cups",
        baudrate=settings.baudrate if settings.transport == "serial" else 0,
    )


def _link(settings: ReceiptPrinterSettings) -> Link:
    _check(settings)
    if settings.transport == "tcp":
        return TcpLink(settings.host, settings.tcp_port)
    if settings.transport == "serial":
        return SerialLink(settings.port, settings.baudrate, rtscts=settings.flow == "rtscts")
    if settings.transport == "cups":
        return CupsLink(settings.port)
    from devices.receipt_printer.usb_link import UsbLink  # pyusb is loaded where there is such a printer only

    return UsbLink(settings.port)


def _check(settings: ReceiptPrinterSettings) -> None:
    if settings.transport == "tcp":
        _require(settings.host, "host")
    else:
        _require(settings.port, "port")
    if settings.flow not in _FLOWS[settings.transport]:
        raise Permanent("bad_settings", f'transport "{settings.transport}" has no flow = "{settings.flow}"')
    if settings.transport == "cups" and (settings.status, settings.barrier) != ("none", "none"):
        raise Permanent("bad_settings", 'transport "cups" cannot answer: set status = "none" and barrier = "none"')


_FLOWS = {
    "serial": ("none", "xonxoff", "rtscts", "dsrdtr"),
    "tcp": ("none", "xonxoff"),
    "usb": ("none",),
    "cups": ("none",),
}


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
