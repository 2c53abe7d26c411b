"""A4 printer behind IPP (RFC 8010, RFC 8011): a job counts as printed only when the printer itself has ended it so.

Behind CUPS "completed" is what its backend heard: of a printer that speaks IPP or JetDirect with status that is the
printer's own word, of a plain USB or socket queue only that all bytes have left. Choose an IPP queue.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal
from uuid import uuid4

from devices.contract import Completed, Deadline, DriverSettings, Permanent
from devices.declaration import Declaration, DeviceTest
from devices.page_printer.a4_page import a4_page
from devices.page_printer.client import IppClient, Refused, Ways
from devices.page_printer.job import Outcome, PageJob, PageResult, ended
from devices.page_printer.jobs import IN_DOUBT, Jobs
from devices.page_printer.link import IppLink, NoAnswer
from devices.page_printer.status import FAULTS, printer_status
from devices.ranges import Milliseconds, Seconds
from devices.vocabulary import Completion, DeviceState, DeviceStatus

SETTLE_S = 2.0
"""How long one idle round works on a job whose end is not known; a command may wait behind it."""

PDF = "application/pdf"


class PagePrinterSettings(DriverSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``driver = "ipp"``: an A4 printer that speaks IPP and prints PDF, or a queue of CUPS."""

    uri: str
    """``ipp://host[:631]/path``; of a CUPS queue ``ipp://localhost/printers/NAME``. ``ipps://`` with encryption."""
    user: str = "tongban"
    """Name under which jobs are sent. Machines that share a queue need one each: it tells their jobs apart."""
    media: str = "iso_a4_210x297mm"
    """Paper (PWG 5101.1 name)."""
    sides: Literal["one-sided", "two-sided-long-edge", "two-sided-short-edge"] = "one-sided"
    """On which sides it prints."""
    ipp_version: Literal["1.1", "2.0"] = "2.0"
    """Version in which it is asked."""
    request_timeout_s: Seconds = 8.0
    """How long one answer may take."""
    poll_interval_ms: Milliseconds = 500
    """How often a job is looked at."""
    ca_file: str = ""
    """``ipps``: certificates to trust, PEM; the system's own when empty."""


class PagePrinter:
    """Driver of an A4 printer. ``print_pages`` and ``find_end`` give a ``PageResult``."""

    kind: ClassVar[str] = "page_printer"
    declarations: ClassVar[dict[str, Declaration]] = {
        "page_printer": Declaration(
            "printer",
            (DeviceTest("self_test", "printer"),),
            levels={"toner_low": "warn", "tray_almost_full": "info", "waste_almost_full": "warn", "tray_full": "error"},
        )
    }
    Settings: ClassVar[type[DriverSettings]] = PagePrinterSettings
    commands: ClassVar[frozenset[str]] = frozenset(
        {"print_pages", "find_end", "await_end", "reset", "read_status", "self_test"}
    )
    idle_interval_s: ClassVar[float] = 3.0

    def __init__(self, settings: PagePrinterSettings, publish: Callable[[DeviceStatus], None]) -> None:
        self._publish = publish
        major, minor = map(int, settings.ipp_version.split("."))
        ways = Ways(settings.uri, settings.user, settings.media, settings.sides, (major, minor))
        self._client = IppClient(IppLink(settings.uri, settings.request_timeout_s, settings.ca_file), ways)
        self._jobs = Jobs(self._client, settings.user, settings.poll_interval_ms / 1000, self._fault_now)

    def setup(self) -> None:
        """Hear the printer, and find what an earlier process may have left in it."""
        deadline = Deadline(SETTLE_S)
        try:
            formats = self._client.printer(deadline).words("document-format-supported")
            self._jobs.adopt_left_over(deadline)
        except Refused as refusal:
            raise NoAnswer("refused", str(refusal), may_have_arrived=False) from None
        if formats and PDF not in formats:
            raise Permanent("no_pdf", "the printer does not take PDF: use a CUPS queue in front of it")

    def idle(self) -> None:
        """Publish paper, toner, covers and errors; a job whose end is not known is brought to one."""
        deadline = Deadline(SETTLE_S)
        if self._jobs.is_abandoned and self._jobs.resolve(deadline):
            self._jobs.adopt_left_over(deadline)
        self._look(deadline)

    def teardown(self) -> None:
        """Nothing stays open between two questions."""

    def read_status(self, deadline: Deadline) -> Completed:
        """The status as ``DeviceStatus``, asked now."""
        return Completed(Completion.SUCCESS, self._look(deadline))

    def print_pages(self, deadline: Deadline, job: PageJob) -> Completed:
        """Print ``job`` and wait for its real end; the value is always a ``PageResult``.

        ``not_printed``: nothing is on paper (``paper_out``, ``cover_open``, ``paused``, ``job_held``, ``refused`` …).
        ``printed``: the printer has completed it. ``unknown``: anything else. Stopped by paper or cover, it waits for
        the hand that puts it right until the deadline; then the job is canceled, and nothing else is printed before
        the printer has said that it is gone.
        """
        if not job.is_sound:
            return ended(PageResult(Outcome.NOT_PRINTED, ("bad_job",)))
        if refusal := self._refusal(deadline):
            return ended(PageResult(Outcome.NOT_PRINTED, (refusal,)))
        return ended(self._jobs.print(job, deadline))

    def find_end(self, deadline: Deadline, key: str) -> Completed:
        """How the job with this key has ended, asked of the printer: after a restart, or an end that was not known.

        ``unknown`` with ``job_vanished``: the printer knows no such job; it never had it, or has forgotten it.
        """
        return ended(self._jobs.end_of(key, deadline))

    def reset(self, deadline: Deadline) -> Completed:
        """Bring the printer to a known state (XFS ``Reset``): a job in doubt is canceled.

        The value is the ``PageResult`` of the latest job.
        """
        if not self._jobs.resolve(deadline):
            return ended(PageResult(Outcome.UNKNOWN, (IN_DOUBT,)))
        return Completed(Completion.SUCCESS, self._jobs.end)

    def await_end(self, deadline: Deadline) -> Completed:
        """``reset``, which already waits until its deadline: the same word as the receipt printer has."""
        return self.reset(deadline)

    def self_test(self, deadline: Deadline) -> Completed:
        """Print one page: the edges of A4 and two diagonals."""
        return self.print_pages(deadline, PageJob(uuid4().hex, a4_page()))

    # -- status --------------------------------------------------------------------------------------------------

    def _refusal(self, deadline: Deadline) -> str:
        """Why nothing may be sent now, "" when it may."""
        if deadline.over:
            return "canceled" if deadline.canceled.is_set() else "timeOut"
        try:
            if not self._jobs.resolve(deadline):
                return IN_DOUBT
            return self._fault_now(deadline)
        except NoAnswer as lost:
            return lost.error

    def _fault_now(self, deadline: Deadline) -> str:
        status = self._look(deadline)
        return status.error if status.error in FAULTS else ""

    def _look(self, deadline: Deadline) -> DeviceStatus:
        try:
            status = printer_status(self._client.printer(deadline))
        except Refused as refusal:
            raise NoAnswer("refused", str(refusal), may_have_arrived=False) from None
        if self._jobs.is_abandoned and not status.error:
            status = DeviceStatus(DeviceState.OFFLINE, supply=status.supply, error=IN_DOUBT)
        self._publish(status)
        return status
