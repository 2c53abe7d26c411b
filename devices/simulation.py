"""What every simulated device shares: a control socket, a serial port that is a pty, the line that says "ready".

A sim is a process of its own on the real wire. Whoever operates it (demo bench, test) speaks JSON lines over a unix
socket: one request ``{"do": "<verb>", ...}``, one answer ``{"ok": true, ...}`` or ``{"ok": false, "error": "..."}``.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import inspect
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import termios
import threading
import time
import tty
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Verb = Callable[..., Mapping[str, Any] | None]

BITS_PER_BYTE = 10
"""8N1: start bit, eight data bits, stop bit."""

_PTYS = "/dev/pts/"

PACE_S = 0.0005
"""How finely a paced write is cut; the deadlines are absolute, so the total does not depend on it."""

_BAUDRATES = {
    getattr(termios, f"B{rate}"): rate
    for rate in (9600, 19200, 38400, 57600, 115200, 230400, 256000)
    if hasattr(termios, f"B{rate}")
}


class SimError(Exception):
    """A request that the sim cannot do; its text is the answer's ``error``."""


def _usage(verb: Verb) -> str:
    arguments = str(inspect.signature(verb)).split(" ->")[0]
    return f"{arguments} {(inspect.getdoc(verb) or '').partition('.')[0]}".strip()


