"""Jobs on their way to the paper: what has left, what the printer confirmed, and what may hang in it.

After an end that is not known the printer may stand inside a picture, or with half a slip on its paper. Nothing is
printed then before ``bring_to_known_state`` has done its work: blank dots that complete the picture, ``ESC @``, a cut
that parts the half slip from the next one, and the printer's own word that it has done all that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from devices.contract import Completed, Deadline, TryAgain
from devices.receipt_printer import codec
from devices.receipt_printer.flow import BITS_PER_BYTE, Line
from devices.receipt_printer.job import Cut, Outcome, PrintJob, PrintResult
from devices.receipt_printer.status import Sense
from devices.receipt_printer.talk import Talk
from devices.vocabulary import Completion

CHUNK_BYTES = 512
WRITE_STEP_S = 0.2
"""How often a stalled write looks at its deadline and at a cancellation."""

STUCK_S = 0.5
STALL_S = 2.0
"""A line that takes nothing for less is a printer at work."""

LOOK_AGAIN_S = 0.5
QUIET_S = 0.5
"""Barriers that stand one behind the other are answered within this time of each other."""

LATE_S = 2.5
"""How long behind the flush the answer to a job in doubt is waited for before anything else is asked."""

ASKED_BEHIND_CUT = 2
"""A printer that says everything twice answers the first of these questions with the slip's answer said once more."""

MOST_DOUBLINGS = 5

IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class Ways:
    """How this printer confirms and takes a job; ``baudrate`` is 0 where the wire takes no time."""

    barrier: bool
    barrier_timeout_s: float
    asked: bool
    whole: bool
    baudrate: int

    def wire_s(self, count: int) -> float:
        """Seconds that so many bytes take on the wire."""
        return count * BITS_PER_BYTE / self.baudrate if self.baudrate else 0.0


