"""One question, one answer: the exchange of frames with the SAM module over a transport."""

from __future__ import annotations

import time

from devices.contract import Deadline, TryAgain
from devices.id_card_reader.codec import HARD_STOP_S, Command, Decoder, Frame, encode
from devices.transport import SerialTransport

GAP_S = 0.25
"""Silence that ends an answer which had begun: far above the pauses of USB and of busy machines."""

SLICE_S = 0.1
"""How soon a cancellation is noticed while waiting."""

MAX_UNANSWERED = 3


class SamModule:
    """The module on a serial port. Not for several threads: it answers one command at a time."""

    def __init__(self, port: str, baudrate: int) -> None:
        self._transport = SerialTransport(port, baudrate)
        self._decoder = Decoder()
        self._unanswered = 0
        self._owes_answer = False
        self.heard = False
        self.asked_at = 0.0
        """When the last command was on its way, monotonic."""

    @property
    def baudrate(self) -> int:
        """The speed of the host's side."""
        return self._transport.baudrate

    def open(self, baudrate: int) -> None:
        """Open the port at a speed; ``TryAgain`` when that fails."""
        self._transport.baudrate = baudrate
        self._transport.open()
        self._unanswered, self._owes_answer = 0, False

    def close(self) -> None:
        """Close the port and erase the buffer; never raises."""
        self._transport.close()
        self._decoder.reset()

    def check_line(self) -> None:
        """``TryAgain`` when the port has gone. Anything the module said unasked is dropped."""
        self._transport.read_some(0.0)

    def ask(self, command: Command, deadline: Deadline, timeout_s: float | None = None) -> Frame | None:
        """Send ``command``; returns its answer, good or not, or None when none came whole.

        ``heard`` tells then whether any byte came. ``TryAgain("silent")`` when several commands in a row got no byte.
        """
        if self._owes_answer:
            self._let_pass()
        self._transport.reset_input()
        self._decoder.reset()
        self._transport.write(encode(command.cmd, command.para))
        self.asked_at = time.monotonic()
        try:
            frame = self._answer(command, deadline, timeout_s or command.timeout_s)
        finally:
            self._decoder.reset()
        self._unanswered = 0 if self.heard or self._owes_answer else self._unanswered + 1
        if self._unanswered >= MAX_UNANSWERED:
            raise TryAgain("silent", "the reader does not answer")
        return frame

    def _answer(self, command: Command, deadline: Deadline, timeout_s: float) -> Frame | None:
        started = last = time.monotonic()
        count = 0
        self.heard = False
        while True:
            now = time.monotonic()
            ends = started + (max(timeout_s, HARD_STOP_S) if count else timeout_s)
            if self._is_broken_off(command, count):
                ends = min(ends, last + GAP_S)
            if now >= ends:
                return self._chosen(command, self._decoder.stalled())
            # Short commands are answered in a moment: waiting for that keeps question and answer in step.
            if deadline.over and command.timeout_s > 1.0:
                self._owes_answer = True
                return None
            data = self._transport.read_some(min(ends - now, SLICE_S))
            if data:
                last, count, self.heard = time.monotonic(), count + len(data), True
                frames = self._decoder.feed(data)
                if any(frame.timed_out for frame in frames):
                    return None
                if (frame := self._chosen(command, frames)) is not None:
                    return frame

    def _is_broken_off(self, command: Command, count: int) -> bool:
        """Whether silence now would mean the end: noise alone may still be followed by the answer."""
        answer_bytes = max(command.lengths) + 11
        return self._decoder.inside_frame or self._decoder.damaged > 0 or count >= answer_bytes // 2

    def _chosen(self, command: Command, frames: list[Frame]) -> Frame | None:
        return next((frame for frame in frames if command.fits(frame)), None)

    def _let_pass(self) -> None:
        """Let the answer to an abandoned command go by, so that it is not taken for the next one's."""
        self._owes_answer = False
        ends = time.monotonic() + HARD_STOP_S
        patience_s = 1.0
        while time.monotonic() < ends and self._transport.read_some(patience_s):
            patience_s = GAP_S
