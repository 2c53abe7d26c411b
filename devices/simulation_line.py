"""A simulated device's serial line with everything that can go wrong on one, and how such a sim is started."""

from __future__ import annotations

import argparse
import heapq
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from devices.simulation import PtyPort, SimServer, control_path

POLL_S = 1.0
"""How long a line is waited at: what comes, and a cable that is pulled out or plugged in, wakes it at once."""
GARBAGE_MASK = 0x5A
STALL_S = 3.0


class FaultyLine:
    """A pty whose answers can be late, doubled, damaged or missing; ``verbs`` are for the control socket."""

    def __init__(self, port: PtyPort) -> None:
        self.port = port
        self._silent = False
        self._delay_s = self._late_s = 0.0
        self._garble_left = self._late_left = self._double_left = self._lose_left = 0
        self._due: list[tuple[float, int, bytes]] = []
        self._count = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._send, name="answers", daemon=True).start()

    @property
    def verbs(self) -> dict[str, Any]:
        """What can go wrong on the line."""
        known = (
            self.unplug,
            self.replug,
            self.silent,
            self.slow,
            self.late,
            self.double,
            self.garble,
            self.lose,
            self.noise,
        )
        return {verb.__name__: verb for verb in known}

    def unplug(self) -> None:
        """Pull the cable."""
        self.port.unplug()

    def replug(self) -> None:
        """Plug it in again."""
        self.port.plug()

    def silent(self, on: bool = True) -> None:
        """Answer nothing; what is asked is done all the same."""
        self._silent = on

    def slow(self, reply_ms: float = 0) -> None:
        """Give every answer so much later."""
        self._delay_s = reply_ms / 1000

    def late(self, reply_ms: float, count: int = 1) -> None:
        """Give the next answers so much later; others overtake them."""
        self._late_s, self._late_left = reply_ms / 1000, count

    def double(self, count: int = 1) -> None:
        """Give the next answers twice."""
        self._double_left = count

    def garble(self, count: int = 1) -> None:
        """Damage the next answers."""
        self._garble_left = count

    def lose(self, count: int = 1) -> None:
        """Swallow the next answers."""
        self._lose_left = count

    def noise(self, data: str) -> None:
        """Send these bytes (hexadecimal) unasked."""
        self.port.write(bytes.fromhex(data))

    def restore(self) -> None:
        """As good as new."""
        self._silent, self._delay_s, self._late_s = False, 0.0, 0.0
        self._garble_left = self._late_left = self._double_left = self._lose_left = 0
        with self._changed:
            self._due.clear()
        self.port.plug()

    def read(self) -> bytes:
        """Bytes from the host, ``b""`` when none came for a while."""
        return self.port.read(POLL_S)

    def answer(self, data: bytes) -> None:
        """Send an answer, as well as the faults let it."""
        if self._silent or self._lose_left:
            self._lose_left = max(0, self._lose_left - 1)
            return
        delay_s = self._delay_s
        if self._late_left:
            self._late_left, delay_s = self._late_left - 1, self._late_s
        if self._garble_left:
            self._garble_left, data = self._garble_left - 1, bytes(byte ^ GARBAGE_MASK for byte in data)
        if self._double_left:
            self._double_left, data = self._double_left - 1, data * 2
        if not delay_s:
            self._put(data)
            return
        with self._changed:
            self._count += 1
            heapq.heappush(self._due, (time.monotonic() + delay_s, self._count, data))
            self._changed.notify_all()

    def _send(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                data = heapq.heappop(self._due)[2]
            self._put(data)

    def _put(self, data: bytes) -> None:
        """All of it: a pty takes 4 KB at a time. A host that reads nothing misses the rest."""
        moved_at = time.monotonic()
        while data and self.port.plugged and time.monotonic() - moved_at < STALL_S:
            if sent := self.port.write(data):
                data, moved_at = data[sent:], time.monotonic()
            else:
                time.sleep(0.002)


class LineSim(Protocol):
    """A device behind a ``FaultyLine``."""

    line: FaultyLine

    @property
    def verbs(self) -> Mapping[str, Callable[..., Any]]: ...
    def state(self) -> Mapping[str, Any]: ...
    def serve(self) -> None: ...


def line_parser(kind: str, about: str | None) -> argparse.ArgumentParser:
    """The options that every sim on a serial line has."""
    parser = argparse.ArgumentParser(prog=f"kiosk sim {kind}", description=about)
    parser.add_argument("--link", type=Path, help="symlink that hosts open")
    parser.add_argument("--control", help="path of the control socket")
    return parser


def started_on_line(
    kind: str, options: argparse.Namespace, make: Callable[[FaultyLine], LineSim], baudrate: int | None = None
) -> tuple[SimServer, dict[str, Any]]:
    """The device at work behind a pty, its control socket, and what its ready line says besides."""
    sim = make(FaultyLine(PtyPort(link=options.link, baudrate=baudrate)))
    threading.Thread(target=sim.serve, name=kind, daemon=True).start()
    verbs = {**sim.line.verbs, **sim.verbs}
    return SimServer(control_path(options.control, kind), verbs, sim.state), {"port": sim.line.port.path}
