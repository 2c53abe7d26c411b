"""A board of locks behind a serial line; doors are shut and pulled through the control socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from devices.simulation import SimError, SimServer
from devices.simulation_line import FaultyLine, line_parser, started_on_line

PER_LOCK_S = 0.01
GROUP_SIZE = 8


class LockBoardSim:
    """Doors by number; a bolt that jams does not open."""

    def __init__(self, line: FaultyLine, board: int, locks: int, open_value: int, answers: bool, pushes: bool) -> None:
        self.line, self.board, self.locks = line, board, locks
        self.open_value, self.answers, self.pushes = open_value, answers, pushes
        self.doors = dict.fromkeys(range(1, locks + 1), False)
        self.held: set[int] = set()
        self.jammed: set[int] = set()
        self.opened: list[int] = []
        self.shuts_after_s = 0.0

    @property
    def verbs(self) -> dict[str, Any]:
        """What people do to doors, and what breaks."""
        known = (self.shut, self.pull, self.jam, self.free, self.attend, self.reset)
        return {verb.__name__: verb for verb in known}

    def shut(self, lock: int) -> None:
        """Somebody shuts this door; a held one springs open again."""
        self._move(lock, is_open=lock in self.held)

    def pull(self, lock: int) -> None:
        """Somebody forces this door open."""
        self._move(lock, is_open=True)

    def jam(self, lock: int) -> None:
        """The bolt of this lock jams."""
        self._door(lock)
        self.jammed.add(lock)

    def free(self, lock: int) -> None:
        """The bolt moves again."""
        self.jammed.discard(self._door(lock))

    def attend(self, seconds: float = 1.0) -> None:
        """Somebody stands there who takes out what lies behind each door that opens, and shuts it after so long."""
        self.shuts_after_s = seconds

    def reset(self) -> None:
        """All doors shut, nothing held, nothing broken, nobody there."""
        self.shuts_after_s = 0.0
        self.line.restore()
        self.doors = dict.fromkeys(self.doors, False)
        self.held, self.jammed, self.opened = set(), set(), []

    def state(self) -> Mapping[str, Any]:
        """Doors that stand open, locks held and jammed, which bolts were drawn in order."""
        standing = [lock for lock, is_open in self.doors.items() if is_open]
        return {"open": standing, "held": sorted(self.held), "jammed": sorted(self.jammed), "opened": list(self.opened)}

    def serve(self) -> None:
        """Answer for ever."""
        heard = b""
        while True:
            heard += self.line.read()
            while len(heard) >= 5:
                frame = heard[:5]
                is_sound = frame[4] == frame[0] ^ frame[1] ^ frame[2] ^ frame[3]
                heard = heard[5:] if is_sound else heard[1:]
                if is_sound and frame[1] == self.board:
                    self._obey(frame[0], frame[2], frame[3])

    def _obey(self, head: int, lock: int, code: int) -> None:
        if head == 0x80 and code == 0x33:
            self._tell_states(lock)
        elif code == 0x11 and head in (0x8A, 0x90, 0x9A, 0x9B):
            for each in self._meant(head, lock):
                self._bolt(head, each)
            if self.answers:
                self._say(head, lock, self._value(lock) if lock in self.doors else 0x00)

    def _meant(self, head: int, lock: int) -> list[int]:
        if head == 0x90:
            return [n for n in self.doors if (n - 1) // GROUP_SIZE + 1 == lock]
        return list(self.doors) if lock == 0 else [n for n in self.doors if n == lock]

    def _bolt(self, head: int, lock: int) -> None:
        if head == 0x9B:
            self.held.discard(lock)
            return
        if head == 0x9A:
            self.held.add(lock)
        time.sleep(PER_LOCK_S)
        if lock not in self.jammed:
            self.opened.append(lock)
            self._move(lock, is_open=True)
            if self.shuts_after_s:
                threading.Timer(self.shuts_after_s, self.shut, [lock]).start()

    def _move(self, lock: int, *, is_open: bool) -> None:
        changed = self.doors[self._door(lock)] != is_open
        self.doors[lock] = is_open
        if changed and self.pushes:
            self._say(0x82, lock, self._value(lock))

    def _door(self, lock: int) -> int:
        if lock not in self.doors:
            raise SimError(f"locks are 1 to {self.locks}")
        return lock

    def _value(self, lock: int) -> int:
        return self.open_value if self.doors[lock] else 0x11 - self.open_value

    def _tell_states(self, lock: int) -> None:
        if lock:
            self._say(0x80, lock, self._value(self._door(lock)))
            return
        bits = sum((self._value(n) == 0x11) << (n - 1) for n in self.doors)
        self._send(bytes((0x80, self.board, *bits.to_bytes(3, "big"), 0x33)))

    def _say(self, head: int, lock: int, value: int) -> None:
        self._send(bytes((head, self.board, lock, value)))

    def _send(self, body: bytes) -> None:
        total = 0
        for byte in body:
            total ^= byte
        self.line.answer(body + bytes((total,)))


def started(argv: list[str]) -> tuple[SimServer, dict[str, Any]]:
    """The board at work, its control socket, and what its ready line says besides."""
    parser = line_parser("lock_board", __doc__)
    parser.add_argument("--board", type=int, default=1, help="its address")
    parser.add_argument("--locks", type=int, default=24, help="how many locks are wired")
    parser.add_argument("--open-value", choices=("00", "11"), default="00", help="what says that a lock is open")
    parser.add_argument("--no-open-answer", action="store_true", help="answer queries only")
    parser.add_argument("--push", action="store_true", help="tell changes unasked (82)")
    options = parser.parse_args(argv)
    value, answers = int(options.open_value, 16), not options.no_open_answer

    def make(line: FaultyLine) -> LockBoardSim:
        return LockBoardSim(line, options.board, options.locks, value, answers, options.push)

    return started_on_line("lock_board", options, make)


def main(argv: list[str]) -> int:
    """Run until SIGTERM; prints one JSON line when ready."""
    server, where = started(argv)
    return server.run("lock_board", **where)
