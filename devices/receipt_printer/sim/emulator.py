"""An ESC/POS printer for those who have none: a process behind a serial line (pty) or a TCP port, slips as PNG."""

from __future__ import annotations

import argparse
import contextlib
import heapq
import select
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from devices.receipt_printer.sim.mechanism import ERRORS, PAPERS, PrinterMechanism
from devices.simulation import PtyPort, SimError, SimServer, control_path

POLL_S = 0.1
BUFFER_BYTES = 8192
SEND_TIMEOUT_S = 1.0
GARBAGE_MASK = 0xA5
"""Flips fixed bits of every answer, so that none passes for a good one."""


OFF_AT_MOST_S = 1.0
VERBS = (
    *("paper", "out_after", "cover", "silent", "unplug", "replug", "garble", "slow", "late", "double", "stall", "lose"),
    *("error", "jam", "power", "tear", "noise", "reset", "slips"),
)


class Wire(Protocol):
    """One way in and out."""

    @property
    def where(self) -> dict[str, Any]: ...
    def read(self, timeout_s: float) -> bytes: ...
    def write(self, data: bytes) -> Any: ...
    def plug(self) -> None: ...
    def unplug(self) -> None: ...


class SerialWire(PtyPort):
    """A serial line."""

    @property
    def where(self) -> dict[str, Any]:
        """For the ready line."""
        return {"port": self.path}


