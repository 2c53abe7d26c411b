"""Jobs from their sending to their real end. A job whose end is unknown is brought to one before the next is sent.

A job bears a name of ours from before it is sent, so it can be found again when the answer was lost, the cable was
pulled out or this process was killed. Nothing that nobody waits for any more is left to be printed: it is canceled,
and until the printer itself says that it has ended, no other job follows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from devices.contract import Deadline
from devices.page_printer.client import NOT_FOUND, IppClient, JobState, Refused
from devices.page_printer.codec import Group
from devices.page_printer.job import Outcome, PageJob, PageResult
from devices.page_printer.link import NoAnswer

ENDED = frozenset({JobState.CANCELED, JobState.ABORTED, JobState.COMPLETED})
CANCEL_S = 0.8
"""How long a canceled job may take to end while its command is already over."""

ABSENT_S = 2.0
"""A printer that knows no such job for so long will not find the request in its input any more."""

IN_DOUBT = "in_doubt"

_REFUSALS = {
    0x0401: "refused",
    0x0402: "refused",
    0x0403: "refused",
    0x040A: "bad_document",
    0x0411: "bad_document",
    0x0506: "not_accepting",
    0x0507: "busy",
    0x0509: "spool_full",
}

_ABORTED = {
    "document-format-error": "bad_document",
    "unsupported-document-format": "bad_document",
    "document-unprintable-error": "bad_document",
    "document-access-error": "bad_document",
}


class Jobs:
    """One printer's jobs.

    ``name`` is that of the job whose end is not known, "" when nothing of ours is pending; ``is_abandoned`` is whether
    nobody waits for that one any more.
    """

    def __init__(self, client: IppClient, prefix: str, poll_s: float, look: Callable[[Deadline], str]) -> None:
        self._client, self._prefix, self._poll_s, self._look = client, prefix, poll_s, look
        self.name, self.is_abandoned = "", False
        self.end = PageResult(Outcome.UNKNOWN)
        self._id: int | None = None
        self._arrived = True
        self._absent_since = math.inf
        self._state: int | None = None

    def print(self, job: PageJob, deadline: Deadline) -> PageResult:
        """Send ``job`` and follow it until it has really ended or the deadline is over."""
        self._take_up(self._name_of(job.key), None)
        try:
            self._id = self._client.print_job(self.name, job, deadline).number("job-id")
        except Refused as refusal:
            self.name = ""
            self.end = PageResult(Outcome.NOT_PRINTED, (_REFUSALS.get(refusal.code, "refused"),))
            return self.end
        except NoAnswer as lost:
            self._arrived = lost.may_have_arrived
        return self.follow(deadline)

    def follow(self, deadline: Deadline) -> PageResult:
        """Wait for the end of the job in doubt; at the deadline it is canceled."""
        reason = ""
        while self.name and not deadline.over:
            try:
                if self._known(self._find(deadline), reason):
                    break
                reason = self._look(deadline) or self._held(reason)
            except NoAnswer as lost:
                reason = lost.error
            deadline.pause(self._poll_s)
        if self.name:
            self._give_up(reason or ("canceled" if deadline.canceled.is_set() else "timeOut"))
        return self.end

    def resolve(self, deadline: Deadline, reason: str = "canceled") -> bool:
        """Bring the job in doubt to an end, if there is one; whether nothing of ours is pending now.

        NoAnswer when the printer does not answer.
        """
        while self.name:
            found = self._find(deadline)
            if self._known(found, reason):
                break
            self._cancel(deadline)
            if deadline.over:
                return False
            deadline.pause(min(self._poll_s, 0.2))
        return True

    def adopt_left_over(self, deadline: Deadline) -> None:
        """Take over a job that a process before this one has left in the printer; several are taken one by one."""
        if not self.name and (left := next(filter(self._is_ours, self._listed("not-completed", deadline)), None)):
            self._take_up(str(left.first("job-name")), left.number("job-id"))
            self.is_abandoned = True

    def end_of(self, key: str, deadline: Deadline) -> PageResult:
        """How the job with this key has ended, as the printer's own list of jobs says it."""
        if self.name == self._name_of(key) and not self.resolve(deadline):
            return PageResult(Outcome.UNKNOWN, (IN_DOUBT,))
        job = self._named(self._name_of(key), deadline)
        return PageResult(Outcome.UNKNOWN, ("job_vanished",)) if job is None else _end(job, "")

    # -- one job -------------------------------------------------------------------------------------------------

    def _take_up(self, name: str, job_id: int | None) -> None:
        self.name, self._id, self.is_abandoned = name, job_id, False
        self._arrived, self._absent_since = True, math.inf

    def _find(self, deadline: Deadline) -> Group | None:
        """The job in doubt as the printer knows it; None when it knows none."""
        if self._id is not None:
            try:
                return self._client.job(self._id, deadline)
            except Refused as refusal:
                if refusal.code != NOT_FOUND:
                    raise NoAnswer("refused", str(refusal), may_have_arrived=True) from None
                self._id = None
        found = self._named(self.name, deadline)
        self._id = found.number("job-id") if found else None
        return found

    def _named(self, name: str, deadline: Deadline) -> Group | None:
        # Those that have not ended first: one that ends between the questions is then found in the second answer.
        for which in ("not-completed", "completed"):
            for job in self._listed(which, deadline):
                if job.first("job-name") == name:
                    return job
        return None

    def _listed(self, which: str, deadline: Deadline) -> tuple[Group, ...]:
        try:
            return self._client.jobs(which, deadline)
        except Refused as refusal:
            if refusal.code == NOT_FOUND:  # some say so of an empty list
                return ()
            raise NoAnswer("refused", str(refusal), may_have_arrived=True) from None

    def _known(self, job: Group | None, reason: str) -> bool:
        """Whether the end of the job in doubt is known by this; it is kept then."""
        self._state = job.number("job-state") if job else None
        if job is None:
            self._absent_since = min(self._absent_since, time.monotonic())
            if self._arrived and time.monotonic() - self._absent_since < ABSENT_S:
                return False
            # A printer may forget what it has ended; what never left here whole cannot have been printed.
            outcome = Outcome.UNKNOWN if self._arrived else Outcome.NOT_PRINTED
            self.end = PageResult(outcome, (reason or "job_vanished", *(("job_vanished",) if reason else ())))
        elif self._state in ENDED:
            self.end = _end(job, reason)
        else:
            return False
        self.name, self._id, self.is_abandoned = "", None, False
        return True

    def _held(self, reason: str) -> str:
        return "job_held" if self._state == JobState.HELD else reason if self._state == JobState.STOPPED else ""

    def _give_up(self, reason: str) -> None:
        """Nobody waits any more: what has not been printed shall not be printed for the next person."""
        self.is_abandoned = True
        self.end = PageResult(Outcome.UNKNOWN, (reason, IN_DOUBT))
        try:
            self.resolve(Deadline(CANCEL_S), reason)
        except NoAnswer as lost:
            self.end = PageResult(Outcome.UNKNOWN, (reason, lost.error, IN_DOUBT))

    def _cancel(self, deadline: Deadline) -> None:
        if self._id is not None:
            try:
                self._client.cancel(self._id, deadline)
            except Refused:
                return  # it has ended meanwhile; the next look tells how

    def _name_of(self, key: str) -> str:
        return f"{self._prefix}-{key}"

    def _is_ours(self, job: Group) -> bool:
        return str(job.first("job-name") or "").startswith(f"{self._prefix}-")


def _end(job: Group, reason: str) -> PageResult:
    """What a job's last state says (RFC 8011 §5.3.7, §5.3.8); ``reason`` is why we gave it up, if we did."""
    state, reasons = job.number("job-state"), job.words("job-state-reasons")
    counts = (job.number("job-media-sheets-completed"), job.number("job-impressions-completed"))
    sheets = next((count for count in counts if count is not None), None)
    if state == JobState.COMPLETED:
        if "job-completed-with-errors" in reasons:
            return PageResult(Outcome.UNKNOWN, ("completed_with_errors",), sheets)
        return PageResult(Outcome.PRINTED, (), sheets)
    if state not in ENDED:
        return PageResult(Outcome.UNKNOWN, (IN_DOUBT,), sheets)
    own = "canceled_at_printer" if state == JobState.CANCELED else "aborted"
    own = next((_ABORTED[name] for name in reasons if name in _ABORTED), own)
    untouched = sheets == 0 or (
        sheets is None and job.first("time-at-processing") is None and state != JobState.ABORTED
    )
    outcome = Outcome.NOT_PRINTED if untouched and reason != "jammed" else Outcome.UNKNOWN
    told = reason if reason and state == JobState.CANCELED else own
    return PageResult(outcome, (told,), sheets)
