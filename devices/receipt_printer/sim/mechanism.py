"""The emulated printer's mechanics: paper, cover, errors, its answers, its input buffer."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from devices.receipt_printer.sim.interpreter import LF_DOTS, Interpreter
from devices.receipt_printer.sim.paper import NoPaper, PaperRoll

DOTS_PER_MM = 8
ERRORS = {"cutter": 0x08, "fatal": 0x20, "recoverable": 0x40}
PAPERS = ("full", "low", "out")
PIECE_BYTES = 32
XON, XOFF = b"\x11", b"\x13"
XOFF_ROOM, XON_ROOM = 256, 1024
"""Less room than this and it says XOFF; as much again and it says XON."""
ON_THE_WAY_BYTES = 4096
"""What a computer's line may hold that left before XOFF could be heard. A printer hears each byte as it comes and
says XOFF at that byte; this one is a process that may be late, and nobody else is to blame for that."""


class SwitchedOff(Exception):
    """Power or a clear-buffer command ends what is under way."""


class PrinterMechanism:
    """A printer behind any wire: ``receive`` takes what came in, ``reply`` is called with what goes out.

    Real-time commands are executed as they come in, even while the mechanism stands and, as real printers do, even
    inside picture data (``real_time_in_data`` off makes it a printer that knows better). With ``flow`` it says XOFF
    and XON, and loses what comes all the same and does not fit.
    """

    def __init__(
        self,
        reply: Callable[[bytes], None],
        *,
        slips: Path,
        dots: int = 576,
        columns: int = 48,
        encoding: str = "gb18030",
        mm_per_s: float = 150.0,
        buffer_bytes: int = 65536,
        answers: str = "all",
        barrier: bool = True,
        real_time_in_data: bool = True,
        flow: str = "none",
    ) -> None:
        self._reply, self._slips, self._encoding = reply, slips, encoding
        self._dots, self._columns = dots, columns
        self.mm_per_s, self._buffer_bytes = mm_per_s, buffer_bytes
        self._answers, self._barrier, self._real_time_in_data = answers, barrier, real_time_in_data
        self.paper, self.cover_open, self.error = "full", False, ""
        self.out_after_lines: int | None = None
        self._dots_to_line = 0
        self.silent = False
        self._flow, self._off = flow, False
        self._on_the_way = self._spare = 0
        self._changed = threading.Condition()
        self._buffer: deque[int] = deque()
        self._auto_mask, self._pending, self._generation = 0, bytearray(), 0
        self.slips: list[dict[str, Any]] = []
        self.counts = dict.fromkeys(
            ("bytes", "real_time", "real_time_in_data", "lines", "cuts", "lost_bytes", "bytes_after_xoff"), 0
        )
        self.unknown: dict[str, int] = {}
        slips.mkdir(parents=True, exist_ok=True)
        self._number = max((int(p.stem[5:]) for p in slips.glob("slip-[0-9]*.png")), default=0)
        self._switch_on()
        threading.Thread(target=self._work, name="mechanism", daemon=True).start()

    # -- the wire side -------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Bytes that the input buffer still takes; a printer with flow control does not wait to be asked."""
        return self._buffer_bytes if self._flow != "none" else self._free_bytes

    @property
    def _free_bytes(self) -> int:
        return max(0, self._buffer_bytes + self._spare - len(self._buffer))

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        self.counts["bytes"] += len(data)
        for at in range(0, len(data), PIECE_BYTES):
            self._receive_piece(data[at : at + PIECE_BYTES])

    def line_is_empty(self) -> None:
        """Nothing is on the way any more: what comes from now on left after XOFF was said."""
        self._on_the_way = 0

    def _receive_piece(self, piece: bytes) -> None:
        if self._off:
            before = min(len(piece), self._on_the_way)
            self._on_the_way -= before
            self._spare += before
            self.counts["bytes_after_xoff"] += len(piece) - before
        fits = piece[: self._free_bytes]
        self.counts["lost_bytes"] += len(piece) - len(fits)
        for byte in fits:
            in_data = self._tracker.in_data
            self._tracker.feed(byte)
            if self._real_time_in_data or not in_data:
                self._watch_real_time(byte, in_data=in_data)
        with self._changed:
            self._buffer.extend(fits)
            self._changed.notify_all()
            self._hold_or_free()

    def _hold_or_free(self) -> None:
        if self._flow != "xonxoff":
            return
        if not self._off and self._free_bytes < XOFF_ROOM:
            self._off, self._on_the_way = True, ON_THE_WAY_BYTES
            self._reply(XOFF)
        elif self._off and self._free_bytes >= XON_ROOM:
            self._off, self._spare = False, 0
            self._reply(XON)

    def _watch_real_time(self, byte: int, *, in_data: bool) -> None:
        self._pending.append(byte)
        if self._pending[0] != 0x10 or (len(self._pending) > 1 and self._pending[1] not in (0x04, 0x05)):
            self._pending[:] = b"\x10" if byte == 0x10 else b""
        elif len(self._pending) == 3:
            _, command, n = self._pending
            self._pending.clear()
            self.counts["real_time"] += 1
            self.counts["real_time_in_data"] += in_data
            self._answer_status(n) if command == 0x04 else self._recover(n)

    def _answer_status(self, n: int) -> None:
        asked_for = {"all": "1234", "none": ""}.get(self._answers, self._answers)
        if n in (1, 2, 3, 4) and str(n) in asked_for:
            self.say(bytes((self.status_byte(n),)))

    def say(self, data: bytes) -> None:
        """Answer the host, unless told to be silent."""
        if not self.silent:
            self._reply(data)

    # -- state ---------------------------------------------------------------------------------------------------

    @property
    def stands(self) -> bool:
        """Whether the mechanism must not move."""
        return self.paper == "out" or self.cover_open or bool(self.error)

    def status_byte(self, n: int) -> int:
        """The answer to DLE EOT ``n``: 0x12 and the bits of the state."""
        bits = 0x12
        if n == 1:
            bits |= 0x08 if self.stands else 0
        elif n == 2:
            bits |= (
                (0x04 if self.cover_open else 0) | (0x20 if self.paper == "out" else 0) | (0x40 if self.error else 0)
            )
        elif n == 3:
            bits |= ERRORS.get(self.error, 0)
        elif n == 4:
            bits |= {"full": 0, "low": 0x0C, "out": 0x6C}[self.paper]
        return bits

    def paper_status(self) -> int:
        """The answer to GS r 1."""
        return {"full": 0, "low": 0x03, "out": 0x0F}[self.paper]

    def auto_status(self, mask: int) -> None:
        """GS a: switch, and tell the state at once."""
        self._auto_mask = mask
        self._tell()

    def set(self, **state: Any) -> None:
        """Change paper, cover, error or ``out_after_lines``; an automatic status goes out if one was asked for."""
        with self._changed:
            for name, value in state.items():
                setattr(self, name, value)
            self._changed.notify_all()
        self._tell()

    def _tell(self) -> None:
        if self._auto_mask:
            first = 0x10 | (0x08 if self.stands else 0) | (0x20 if self.cover_open else 0)
            self.say(bytes((first, ERRORS.get(self.error, 0), self.paper_status(), 0)))

    def _recover(self, n: int) -> None:
        """DLE ENQ: 1 go on after an error, 2 forget what is in the buffer."""
        if self.error in ("cutter", "recoverable"):
            self.set(error="")
        if n == 2:
            self.clear()

    def clear(self) -> None:
        """Forget everything received and the slip that was begun (power, DLE ENQ 2)."""
        with self._changed:
            self._generation += 1
            self._buffer.clear()
            self._changed.notify_all()
            self._hold_or_free()

    def forget(self) -> None:
        """Clear, and count from nothing again."""
        self.clear()
        self.slips.clear()
        self.unknown.clear()
        self.counts.update(dict.fromkeys(self.counts, 0))

    def snapshot(self) -> Mapping[str, Any]:
        """The whole state, for the control socket."""
        return {
            "paper": self.paper,
            "cover": "open" if self.cover_open else "closed",
            "error": self.error,
            "out_after": self.out_after_lines,
            "silent": self.silent,
            "mm_per_s": self.mm_per_s,
            "buffered_bytes": len(self._buffer),
            "standing": self.stands,
            "xoff": self._off,
            "slips": len(self.slips),
            "unfinished": self.page.begun,
            "unknown_commands": self.unknown,
            "garbled_characters": self.page.garbled,
            **self.counts,
        }

    # -- the mechanism side --------------------------------------------------------------------------------------

    def advance(self, dots: int) -> None:
        """Move the paper at the printer's speed; stands while it must."""
        self._stand()
        if self.mm_per_s:
            time.sleep(dots / DOTS_PER_MM / self.mm_per_s)
        self._dots_to_line += dots
        lines, self._dots_to_line = divmod(self._dots_to_line, LF_DOTS)
        self.counts["lines"] += lines
        if self.out_after_lines is not None:
            left = self.out_after_lines - lines
            self.set(**({"out_after_lines": left} if left > 0 else {"out_after_lines": None, "paper": "out"}))

    def cut(self) -> None:
        """Cut."""
        self._stand()
        self.counts["cuts"] += 1

    def _stand(self) -> None:
        with self._changed:
            generation = self._generation
            while self.stands and generation == self._generation:
                self._changed.wait()
            if generation != self._generation:
                raise SwitchedOff

    def _switch_on(self) -> None:
        self.page = PaperRoll(dots=self._dots, columns=self._columns, on_slip=self._keep)
        self._interpreter = Interpreter(self.page, self, self._in_order, encoding=self._encoding)
        self._interpreter.unknown = self.unknown
        self._tracker = Interpreter(NoPaper(), _Still(), lambda _: None, encoding=self._encoding)
        self._auto_mask = 0

    def _in_order(self, data: bytes) -> None:
        """Answers of commands that are executed in order (GS r, GS I)."""
        if self._barrier:
            self.say(data)

    def _work(self) -> None:
        generation = self._generation
        while True:
            with self._changed:
                while not self._buffer and generation == self._generation:
                    self._changed.wait()
                if generation != self._generation:
                    generation = self._generation
                    self._switch_on()
                    continue
                byte = self._buffer.popleft()
                self._hold_or_free()
            try:
                self._interpreter.feed(byte)
            except SwitchedOff:
                continue

    def _keep(self, picture: Image.Image, text: str) -> None:
        self._number += 1
        name = self._slips / f"slip-{self._number:04d}"
        name.with_suffix(".txt").write_text(text, encoding="utf-8")
        # Whoever watches the folder for pictures finds whole ones only.
        picture.save(name.with_suffix(".tmp"), format="PNG")
        name.with_suffix(".tmp").replace(name.with_suffix(".png"))
        self.slips.append({"png": str(name.with_suffix(".png")), "txt": str(name.with_suffix(".txt"))})


class _Still:
    """A mechanism that does nothing: for following the stream's structure only."""

    def advance(self, dots: int) -> None: ...

    def cut(self) -> None: ...

    def paper_status(self) -> int:
        return 0

    def auto_status(self, mask: int) -> None: ...
