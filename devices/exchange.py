"""Questions and answers on a line whose frames carry no number: what comes late belongs to no later question."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from devices.contract import Deadline, TryAgain
from devices.transport import MANY_PIECES, Transport

Frame = TypeVar("Frame")

LONGEST_INPUT = 64 * 1024


class Exchange(Generic[Frame]):
    """``take`` cuts the next sound frame off the front of what was heard (None while there is none yet).

    ``answer_s`` is how long an answer may take. One that has not come by then may still come: before the next question
    the line is listened to until it has been quiet for ``quiet_s``, at most ``late_s``.
    """

    def __init__(
        self,
        transport: Transport,
        take: Callable[[bytearray], Frame | None],
        *,
        answer_s: float,
        late_s: float = 2.0,
        quiet_s: float = 0.05,
        unasked: Callable[[Frame], None] = lambda _: None,
    ) -> None:
        self._transport, self._take, self._unasked = transport, take, unasked
        self._answer_s, self._late_s, self._quiet_s = answer_s, late_s, quiet_s
        self._heard = bytearray()
        self._owed_until = 0.0

    def open(self) -> None:
        """Open the line; an earlier opening's answers are forgotten."""
        self._transport.open()
        self._heard.clear()

    def close(self) -> None:
        """Close the line."""
        self._transport.close()

    def ask(self, question: bytes, is_answer: Callable[[Frame], bool], deadline: Deadline) -> Frame:
        """Send and wait for the frame that answers. TryAgain ``silent``, or ``garbled`` when something else came."""
        self.settle()
        self._transport.write(question)
        return self.hear(is_answer, deadline)

    def hear(self, is_answer: Callable[[Frame], bool], deadline: Deadline) -> Frame:
        """Wait for this frame; any other is unasked for."""
        ends, anything = time.monotonic() + min(self._answer_s, max(deadline.left_s, 0.1)), False
        while (left_s := ends - time.monotonic()) > 0:
            while (frame := self._take(self._heard)) is not None:
                if is_answer(frame):
                    return frame
                self._unasked(frame)
            anything = self._keep(self._transport.read_some(min(left_s, 0.1))) or anything
        self._owed_until = time.monotonic() + self._late_s
        raise TryAgain("garbled" if anything else "silent", "no sound answer in time")

    def settle(self) -> None:
        """Take in what has come unasked; after a question that was not answered, let its late answer pass.

        TryAgain ``garbled`` when the line does not fall silent.
        """
        now = time.monotonic()
        owed, ends = now < self._owed_until, max(now, self._owed_until) + self._late_s
        while time.monotonic() < self._owed_until and not self._keep(self._transport.read_some(self._quiet_s)):
            pass
        pieces = 0
        while self._keep(self._transport.read_some(self._quiet_s if owed else 0.0)):
            pieces += 1
            # Not by the clock alone: this process may have stood still meanwhile.
            if pieces > MANY_PIECES and time.monotonic() > ends:
                raise TryAgain("garbled", "it talks without end")
        self._owed_until = 0.0
        while (frame := self._take(self._heard)) is not None:
            self._unasked(frame)
        self._heard.clear()

    def _keep(self, data: bytes) -> bool:
        self._heard += data
        del self._heard[:-LONGEST_INPUT]
        return bool(data)