class TcpWire:
    """A printer's TCP port: one host at a time; the next waits for its turn."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._listener: socket.socket | None = None
        self._peer: socket.socket | None = None
        self._lock = threading.Lock()
        self.plug()

    @property
    def where(self) -> dict[str, Any]:
        """For the ready line."""
        return {"host": self._host, "tcp_port": self._port}

    def plug(self) -> None:
        """Listen, always on the same port."""
        if self._listener is None:
            self._listener = socket.create_server((self._host, self._port), backlog=4)
            # A printer's window is small; the kernel's own would take megabytes for one that has stopped reading.
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            self._port = self._listener.getsockname()[1]

    def unplug(self) -> None:
        """Vanish from the network."""
        with self._lock:
            for open_socket in (self._listener, self._peer):
                if open_socket is not None:
                    with contextlib.suppress(OSError):
                        open_socket.shutdown(socket.SHUT_RDWR)
                    open_socket.close()
            self._listener = self._peer = None

    def read(self, timeout_s: float) -> bytes:
        """What the host sent, ``b""`` when nothing came."""
        source = self._peer or self._listener
        if source is None:
            time.sleep(timeout_s)
            return b""
        try:
            if not select.select([source], [], [], timeout_s)[0]:
                return b""
            if source is self._listener:
                self._peer, _ = source.accept()
                self._peer.settimeout(SEND_TIMEOUT_S)
                self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return b""
            data = source.recv(4096)
        except (OSError, ValueError):
            data = b""
        if not data:
            self._hang_up(source)
        return data

    def write(self, data: bytes) -> None:
        """Answer; a host that is gone or does not listen misses it."""
        peer = self._peer
        if peer is not None:
            with contextlib.suppress(OSError):
                peer.sendall(data)

    def _hang_up(self, peer: socket.socket) -> None:
        with self._lock:
            peer.close()
            if self._peer is peer:
                self._peer = None


class Answers:
    """Sends each answer when it is due; one that is due earlier overtakes the others."""

    def __init__(self, send: Callable[[bytes], Any]) -> None:
        self._send = send
        self._waiting: list[tuple[float, int, bytes]] = []
        self._count = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="answers", daemon=True).start()

    def put(self, data: bytes, delay_s: float) -> None:
        """Send ``data`` after ``delay_s`` seconds, at once if that is 0."""
        if not delay_s and not self._waiting:
            self._send(data)
            return
        with self._changed:
            self._count += 1
            heapq.heappush(self._waiting, (time.monotonic() + delay_s, self._count, data))
            self._changed.notify_all()

    def forget(self) -> None:
        """What waits is never sent."""
        with self._changed:
            self._waiting.clear()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting or self._waiting[0][0] > time.monotonic():
                    left_s = self._waiting[0][0] - time.monotonic() if self._waiting else None
                    self._changed.wait(left_s)
                data = heapq.heappop(self._waiting)[2]
            self._send(data)


class PrinterSim:
    """Wire, machine and the verbs of the control socket."""

    def __init__(self, wire: Wire, **options: Any) -> None:
        self.wire = wire
        self._answers = Answers(wire.write)
        self.machine = PrinterMechanism(self._send, **options)
        self._mm_per_s = self.machine.mm_per_s
        self.verbs = {name: getattr(self, name) for name in VERBS}
        self._garble_left = self._late_left = self._double_left = 0
        self._delay_s = self._late_s = 0.0
        self._stall_at: int | None = None
        self._lost = range(0)
        self._read_bytes = 0
        self._on = threading.Event()
        self._on.set()
        threading.Thread(target=self._listen, name="wire", daemon=True).start()

    def paper(self, state: str) -> None:
        """Paper ``full``, ``low`` or ``out``."""
        if state not in PAPERS:
            raise SimError(f"paper is one of {', '.join(PAPERS)}")
        self.machine.set(paper=state)

    def out_after(self, lines: int) -> None:
        """Run out of paper after so many more lines of 30 dots."""
        self.machine.set(out_after_lines=lines)

    def cover(self, state: str) -> None:
        """Cover ``open`` or ``closed``."""
        if state not in ("open", "closed"):
            raise SimError("cover is open or closed")
        self.machine.set(cover_open=state == "open")

    def silent(self, on: bool = True) -> None:
        """Answer nothing (it still prints)."""
        self.machine.silent = on

    def unplug(self) -> None:
        """Pull the cable."""
        self.wire.unplug()

    def replug(self) -> None:
        """Plug the cable in again; what is in the buffer is still there."""
        self.wire.plug()

    def garble(self, count: int = 1) -> None:
        """Damage the next ``count`` answers."""
        self._garble_left = count

    def slow(self, reply_ms: float = 0, mm_per_s: float | None = None) -> None:
        """Answer so much later; print at this speed (0: no time at all)."""
        self._delay_s = reply_ms / 1000
        if mm_per_s is not None:
            self.machine.mm_per_s = mm_per_s

    def late(self, reply_ms: float, count: int = 1) -> None:
        """Answer the next ``count`` times so much later; other answers overtake these."""
        self._late_s, self._late_left = reply_ms / 1000, count

    def double(self, count: int = 1, gap_ms: float = 0) -> None:
        """Give the next ``count`` answers twice, the second one so much later."""
        self._double_left, self._double_gap_s = count, gap_ms / 1000

    def lose(self, after_bytes: int = 0, count: int = 0) -> None:
        """The line loses ``count`` bytes (0: all, until the next ``lose`` or ``reset``) after so many more."""
        begin = self._read_bytes + after_bytes
        self._lost = range(begin, begin + count if count else sys.maxsize)

    def stall(self, on: bool = True, after_bytes: int = 0) -> None:
        """Stop reading from the wire after so many more bytes, as a printer does whose buffer is full."""
        self._stall_at = self.machine.counts["bytes"] + after_bytes if on else None

    def error(self, kind: str = "") -> None:
        """``cutter``, ``fatal`` or ``recoverable``; empty: put right."""
        if kind and kind not in ERRORS:
            raise SimError(f"error is one of {', '.join(ERRORS)} or empty")
        self.machine.set(error=kind)

    def jam(self) -> None:
        """The cutter jams."""
        self.error("cutter")

    def power(self) -> None:
        """Off and on again: buffer, unfinished slip and what is on the wire are gone."""
        self.machine.clear()
        self._on.clear()
        self._on.wait(OFF_AT_MOST_S)
        self.machine.clear()

    def tear(self) -> None:
        """Tear the paper off by hand."""
        self.machine.page.cut()

    def noise(self, data: str) -> None:
        """Send these bytes (hexadecimal) unasked."""
        self.wire.write(bytes.fromhex(data))

    def reset(self) -> None:
        """As good as new: plugged in, full, nothing in the buffer or on the wire, no slips (their files stay)."""
        self.silent(on=False)
        self.slow(mm_per_s=self._mm_per_s)
        self._garble_left = self._late_left = self._double_left = 0
        self._double_gap_s, self._stall_at, self._lost = 0.0, None, range(0)
        self._answers.forget()
        self.power()
        self.machine.set(paper="full", cover_open=False, error="", out_after_lines=None)
        self.machine.forget()
        self.wire.plug()

    def slips(self) -> Mapping[str, Any]:
        """The slips so far, with the paths of picture and text."""
        return {"slips": list(self.machine.slips)}

    def state(self) -> Mapping[str, Any]:
        """The whole state."""
        return {**self.machine.snapshot(), "stalled": self._stalled}

    def _send(self, data: bytes) -> None:
        delay_s = self._delay_s
        if self._late_left:
            self._late_left, delay_s = self._late_left - 1, self._late_s
        if self._garble_left:
            self._garble_left -= 1
            data = bytes(byte ^ GARBAGE_MASK for byte in data)
        if self._double_left:
            self._double_left -= 1
            self._answers.put(data, delay_s + self._double_gap_s)
        self._answers.put(data, delay_s)

    def _listen(self) -> None:
        while True:
            if self._stalled or not self.machine.room:
                time.sleep(POLL_S / 10)
            elif data := self.wire.read(POLL_S):
                data = self._without_lost(data)
                if self._on.is_set():
                    self.machine.receive(data)
            else:
                self.machine.line_is_empty()
                self._on.set()

    def _without_lost(self, data: bytes) -> bytes:
        lost, began = self._lost, self._read_bytes
        self._read_bytes += len(data)
        return bytes(byte for at, byte in enumerate(data, began) if at not in lost) if lost else data

    @property
    def _stalled(self) -> bool:
        return self._stall_at is not None and self.machine.counts["bytes"] >= self._stall_at


def main(argv: list[str]) -> int:
    """Run until SIGTERM; prints one JSON line when ready."""
    options = _parser().parse_args(argv)
    wire = (
        TcpWire(options.host, options.tcp_port)
        if options.tcp_port is not None
        else SerialWire(baudrate=options.baudrate or None, link=options.link)
    )
    sim = PrinterSim(
        wire,
        slips=options.slips or Path(tempfile.mkdtemp(prefix="tongban-slips-")),
        dots=options.dots,
        columns=options.columns,
        encoding=options.encoding,
        mm_per_s=options.mm_per_s,
        buffer_bytes=options.buffer_bytes,
        answers=options.answers,
        barrier=not options.no_barrier,
        real_time_in_data=not options.no_real_time_in_data,
        flow=options.flow,
    )
    server = SimServer(control_path(options.control, "receipt_printer"), sim.verbs, sim.state)
    try:
        return server.run("receipt_printer", **wire.where)
    finally:
        wire.unplug()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="receipt_printer sim", description=__doc__)
    parser.add_argument("--link", type=Path, help="symlink that hosts open (serial)")
    parser.add_argument("--baudrate", type=int, default=115200, help="pace of the serial line; 0: none")
    parser.add_argument("--tcp-port", type=int, help="listen on TCP instead of a serial line; 0: any free port")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--slips", type=Path, help="folder for slip-0001.png, slip-0001.txt …")
    parser.add_argument("--control", help="path of the control socket")
    parser.add_argument("--dots", type=int, default=576, help="dots per line")
    parser.add_argument("--columns", type=int, default=48, help="half-width characters per line")
    parser.add_argument("--encoding", default="gb18030", choices=("gb18030", "gbk", "utf8"))
    parser.add_argument("--mm-per-s", type=float, default=150.0, help="speed of the paper; 0: no time at all")
    parser.add_argument("--buffer-bytes", type=int, default=65536, help="size of the input buffer")
    parser.add_argument(
        "--flow", default="none", choices=("none", "xonxoff"), help="what it says when its buffer is full"
    )
    parser.add_argument("--answers", default="all", help='DLE EOT answered: "all", "none" or digits such as "14"')
    parser.add_argument("--no-barrier", action="store_true", help="do not answer GS r and GS I")
    parser.add_argument("--no-real-time-in-data", action="store_true", help="DLE EOT inside pictures is only data")
    return parser
