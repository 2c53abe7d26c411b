"""Questions to the printer and what came back: status requests, automatic status, barrier answers, stray bytes.

Answers to DLE EOT 1 to 4 all look alike, so a question is asked only while no answer can be under way, and a round of
questions counts only if exactly its answers came. An answer after its time-out belongs to no question.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import Literal

from devices.contract import Deadline
from devices.receipt_printer.codec import AUTO_STATUS_ON, status_request
from devices.receipt_printer.flow import Line
from devices.receipt_printer.hearing import Ear
from devices.receipt_printer.status import Sense, from_auto_status, with_dle_reply
from devices.transport import let_pass

Mode = Literal["dle", "asb", "none"]
Heard = Literal["answered", "strayed", "news", "late"]

STEP_S = 0.1
HELD_S = 2.0
"""A line that is held for less is a printer at work."""

STRAY_S = 0.015
"""How long after an answer a stray or doubled byte betrays itself, unless this printer was found to take longer."""

PIECES_S = 0.1
"""How long after an answer the rest of an automatic state betrays itself, whose first byte the line has lost."""

REPEAT_S = 1.0
"""A printer that says its answers twice says the second one within this time of the first."""

SILENCE_S, LONGEST_SILENCE_S = 1.0, 4.0
"""After an answer that did not come in time the line must be silent this long, and longer after each late one."""

RESTLESS_S = 10.0
ASK_TIMES = 2
"""A round of questions that went astray is asked once more."""

MUTE_AFTER = 2
"""DLE EOT 2 to 4 that have never been answered are asked so often; each costs a time-out and a silence."""


class Talk:
    """One printer's conversation. ``sense`` is the latest word.

    ``asked`` and ``answered`` count barriers: they are answered in order, so the difference is what is owed.
    """

    def __init__(self, line: Line, mode: Mode, timeout_s: float) -> None:
        self._line, self._mode, self._timeout_s = line, mode, timeout_s
        self._ear = Ear()
        self._silence_s = max(SILENCE_S, 4 * timeout_s)
        self._restless = False
        self._stray_s, self._doubled = STRAY_S, False
        self._replies, self._noise = bytearray(), 0
        self._answer, self._answered_at, self._pieces = b"", -REPEAT_S, 0
        self._spoken: set[int] = set()
        self._silent: Counter[int] = Counter()
        self.asked = self.answered = 0
        self.sense = Sense()
        self.deadline = Deadline(0.0)
        """Of the command for which is asked: a canceled one must end at once."""

    def start(self) -> None:
        """A fresh connection: nothing said before counts."""
        let_pass(self._line.read_some)
        self._ear.forget()
        self._silent.clear()
        self.sense = Sense()

    def look(self) -> Sense:
        """Ask for the state now. Without ``dle`` or ``asb`` nothing is asked and all stays unknown."""
        self.drain()
        if not self._line.await_free(HELD_S, self.deadline.canceled.is_set):
            self.sense = replace(self.sense if self._mode == "asb" else Sense(), held=True)
        elif self._mode == "dle":
            self.sense = self._ask_all()
        elif self._mode == "asb":
            self._ask_auto()
        else:
            self.sense = Sense()
        return self.sense

    def drain(self) -> None:
        """Sort what has come unasked, so that it is not taken for the answer to the next question.

        Raises TryAgain of a printer that talks without end.
        """
        let_pass(self._line.read_some, self._sort)
        if self._replies:
            self._came_late()
        self._replies.clear()
        self._noise = 0

    def outwait_repeats(self, deadline: Deadline) -> None:
        """Before a job's barrier: what came or still comes once more for an earlier job is not the answer to it."""
        while not deadline.over and (left_s := self._answered_at + REPEAT_S - time.monotonic()) > 0:
            self._hear(min(STEP_S, left_s))
        self.drain()

    def await_answers(self, count: int, deadline: Deadline, timeout_s: float) -> Heard:
        """Wait until ``count`` barriers have been answered, the printer told a new state by itself, or too long.

        ``strayed``: something came that may have been a piece of an automatic state, and counts as no answer.
        """
        ends, before = time.monotonic() + timeout_s, self.sense
        while self.answered < count:
            if self.sense != before:
                return "news"
            left_s = ends - time.monotonic()
            if deadline.over or left_s <= 0:
                return "late"
            self._hear(min(STEP_S, left_s))
        if not self._pieces_come(deadline):
            return "answered"
        self._pieces, self.answered = 0, count - 1
        return "strayed"

    def _pieces_come(self, deadline: Deadline) -> bool:
        """Whether pieces of an automatic state lie beside the answer, each of which looks like one; hears all of them.

        The same byte once more is a printer's that says everything twice.
        """
        ends, known = time.monotonic() + PIECES_S, self._pieces
        while (left_s := ends - time.monotonic()) > 0 and not deadline.over:
            self._hear(min(STEP_S, left_s))
            if self._pieces > known:
                ends, known = time.monotonic() + PIECES_S, self._pieces
        return known > 1

    # -- DLE EOT -------------------------------------------------------------------------------------------------

    def _ask_all(self) -> Sense:
        for turn in range(ASK_TIMES):
            if self._restless and ((turn and self.deadline.over) or not self._silence_comes()):
                break
            self._stray_s = self._timeout_s if turn or self._doubled else STRAY_S
            sense = self._ask_round()
            if sense is not None:
                return sense
            self._restless = True
        return Sense()

    def _ask_round(self) -> Sense | None:
        """One round of questions; None when a byte too many or too few came: all may be shifted by one.

        A printer that says all of its answers twice is understood: the second ones are waited for.
        """
        sense, slowest_s = Sense(), 0.0
        self._doubled = False
        for n in (1, 2, 3, 4):
            if self._silent[n] >= MUTE_AFTER:
                continue
            began = time.monotonic()
            reply = self._ask(n)
            if reply is None:
                return None
            if reply:
                slowest_s = max(slowest_s, time.monotonic() - began)
                sense = with_dle_reply(sense, n, reply[0])
                self._spoken.add(n)
            elif n == 1 or n in self._spoken or not self._is_silent(self._silence_s):
                return None
            else:
                self._silent[n] += 1  # 2 to 4 may be silent
        return sense if self._is_silent(max(STRAY_S, 2 * slowest_s)) else None

    def _ask(self, n: int) -> bytes | None:
        """The answer to DLE EOT ``n``, ``b""`` when none came in time, None when other bytes came or it is held."""
        self.drain()
        if self._restless or not self._line.write(status_request(n)):
            return None
        ends = time.monotonic() + self._timeout_s
        while not self._replies and not self._noise and (left_s := ends - time.monotonic()) > 0:
            self._hear(min(STEP_S, left_s))
        if not self._replies and not self._noise:
            return b""
        self._hear(self._stray_s)
        replies = bytes(self._replies)
        self._replies.clear()
        self._doubled = self._doubled or len(replies) > 1
        return replies[:1] if len(set(replies)) == 1 and not self._noise else None

    def _is_silent(self, seconds: float) -> bool:
        """Whether nothing but automatic states and barrier answers comes for so long."""
        ends = time.monotonic() + seconds
        while not self._replies and not self._noise and not self.deadline.canceled.is_set():
            left_s = ends - time.monotonic()
            if left_s <= 0:
                return True
            self._hear(min(STEP_S, left_s))
        return False

    def _silence_comes(self) -> bool:
        """Wait until no answer can be under way any more; False for a printer that never stops talking."""
        ends = time.monotonic() + RESTLESS_S
        while not self._is_silent(self._silence_s):
            self.drain()
            if time.monotonic() > ends or self.deadline.canceled.is_set():
                return False
        self._restless = False
        return True

    def _came_late(self) -> None:
        self._restless = True
        self._silence_s = min(LONGEST_SILENCE_S, 2 * self._silence_s)

    # -- GS a ----------------------------------------------------------------------------------------------------

    def _ask_auto(self) -> None:
        """``GS a`` is answered at once with the state; one that has stopped is silent, its last word holds.

        Behind a job that is under way it would only be answered after it: there the printer speaks by itself.
        """
        if self.asked > self.answered and self.sense.heard:
            self.sense = replace(self.sense, held=False)
            return
        before = self.sense
        self.sense = Sense()
        self._line.write(AUTO_STATUS_ON)
        ends = time.monotonic() + self._timeout_s
        while not self.sense.heard and (left_s := ends - time.monotonic()) > 0:
            self._hear(left_s)
        if not self.sense.heard and before.fault:
            self.sense = replace(before, held=False)

    # -- all that comes ------------------------------------------------------------------------------------------

    def _hear(self, timeout_s: float) -> None:
        self._sort(self._line.read_some(timeout_s))

    def _sort(self, data: bytes) -> None:
        for kind, word in self._ear.sort(data):
            if kind == "dle":
                self._replies += word
            elif kind == "auto":
                self.sense = from_auto_status(word) if self._mode == "asb" else self.sense
            elif kind == "barrier" and self.answered < self.asked:
                self.answered, self._answer, self._answered_at = self.answered + 1, word, time.monotonic()
            else:
                self._noise += 1
                self._pieces += {"barrier": 1 if word == self._answer else 2, "torn": 2}.get(kind, 0)
