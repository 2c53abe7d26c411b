"""Ways to a device: a serial port or a TCP address, with own deadlines and one kind of fault.

Every fault becomes ``TryAgain`` with one of these codes: ``no_device`` (nothing there to open), ``port_busy`` (another
program has it), ``port_denied`` (no permission), ``unplugged`` (it was there), ``write_timeout`` (it takes no bytes).
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import serial

from devices.contract import Permanent, TryAgain

FAULTS = (serial.SerialException, OSError, termios.error)
"""What pyserial and the kernel raise: ``in_waiting`` raises a bare OSError, ``close`` a termios.error."""

PASSES_S = 1.0
"""Longer than any buffer of a line takes to be emptied."""
MANY_PIECES = 20
_OPEN_ERRORS = {
    errno.EWOULDBLOCK: "port_busy",
    errno.EBUSY: "port_busy",
    errno.EACCES: "port_denied",
    errno.EPERM: "port_denied",
}


def let_pass(read_some: Callable[[float], bytes], keep: Callable[[bytes], None] = lambda _: None) -> None:
    """Take in what has come so far. TryAgain ``garbled`` from a device that talks without end: nobody waits for it."""
    ends, pieces = time.monotonic() + PASSES_S, 0
    while data := read_some(0.0):
        keep(data)
        pieces += 1
        # Not by the clock alone: this process may have stood still meanwhile.
        if pieces > MANY_PIECES and time.monotonic() > ends:
            raise TryAgain("garbled", "it talks without end")


class Transport(Protocol):
    """Bytes to and from a device. Only the thread that opened it uses it."""

    def open(self) -> None:
        """Open afresh; an open one is closed first. ``TryAgain`` when it cannot be."""

    def read_some(self, timeout_s: float) -> bytes:
        """The bytes that are there, as soon as there are any; ``b""`` when none came in ``timeout_s`` seconds."""
        ...

    def write(self, data: bytes) -> None:
        """Hand all of ``data`` over. That it returned proves nothing about the device."""

    def reset_input(self) -> None:
        """Forget bytes that have come so far."""

    def close(self) -> None:
        """Close; never raises."""


class SerialTransport:
    """A serial port by name; a symlink is resolved at every open, so it may come back pointing elsewhere."""

    def __init__(
        self,
        port: str,
        baudrate: int = 115200,
        *,
        write_timeout_s: float = 2.0,
        rtscts: bool = False,
        parity: Literal["none", "odd", "even"] = "none",
    ) -> None:
        self.port, self.baudrate, self.rtscts = port, baudrate, rtscts
        self._parity = {"none": serial.PARITY_NONE, "odd": serial.PARITY_ODD, "even": serial.PARITY_EVEN}[parity]
        self._write_timeout_s = write_timeout_s
        self._serial: serial.Serial | None = None

    def open(self) -> None:
        """Open exclusively: a second program gets ``port_busy`` instead of half of the bytes."""
        self.close()
        path = Path(self.port)
        if not path.exists():
            raise TryAgain("no_device", f"{self.port} is not there")
        try:
            self._serial = serial.Serial(
                str(path.resolve()),
                self.baudrate,
                timeout=0,
                write_timeout=self._write_timeout_s,
                rtscts=self.rtscts,
                parity=self._parity,
                exclusive=True,
            )
        except ValueError as fault:
            raise Permanent("bad_settings", f"{self.port}: {fault}") from None
        except FAULTS as fault:
            error = _OPEN_ERRORS.get(getattr(fault, "errno", None) or 0, "no_device")
            raise TryAgain(error, f"{self.port}: {fault}") from None
        # An FTDI chip otherwise holds short replies back for 16 ms; ptys and most drivers do not know the mode.
        with contextlib.suppress(*FAULTS, ValueError, NotImplementedError):
            self._serial.set_low_latency_mode(True)

    def read_some(self, timeout_s: float) -> bytes:
        """See ``Transport``."""
        port = self._opened()
        try:
            ready, _, _ = select.select([port.fileno()], [], [], max(0.0, timeout_s))
            return port.read(max(1, port.in_waiting)) if ready else b""
        except (*FAULTS, ValueError, TypeError):
            raise TryAgain("unplugged", f"{self.port} hung up") from None

    def write(self, data: bytes) -> None:
        """See ``Transport``."""
        port = self._opened()
        try:
            port.write(data)
        except serial.SerialTimeoutException:
            raise TryAgain("write_timeout", f"{self.port} takes no bytes") from None
        except FAULTS:
            raise TryAgain("unplugged", f"{self.port} hung up") from None

    def reset_input(self) -> None:
        """See ``Transport``."""
        port = self._opened()
        try:
            port.reset_input_buffer()
        except FAULTS:
            raise TryAgain("unplugged", f"{self.port} hung up") from None

    def close(self) -> None:
        """See ``Transport``."""
        port, self._serial = self._serial, None
        if port is not None:
            with contextlib.suppress(*FAULTS):
                port.close()

    def _opened(self) -> serial.Serial:
        if self._serial is None:
            raise TryAgain("no_device", f"{self.port} is not open")
        return self._serial


class TcpTransport:
    """A device behind a TCP address (printers: 9100; serial ports behind a converter)."""

    def __init__(self, host: str, port: int, *, connect_timeout_s: float = 3.0, write_timeout_s: float = 5.0) -> None:
        self.host, self.port = host, port
        self._connect_timeout_s, self._write_timeout_s = connect_timeout_s, write_timeout_s
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """See ``Transport``."""
        self.close()
        try:
            self._socket = socket.create_connection((self.host, self.port), self._connect_timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._socket.settimeout(self._write_timeout_s)
        except OSError as fault:
            self.close()
            raise TryAgain("no_device", f"{self.host}:{self.port}: {fault.strerror or type(fault).__name__}") from None

    def read_some(self, timeout_s: float) -> bytes:
        """See ``Transport``."""
        peer = self._opened()
        try:
            ready, _, _ = select.select([peer], [], [], max(0.0, timeout_s))
            data = peer.recv(65536) if ready else None
        except (OSError, ValueError):
            raise TryAgain("unplugged", f"{self.host}:{self.port} hung up") from None
        if data == b"":
            raise TryAgain("unplugged", f"{self.host}:{self.port} hung up")
        return data or b""

    def write(self, data: bytes) -> None:
        """See ``Transport``."""
        peer = self._opened()
        try:
            peer.sendall(data)
        except TimeoutError:
            raise TryAgain("write_timeout", f"{self.host}:{self.port} takes no bytes") from None
        except OSError:
            raise TryAgain("unplugged", f"{self.host}:{self.port} hung up") from None

    def reset_input(self) -> None:
        """See ``Transport``."""
        let_pass(self.read_some)

    def close(self) -> None:
        """See ``Transport``."""
        peer, self._socket = self._socket, None
        if peer is not None:
            with contextlib.suppress(OSError):
                peer.close()

    def _opened(self) -> socket.socket:
        if self._socket is None:
            raise TryAgain("no_device", f"{self.host}:{self.port} is not open")
        return self._socket
