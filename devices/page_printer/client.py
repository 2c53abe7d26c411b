"""The seven questions that are put to a printer (RFC 8011 §4), each an exchange of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from devices.contract import Deadline
from devices.page_printer.codec import Attribute, Group, IppError, Message, Tag, decode, encode
from devices.page_printer.job import PageJob
from devices.page_printer.link import IppLink, NoAnswer

PRINTER_ATTRIBUTES = (
    *("printer-state", "printer-state-reasons", "printer-is-accepting-jobs"),
    *("document-format-supported", "operations-supported"),
)
JOB_ATTRIBUTES = (
    *("job-id", "job-name", "job-state", "job-state-reasons", "job-originating-user-name"),
    *("job-impressions-completed", "job-media-sheets-completed", "time-at-processing"),
)
NOT_FOUND = 0x0406


class Operation(IntEnum):
    """Operations (RFC 8011 §5.4.15)."""

    PRINT_JOB = 0x0002
    CANCEL_JOB = 0x0008
    GET_JOB_ATTRIBUTES = 0x0009
    GET_JOBS = 0x000A
    GET_PRINTER_ATTRIBUTES = 0x000B


class JobState(IntEnum):
    """States of a job (RFC 8011 §5.3.7)."""

    PENDING = 3
    HELD = 4
    PROCESSING = 5
    STOPPED = 6
    CANCELED = 7
    ABORTED = 8
    COMPLETED = 9


class Refused(Exception):
    """The printer has answered and does not do it; ``code`` is its status (RFC 8011 appendix B)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"status 0x{code:04x}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Ways:
    """How a printer is spoken to."""

    uri: str
    user: str
    media: str
    sides: str
    version: tuple[int, int]


class IppClient:
    """Asks; NoAnswer when nothing sound comes back, Refused when the printer says no."""

    def __init__(self, link: IppLink, ways: Ways) -> None:
        self._link, self._ways, self._request_id = link, ways, 0

    def printer(self, deadline: Deadline) -> Group:
        """The printer's own attributes."""
        wanted = Attribute(Tag.KEYWORD, "requested-attributes", PRINTER_ATTRIBUTES)
        found = self._ask(Operation.GET_PRINTER_ATTRIBUTES, deadline, wanted).of(Tag.PRINTER)
        if not found or found[0].number("printer-state") is None:
            raise NoAnswer("garbled", "an answer without printer-state", may_have_arrived=True)
        return found[0]

    def print_job(self, name: str, job: PageJob, deadline: Deadline) -> Group:
        """Hand a job over; the printer's job attributes."""
        about = (Attribute(Tag.NAME, "job-name", (name,)), Attribute(Tag.MIME_TYPE, "document-format", (_PDF,)))
        wishes = (
            Attribute(Tag.INTEGER, "copies", (job.copies,)),
            Attribute(Tag.KEYWORD, "sides", (self._ways.sides,)),
            Attribute(Tag.KEYWORD, "media", (self._ways.media,)),
        )
        return _one_job(self._ask(Operation.PRINT_JOB, deadline, *about, wishes=wishes, data=job.pdf))

    def job(self, job_id: int, deadline: Deadline) -> Group:
        """One job's attributes."""
        wanted = Attribute(Tag.KEYWORD, "requested-attributes", JOB_ATTRIBUTES)
        return _one_job(self._ask(Operation.GET_JOB_ATTRIBUTES, deadline, wanted, job_id=job_id))

    def jobs(self, which: str, deadline: Deadline) -> tuple[Group, ...]:
        """Jobs ``not-completed`` or ``completed``; the printer decides how far back the latter go."""
        wanted = Attribute(Tag.KEYWORD, "requested-attributes", JOB_ATTRIBUTES)
        answer = self._ask(Operation.GET_JOBS, deadline, Attribute(Tag.KEYWORD, "which-jobs", (which,)), wanted)
        return answer.of(Tag.JOB)

    def cancel(self, job_id: int, deadline: Deadline) -> None:
        """Ask for a job's end; whether it has ended is a question of its own."""
        self._ask(Operation.CANCEL_JOB, deadline, job_id=job_id)

    def _ask(
        self,
        operation: Operation,
        deadline: Deadline,
        *own: Attribute,
        job_id: int | None = None,
        wishes: tuple[Attribute, ...] = (),
        data: bytes = b"",
    ) -> Message:
        self._request_id = self._request_id % 0x7FFFFFFF + 1
        head = (
            Attribute(Tag.CHARSET, "attributes-charset", ("utf-8",)),
            Attribute(Tag.LANGUAGE, "attributes-natural-language", ("en",)),
            Attribute(Tag.URI, "printer-uri", (self._ways.uri,)),
        )
        # The target stands first: job-id directly behind printer-uri (RFC 8011 §4.1.5).
        target = () if job_id is None else (Attribute(Tag.INTEGER, "job-id", (job_id,)),)
        user = Attribute(Tag.NAME, "requesting-user-name", (self._ways.user,))
        groups: dict[Tag, tuple[Attribute, ...]] = {Tag.OPERATION: (*head, *target, user, *own)}
        if wishes:
            groups[Tag.JOB] = wishes
        sent = encode(operation, self._request_id, groups, version=self._ways.version, data=data)
        return self._judged(self._link.ask(sent, deadline))

    def _judged(self, raw: bytes) -> Message:
        try:
            answer = decode(raw)
        except IppError as fault:
            raise NoAnswer("garbled", f"no IPP answer: {fault}", may_have_arrived=True) from None
        if answer.request_id != self._request_id:
            raise NoAnswer("garbled", "an answer to another question", may_have_arrived=True)
        if answer.code >= 0x0100:
            raise Refused(answer.code)
        return answer


_PDF = "application/pdf"


def _one_job(answer: Message) -> Group:
    found = answer.of(Tag.JOB)
    if not found or found[0].number("job-state") is None:
        raise NoAnswer("garbled", "an answer without job-state", may_have_arrived=True)
    return found[0]