class SimServer:
    """The control socket of a sim. ``verbs`` maps a verb to what does it; ``state`` and ``help`` are always there."""

    def __init__(self, control: Path, verbs: Mapping[str, Verb], state: Callable[[], Mapping[str, Any]]) -> None:
        self.control = control
        self._verbs: dict[str, Verb] = {**verbs, "state": state, "help": self._help}
        self._one_at_a_time = threading.Lock()
        self._stop = threading.Event()
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """Listen. A socket file left behind by a dead sim is replaced."""
        self.control.parent.mkdir(parents=True, exist_ok=True)
        _require_free(self.control, self.control.is_socket())
        self.control.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.control))
        self._listener.listen()
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def run(self, device: str, **where: Any) -> int:
        """Say that the sim is ready, serve until SIGTERM or SIGINT, tidy up; returns the exit code."""
        asked_r, asked_w = os.pipe2(os.O_CLOEXEC)
        for number in (signal.SIGTERM, signal.SIGINT):
            # A handler runs between any two steps of this thread, within a lock's hold too: it must take none.
            signal.signal(number, lambda *_: os.write(asked_w, b"."))
        if self._listener is None:
            self.start()
        ready = {"ready": True, "device": device, **where, "control": str(self.control)}
        sys.stdout.write(json.dumps(ready, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        os.read(asked_r, 1)
        self.close()
        return 0

    def close(self) -> None:
        """Stop listening and remove the socket file."""
        self._stop.set()
        if self._listener is not None:
            self._listener.close()
            self.control.unlink(missing_ok=True)

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rwb") as lines:
            for line in lines:
                answer = self._answer(line)
                lines.write(json.dumps(answer, ensure_ascii=False, default=str).encode() + b"\n")
                lines.flush()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            verb = self._verbs[request.pop("do")]
            inspect.signature(verb).bind(**request)
        except (ValueError, TypeError, AttributeError, KeyError) as fault:
            return {"ok": False, "error": f'not a request ({fault}); ask with {{"do": "help"}}'}
        try:
            with self._one_at_a_time:
                return {"ok": True, **(verb(**request) or {})}
        except (SimError, OSError, ValueError, TypeError, LookupError) as fault:
            return {"ok": False, "error": str(fault)}

    def _help(self) -> dict[str, Any]:
        """Every verb with its arguments and what it does."""
        return {"verbs": {name: _usage(verb) for name, verb in self._verbs.items()}}


class ControlClient:
    """Blocking client of a control socket: ``ControlClient(path).do("place", card="li")``.

    An emulator on a busy computer draws a face for seconds; ``timeout_s`` ends the wait for one that hangs.
    """

    def __init__(self, control: Path | str, timeout_s: float = 60.0) -> None:
        self._control, self._timeout_s = str(control), timeout_s
        self._lines: Any = None
        self._one_at_a_time = threading.Lock()

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Ask for ``verb``; returns the answer without ``ok``. ``SimError`` when refused, ``OSError`` when gone."""
        request = json.dumps({"do": verb, **arguments}, ensure_ascii=False).encode() + b"\n"
        with self._one_at_a_time:
            line = self._exchange(request)
        answer = json.loads(line)
        if not answer.pop("ok"):
            raise SimError(answer.get("error", ""))
        return answer

    def close(self) -> None:
        """Hang up; the next request connects again."""
        lines, self._lines = self._lines, None
        if lines is not None:
            with contextlib.suppress(OSError):
                lines.close()

    def _exchange(self, request: bytes) -> bytes:
        try:
            lines = self._lines = self._lines or self._connect()
            lines.write(request)
            lines.flush()
            if line := lines.readline():
                return line
        except OSError:
            self.close()
            raise
        self.close()
        raise ConnectionError(f"the sim behind {self._control} is gone")

    def _connect(self) -> Any:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._timeout_s)
            connection.connect(self._control)
            return connection.makefile("rwb")


def control_path(wanted: str | None, device: str) -> Path:
    """The control socket's path: the wanted one, else in a fresh temporary folder, which goes with the process."""
    if wanted:
        return Path(wanted)
    folder = Path(tempfile.mkdtemp(prefix="tongban-sim-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder / f"{device}.control"


def _require_free(path: Path, is_ours: bool) -> None:
    """Only what a sim of before has left at a path is replaced. Raises FileExistsError."""
    if not is_ours and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "something else is there already and is left as it is", str(path))


class PtyPort:
    """The sim's end of a serial line: a pty at the pace of a baud rate, which can be pulled out and plugged in again.

    ``baudrate`` None does not pace. With ``link``, hosts open that symlink: it vanishes when unplugged and comes back
    pointing to a new pty, as ``/dev/serial/by-id`` does. One thread reads and writes; any thread may plug and unplug.
    """

    def __init__(self, *, baudrate: int | None = None, link: Path | None = None) -> None:
        self.baudrate, self.link = baudrate, link
        self._lock = threading.Lock()
        self._master: int | None = None
        self._slave: int | None = None
        self._name = ""
        self._wake_r, self._wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._received_until = 0.0
        self.unplugged = 0
        """How often the cable was pulled out."""
        self.plug()

    @property
    def path(self) -> str:
        """What a host opens."""
        return str(self.link) if self.link else self._name

    @property
    def plugged(self) -> bool:
        """Whether a host could open it now."""
        return self._master is not None

    @property
    def host_baudrate(self) -> int | None:
        """The speed that the host has set on its side (a pty shares its settings); None when unplugged or unknown."""
        with self._lock, contextlib.suppress(OSError, termios.error):
            if self._master is not None:
                return _BAUDRATES.get(termios.tcgetattr(self._master)[4])
        return None

    def plug(self) -> None:
        """Appear: a new pty, and the link moved to it in one step."""
        with self._lock:
            if self._master is not None:
                return
            if self.link:
                _require_free(self.link, self.link.is_symlink() and str(self.link.readlink()).startswith(_PTYS))
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._name = os.ttyname(slave)
            # Our own handle on the host's side keeps the line up between two openings of the host.
            self._master, self._slave = master, slave
            if self.link:
                self.link.parent.mkdir(parents=True, exist_ok=True)
                fresh = self.link.with_name(f".{self.link.name}.{os.getpid()}")
                fresh.unlink(missing_ok=True)
                fresh.symlink_to(self._name)
                fresh.replace(self.link)
        self._wake()

    def unplug(self) -> None:
        """Vanish: the host sees a hang-up, the link is gone."""
        with self._lock:
            if self._master is None or self._slave is None:
                return
            if self.link and self.link.is_symlink() and str(self.link.readlink()) == self._name:
                self.link.unlink()
            master, slave = self._master, self._slave
            self._master = self._slave = None
            self.unplugged += 1
            self._wake()
            os.close(slave)
            os.close(master)

    def read(self, timeout_s: float) -> bytes:
        """Bytes from the host, after the time that they take on the line; ``b""`` when none came in time.

        What was on the line when the cable was pulled out never arrives.
        """
        ends = time.monotonic() + timeout_s
        while True:
            with self._lock, contextlib.suppress(OSError):
                unplugged = self.unplugged
                if self._master is not None and (data := os.read(self._master, 4096)):
                    break
            left_s = ends - time.monotonic()
            if left_s <= 0:
                return b""
            self._wait(left_s)
        if self.baudrate:
            self._received_until = max(time.monotonic(), self._received_until) + self._wire_s(len(data))
            time.sleep(max(0.0, self._received_until - time.monotonic()))
        return data if self.unplugged == unplugged else b""

    def write(self, data: bytes) -> int:
        """Send at the pace of the line; returns how many bytes left before the host's buffer was full or unplugged."""
        if not self.baudrate:
            return self._write_now(data)
        started, sent = time.monotonic(), 0
        while sent < len(data):
            due = min(len(data), sent + max(1, int(PACE_S / self._wire_s(1))))
            time.sleep(max(0.0, started + self._wire_s(due) - time.monotonic()))
            late = int((time.monotonic() - started) / self._wire_s(1))
            due = min(len(data), max(due, late))
            if self._write_now(data[sent:due]) < due - sent:
                break
            sent = due
        return sent

    def close(self) -> None:
        """Unplug for good."""
        self.unplug()

    def _wire_s(self, count: int) -> float:
        return count * BITS_PER_BYTE / self.baudrate if self.baudrate else 0.0

    def _write_now(self, data: bytes) -> int:
        with self._lock, contextlib.suppress(OSError):
            if self._master is not None:
                return os.write(self._master, data)
        return 0

    def _wait(self, timeout_s: float) -> None:
        master = self._master
        watched = [self._wake_r] if master is None else [self._wake_r, master]
        with contextlib.suppress(OSError, ValueError):
            ready, _, _ = select.select(watched, [], [], timeout_s)
            if self._wake_r in ready:
                os.read(self._wake_r, 64)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._wake_w, b".")


def fail(message: str) -> int:
    """One line on stderr, exit code 2: how a sim refuses its arguments."""
    sys.stderr.write(message + "\n")
    return 2
