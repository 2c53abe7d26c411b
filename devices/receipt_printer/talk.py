"""Questions to the printer and what came back: status requests, automatic status, barrier answers, stray bytes.

One stream carries them all, so every byte that comes in is sorted here by its fixed bits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from devices.contract import Deadline
from devices.receipt_printer.codec import AUTO_STATUS_ON, BARRIER, status_request
from devices.receipt_printer.link import Link
from devices.receipt_printer.status import (
    Sense,
    from_auto_status,
    is_auto_status_start,
    is_barrier_reply,
    is_dle_reply,
    with_dle_reply,
)

QUIET_S = 0.3
STEP_S = 0.1
STRAY_S = 0.03
"""How long after the last answer a stray byte betrays itself."""

ASK_TIMES = 2
"""An answer that is damaged or comes with stray bytes is asked for once more, as is DLE EOT 1 when it is silent."""

XON_XOFF = b"\x11\x13"


class Talk:
    """One printer's conversation. ``owed`` counts barriers without an answer yet; ``sense`` is the latest word."""

    def __init__(self, link: Link, mode: str, timeout_s: float) -> None:
        self._link, self._mode, self._timeout_s = link, mode, timeout_s
        self._packet = bytearray()
        self.owed = 0
        self.sense = Sense()

    def start(self) -> None:
        """A fresh connection: nothing said before counts."""
        self._packet.clear()
        self.sense = Sense()
        self._link.reset_input()

    def look(self) -> Sense:
        """Ask for the state now. Without ``dle`` or ``asb`` nothing is asked and all stays unknown."""
        self.drain()
        if self._mode == "dle":
            self.sense = self._ask_all()
        elif self._mode == "asb":
            self._ask_auto()
        return self.sense

    def drain(self) -> None:
        """Sort what has come unasked, so that it is not taken for the answer to the next question."""
        while self._sort(self._link.read_some(0.0)):
            pass

    def await_barrier(self, deadline: Deadline, timeout_s: float) -> bool:
        """Whether the last barrier was answered within ``timeout_s`` and ``deadline``."""
        ends = time.monotonic() + timeout_s
        while self.owed and not deadline.over and time.monotonic() < ends:
            self._sort(self._link.read_some(min(STEP_S, max(0.0, ends - time.monotonic()))))
        return not self.owed

    def settle(self, deadline: Deadline, timeout_s: float) -> None:
        """Before a new job: let the answers that are owed for older ones arrive, so that none is taken for its own.

        One more barrier is sent; a printer that answers none of them in time is not going to.
        """
        if self.look().fault:
            return
        self._link.write(BARRIER)
        self.owed += 1
        asked = self.owed
        ends = time.monotonic() + timeout_s
        while self.owed and not deadline.over and time.monotonic() < ends:
            if not self._sort(self._link.read_some(QUIET_S)) and self.owed < asked:
                break
        if not deadline.over:
            self.owed = 0

    def _ask_all(self) -> Sense:
        """One round of questions; again if a byte too many came: all may be shifted by one."""
        for _ in range(ASK_TIMES):
            sense = self._ask_round()
            if not sense.heard or not self._without_barrier(self._link.read_some(STRAY_S)):
                return sense
        return Sense()

    def _ask_round(self) -> Sense:
        first = self._ask(1)
        if first is None:
            return Sense()
        sense = with_dle_reply(Sense(), 1, first)
        for n in (2, 3, 4):
            byte = self._ask(n)
            if byte is not None:
                sense = with_dle_reply(sense, n, byte)
        return sense

    def _ask(self, n: int) -> int | None:
        """The one byte that answers DLE EOT ``n``; None when silent, damaged, or when it cannot be told which it is."""
        for _ in range(ASK_TIMES):
            self.drain()
            self._link.write(status_request(n))
            answers = list(self._answers())
            if not answers and n != 1:  # 2 to 4 may be silent
                return None
            if len(answers) == 1 and is_dle_reply(answers[0]):
                return answers[0]
        return None

    def _answers(self) -> Iterator[int]:
        """Bytes up to the first that is no barrier answer, and whatever stands behind it already."""
        ends = time.monotonic() + self._timeout_s
        while (left_s := ends - time.monotonic()) > 0:
            data = self._without_barrier(self._link.read_some(left_s))
            if data:
                yield from data
                return

    def _without_barrier(self, data: bytes) -> bytes:
        rest = bytearray()
        for byte in data:
            if self.owed and is_barrier_reply(byte):
                self.owed -= 1
            elif byte not in XON_XOFF:
                rest.append(byte)
        return bytes(rest)

    def _ask_auto(self) -> None:
        """``GS a`` is answered at once with the state; one that has stopped is silent, its last word holds."""
        before = self.sense
        self.sense = Sense()
        self._link.write(AUTO_STATUS_ON)
        ends = time.monotonic() + self._timeout_s
        while not self.sense.heard and time.monotonic() < ends:
            self._sort(self._link.read_some(max(0.0, ends - time.monotonic())))
        if not self.sense.heard and before.fault:
            self.sense = before

    def _sort(self, data: bytes) -> bool:
        for byte in data:
            if self._packet and not is_barrier_reply(byte):
                self._packet.clear()
            if self._packet:
                self._packet.append(byte)
                if len(self._packet) == 4:
                    self.sense = from_auto_status(bytes(self._packet))
                    self._packet.clear()
            elif self._mode == "asb" and is_auto_status_start(byte):
                self._packet.append(byte)
            elif self.owed and is_barrier_reply(byte):
                self.owed -= 1
        return bool(data)