class Delivery:
    """One printer's jobs.

    ``clean`` is whether nothing hangs in the printer: None before the first job, when that depends on who printed
    before. ``end`` is how the latest job ended; an unknown end becomes ``printed`` when the printer says so later.
    ``lost`` is why the link has to be set up anew.
    """

    def __init__(self, line: Line, talk: Talk, paper: codec.Paper, ways: Ways, publish: Callable[[], object]) -> None:
        self._line, self._talk, self._paper, self._ways, self._publish = line, talk, paper, ways, publish
        self.clean: bool | None = None
        self.end, self._key = PrintResult(Outcome.UNKNOWN), ""
        self.lost = ""
        self.trouble = ""
        """What keeps the printer from a known state, "" when nothing is known to."""
        self._taken_bytes = 0
        self._job = 0
        self._cut = b""
        self._before_flush: int | None = None
        self._flushes = 0
        self._flush_again_at = self._late_until = self._answer_s = self._moved_at = 0.0

    def look(self) -> Sense:
        """The printer's state, asked now and published."""
        sense = self._talk.look()
        self._publish()
        return sense

    def print(self, payload: bytes, deadline: Deadline, key: str = "", cut: bytes = b"") -> Completed:
        """Send ``payload``, a barrier and ``cut``, and wait for the printer's own word on the one and the other.

        The value is a ``PrintResult`` with this ``key``.
        """
        if not self._ways.barrier:
            payload, cut = payload + cut, b""
        self._key, self._cut = key, cut
        before, self.clean, self._talk.deadline = self.clean, False, deadline
        self._taken_bytes, self._job, self._before_flush = 0, 0, None
        try:
            if left := self._send(payload, deadline):
                self.clean = before if left == len(payload) else False
                return self._unsent(deadline)
            return self._confirm(deadline, len(payload))
        except TryAgain as fault:
            # How much was taken by a write that failed is not known.
            self._lose(fault.error)
            return self._ended(Outcome.UNKNOWN, fault.error)

    def bring_to_known_state(self, deadline: Deadline) -> str:
        """Bring the printer to a known state. "" when it is in one, else the code of what keeps it from it.

        Goes on where the last try ended; every try may find that the job in doubt has been printed after all.
        """
        if not self.clean:
            self._talk.deadline = deadline
            self.trouble = self._reach_known_state(deadline)
            self._publish()
        return self.trouble

    # -- one job -------------------------------------------------------------------------------------------------

    def _send(self, data: bytes, deadline: Deadline) -> int:
        """Hand ``data`` over until the deadline; returns how many bytes are left. Nothing is asked in between."""
        rest, sense = memoryview(data), self._talk.sense
        self._moved_at = time.monotonic()
        chunk_bytes = len(data) if self._ways.whole else CHUNK_BYTES
        while rest and not deadline.over:
            taken = self._line.write_some(bytes(rest[:chunk_bytes]), min(WRITE_STEP_S, deadline.left_s))
            self._taken_bytes += taken
            rest = rest[taken:]
            self._moved_at = time.monotonic() if taken else self._moved_at
            self._show_stall(sense, stalls=self._stands(STALL_S))
        return len(rest)

    def _show_stall(self, before: Sense, *, stalls: bool) -> None:
        if stalls != self._talk.sense.held:
            self._talk.sense = Sense(held=True) if stalls else before
            self._publish()

    def _stands(self, seconds: float) -> bool:
        """Whether the printer has taken nothing for so long."""
        return time.monotonic() - self._moved_at > seconds

    def _unsent(self, deadline: Deadline) -> Completed:
        canceled = deadline.canceled.is_set()
        if self._stands(STUCK_S) and not self._line.held:
            self._lose("stalled")  # what the kernel holds of it must not come out later
        outcome = Outcome.UNKNOWN if self._taken_bytes else Outcome.NOT_PRINTED
        return self._ended(outcome, "canceled" if canceled else "stalled")

    def _confirm(self, deadline: Deadline, sent_bytes: int) -> Completed:
        """Wait for the printer's own word."""
        if not self._ways.barrier:
            return self._ended(Outcome.UNKNOWN, "no_barrier")
        self._talk.outwait_repeats(deadline)
        if not self._ask_barrier(deadline):
            return self._unsent(deadline)
        self._job = self._talk.asked
        if not self._cut_sent(deadline):
            return self._unsent(deadline)
        failed = self._await_word(deadline, self._ways.barrier_timeout_s + self._ways.wire_s(sent_bytes))
        for _ in range(ASKED_BEHIND_CUT):
            if failed is not None:
                return failed
            if not self._ask_behind_cut(deadline):
                return self._unsent(deadline)
            failed = self._await_word(deadline, self._ways.barrier_timeout_s)
        return failed or self._printed(deadline)

    def _cut_sent(self, deadline: Deadline) -> bool:
        if self._send(self._cut, deadline):
            return False
        self._cut = b""
        return True

    def _ask_behind_cut(self, deadline: Deadline) -> bool:
        """The slip was confirmed: ask once more, now that no answer is owed."""
        if not self._cut_sent(deadline) or not self._ask_barrier(deadline):
            return False
        self._job = self._talk.asked
        return True

    def _await_word(self, deadline: Deadline, patience_s: float) -> Completed | None:
        """Wait until the job's latest barrier is answered; how the job ended when it is not."""
        reason, stopped = "", False
        while (heard := self._talk.await_answers(self._job, deadline, patience_s)) != "answered":
            if heard == "strayed":
                if not self._ask_barrier(deadline):
                    return self._unsent(deadline)
                continue
            sense = self.look()
            reason = sense.fault or reason
            if deadline.over or not (sense.waits_for_hand or stopped or heard == "news"):
                silent = [] if sense.heard or sense.held else ["silent"]
                if silent and self._ways.asked and not deadline.over:
                    self._job = 0  # gone: what is heard from it later is no answer to this job
                return self._ended(Outcome.UNKNOWN, self._why(deadline, reason), *silent)
            # Stopped by paper or cover: wait for the hand that puts it right, then as long again as for a fresh job.
            stopped = sense.waits_for_hand
            patience_s = LOOK_AGAIN_S if stopped else self._ways.barrier_timeout_s
        self._hear_the_rest(deadline)
        return None

    def _why(self, deadline: Deadline, reason: str) -> str:
        return reason or ("canceled" if deadline.canceled.is_set() else "no_barrier")

    def _ask_barrier(self, deadline: Deadline) -> bool:
        if self._send(codec.BARRIER, deadline):
            return False
        self._talk.asked += 1
        return True

    def _printed(self, deadline: Deadline) -> Completed:
        """The barriers were answered; what the printer says now decides whether that can be believed."""
        sense = self.look()
        if self._ways.asked and not (sense.heard or sense.held):
            if deadline.over:
                return self._ended(Outcome.UNKNOWN, self._why(deadline, ""))
            self._job = 0  # what was heard may have been the last noise of a printer that is gone
            return self._ended(Outcome.UNKNOWN, "silent")
        if sense.fault not in ("", "stalled"):
            # Out of paper behind a whole job: the slip is there. Any other fault may have kept it in the printer.
            self._job = self._job if sense.fault == "paper_out" else 0
            return self._ended(Outcome.UNKNOWN, sense.fault)
        self._known(PrintResult(Outcome.PRINTED, key=self._key))
        return Completed(Completion.SUCCESS, self.end)

    def _ended(self, outcome: Outcome, reason: str, *more: str) -> Completed:
        self.end = PrintResult(outcome, (reason, *more), self._key)
        return ended(self.end)

    def _lose(self, error: str) -> None:
        """The next idle round hands the link to the supervisor for a fresh start."""
        self.lost = error
        self._line.abandon()

    # -- after an end that is not known --------------------------------------------------------------------------

    def _reach_known_state(self, deadline: Deadline) -> str:
        if self.lost:
            raise TryAgain(self.lost)
        sense = self.look()
        if sense.fault:
            return sense.fault
        if self._ways.asked and not sense.heard:
            return "silent"
        if self._printed_late(deadline):
            return ""
        if reason := self._flush(deadline):
            return reason
        if not self._ways.barrier:
            return self._cut_off(deadline)
        return self._prove(deadline) or ("" if self.clean else self._cut_off(deadline))

    def _printed_late(self, deadline: Deadline) -> bool:
        """Whether the job in doubt was only late: its barrier is answered now, and those behind its cut.

        Nothing but the job may have been asked for when its answer came: a printer that says everything twice answers
        a later question in its place.
        """
        if not self._job or self._talk.answered < self._talk.asked:
            return False
        for _ in range(ASKED_BEHIND_CUT):
            if not self._ask_behind_cut(deadline):
                return False
            if not self._answers(self._talk.asked, deadline, self._ways.barrier_timeout_s):
                return False
        return self._printed(deadline).ok

    def _was_late(self, deadline: Deadline) -> bool:
        """The same behind the flush; after ``LATE_S`` no answer is taken for the job's any more."""
        if not self._job:
            return False
        left_s = self._late_until - time.monotonic()
        if self._answers(self._talk.asked, deadline, left_s) and self._printed_late(deadline):
            return True
        if time.monotonic() >= self._late_until:
            self._job = 0
        return False

    def _flush(self, deadline: Deadline) -> str:
        """Once, and again when that was not enough: a picture whose head was damaged may want more dots.

        Each time twice as many, and after twice the time: a printer that only stands is not drowned.
        """
        if self._before_flush is None:
            # The process before this one may have asked for one answer that has not come yet.
            self._before_flush, self._flushes = self._talk.asked + (self.clean is None), 0
        elif time.monotonic() < self._flush_again_at:
            return ""
        times = 2 ** min(self._flushes, MOST_DOUBLINGS)
        flush = self._paper.flush_bytes
        if self._send(flush * times, deadline):
            return self._stuck()
        if not self._flushes:
            self._late_until = time.monotonic() + self._ways.wire_s(len(flush)) + LATE_S
        self._flushes += 1
        self._answer_s = self._ways.barrier_timeout_s + self._ways.wire_s(len(flush) * times)
        self._flush_again_at = time.monotonic() + self._ways.barrier_timeout_s * times
        return ""

    def _prove(self, deadline: Deadline) -> str:
        """Wait for an answer to a barrier behind the flush: so many that not all can belong to older ones.

        Barriers that a picture swallowed are never answered, late ones are, and no answer says which it is.
        """
        if self._was_late(deadline):
            return ""
        if self._job:
            return self.look().fault or IN_DOUBT
        while self._talk.answered <= (self._before_flush or 0):
            if not self._ask_barrier(deadline):
                return self._stuck()
            if not self._answers(self._talk.answered + 1, deadline, self._answer_s):
                return self.look().fault or IN_DOUBT
            self._hear_the_rest(deadline)
        return ""

    def _answers(self, count: int, deadline: Deadline, timeout_s: float) -> bool:
        """Whether so many barriers have been answered in time, whatever else the printer tells meanwhile."""
        while (heard := self._talk.await_answers(count, deadline, timeout_s)) in ("news", "strayed"):
            if heard == "strayed" and not self._ask_barrier(deadline):
                return False
        return heard == "answered"

    def _hear_the_rest(self, deadline: Deadline) -> None:
        while self._talk.answered < self._talk.asked:
            if self._talk.await_answers(self._talk.answered + 1, deadline, QUIET_S) == "late":
                return

    def _cut_off(self, deadline: Deadline) -> str:
        """Part what may hang on the paper from the next slip."""
        self._talk.asked = self._talk.answered = 0
        self._job, self._before_flush = 0, None
        if self._send(self._paper.compose(PrintJob((Cut(),))), deadline):
            return self._stuck()
        if self._ways.barrier:
            if not self._ask_barrier(deadline):
                return self._stuck()
            answers = self._answers(1, deadline, self._ways.barrier_timeout_s)
            sense = self.look()
            if not answers or sense.fault:
                return sense.fault or IN_DOUBT
        self._known(self.end)
        return ""

    def _stuck(self) -> str:
        if self._line.held:
            return "stalled"
        if self._stands(STUCK_S):
            self._lose("stalled")
        return IN_DOUBT

    def _known(self, end: PrintResult) -> None:
        self._talk.asked = self._talk.answered = 0
        self._job, self._before_flush = 0, None
        self.clean, self.end, self.trouble = True, end, ""


def ended(result: PrintResult) -> Completed:
    """A completion that is not success; its first reason is its error."""
    reason = result.reasons[0]
    return Completed(_CODES.get(reason, Completion.DEVICE_NOT_READY), result, error=reason)


_CODES = {
    "canceled": Completion.CANCELED,
    "timeOut": Completion.TIME_OUT,
    "no_barrier": Completion.TIME_OUT,
    "stalled": Completion.TIME_OUT,
    "bad_job": Completion.INVALID_DATA,
    "jammed": Completion.HARDWARE_ERROR,
    "printer_error": Completion.HARDWARE_ERROR,
}
