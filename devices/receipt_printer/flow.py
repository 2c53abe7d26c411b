"""The line to the printer with its flow control: nothing leaves while the printer says that its buffer is full.

The kernel's own IXON would hide from us that the printer has stopped, stops USB adapters late and knows no TCP. So the
printer's word is heard here, and what leaves is paced by the line's speed: what the kernel has taken already cannot be
called back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from devices.contract import TryAgain
from devices.receipt_printer.link import Link

Flow = Literal["none", "xonxoff", "rtscts", "dsrdtr"]

XON, XOFF = 0x11, 0x13
MODEM_LINES = ("rtscts", "dsrdtr")
PACED_BYTES = 64
"""Printers say XOFF while they have room for hundreds of bytes; one piece of this size may follow it."""

BITS_PER_BYTE = 10
WRITE_TIMEOUT_S = 1.0
LISTEN_S = 0.1
LOOK_AT_LINES_S = 0.01


class Line:
    """A link that obeys the printer's flow control. XON and XOFF are never among what it reads."""

    def __init__(self, link: Link, flow: Flow, baudrate: int) -> None:
        self._link, self._flow = link, flow
        self._byte_s = BITS_PER_BYTE / baudrate
        self._came = b""
        self._off = False
        self._free_at = 0.0
        self._held_since: float | None = None

    def open(self) -> None:
        """Open afresh; a line that was just opened is taken to be free until the printer says otherwise."""
        self._came, self._off, self._held_since = b"", False, None
        self._link.open()

    def close(self) -> None:
        """Close; never raises."""
        self._link.close()

    def abandon(self) -> None:
        """Close and drop what has not left yet; never raises."""
        self._link.abandon()

    @property
    def held(self) -> bool:
        """Whether the printer does not want to be sent anything now."""
        held = self._off or (self._flow in MODEM_LINES and not self._link.may_send(self._flow))
        self._held_since = (self._held_since or time.monotonic()) if held else None
        return held

    def lacks_xon(self, longest_s: float) -> bool:
        """Whether XOFF has held the line for so long that the XON behind it must have been lost."""
        return self._off and self.held and time.monotonic() - (self._held_since or 0.0) > longest_s

    def await_free(self, longest_s: float, given_up: Callable[[], bool]) -> bool:
        """Whether the line is free, or gets free before it has been held for ``longest_s`` seconds."""
        while self.held:
            left_s = (self._held_since or 0.0) + longest_s - time.monotonic()
            if left_s <= 0 or given_up():
                return False
            self._listen(min(left_s, self._step_s))
        return True

    def read_some(self, timeout_s: float) -> bytes:
        """See ``Transport``; may also return ``b""`` early, when only XON or XOFF came."""
        if not self._came:
            self._listen(timeout_s)
        came, self._came = self._came, b""
        return came

    def write_some(self, data: bytes, timeout_s: float) -> int:
        """See ``Link``; 0 also when the printer holds the line."""
        if self._flow == "none":
            return self._link.write_some(data, timeout_s)
        ends = time.monotonic() + timeout_s
        self._listen(0.0)
        while self.held or time.monotonic() < self._free_at:
            left_s = ends - time.monotonic()
            if left_s <= 0:
                return 0
            self._listen(min(left_s, self._step_s))
        taken = self._link.write_some(data[:PACED_BYTES], max(0.0, ends - time.monotonic()))
        self._free_at = time.monotonic() + taken * self._byte_s
        return taken

    def write(self, data: bytes) -> bool:
        """A short command as a whole; False when the printer holds the line and nothing was sent."""
        rest, ends = data, time.monotonic() + WRITE_TIMEOUT_S
        while rest:
            rest = rest[self.write_some(rest, 0.1) :]
            if rest == data and self.held:
                return False
            if rest and time.monotonic() > ends:
                raise TryAgain("write_timeout", "the printer takes no bytes")
        return True

    @property
    def _step_s(self) -> float:
        paced_s = max(0.0, self._free_at - time.monotonic())
        if self._flow == "xonxoff":
            return paced_s or LISTEN_S
        return min(paced_s, LOOK_AT_LINES_S) or LOOK_AT_LINES_S

    def _listen(self, timeout_s: float) -> None:
        data = self._link.read_some(timeout_s)
        if self._flow == "xonxoff":
            said = [byte for byte in data if byte in (XON, XOFF)]
            self._off = said[-1] == XOFF if said else self._off
        self._came += data.translate(None, bytes((XON, XOFF)))
