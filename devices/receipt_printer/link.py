"""Ways to the printer that can be written to in pieces, so that a printer that stops reading is noticed in time.

A serial line and TCP use the project's own transports (python-escpos' ``Serial`` has no write timeout and is not
exclusive, its ``Network`` sends all or hangs), USB has one in ``usb_link`` (python-escpos takes fixed endpoints), CUPS
is python-escpos'.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import select
import socket
import struct
from typing import Any, Protocol

import serial

from devices.contract import Permanent, TryAgain
from devices.receipt_printer.library import EscposError
from devices.transport import FAULTS, SerialTransport, TcpTransport, Transport

SEND_BUFFER_BYTES = 16384


class Link(Transport, Protocol):
    """A transport that says how much it took."""

    def write_some(self, data: bytes, timeout_s: float) -> int:
        """Hand over what is taken within ``timeout_s``; returns the number of bytes, 0 when none.

        How much was taken by a call that ends in ``TryAgain`` is not known.
        """
        ...

    def may_send(self, flow: str) -> bool:
        """Whether the line of ``rtscts`` or ``dsrdtr`` says that the printer takes bytes now."""
        ...

    def abandon(self) -> None:
        """Close and drop what has not left yet. Never raises."""


class SerialLink(SerialTransport):
    """A serial port."""

    def write_some(self, data: bytes, timeout_s: float) -> int:
        """See ``Link``."""
        port = self._opened()
        try:
            _, ready, _ = select.select([], [port.fileno()], [], max(0.0, timeout_s))
            return os.write(port.fileno(), data) if ready else 0
        except BlockingIOError:
            return 0
        except (*FAULTS, ValueError, TypeError) as fault:
            raise TryAgain("unplugged", f"{self.port}: {type(fault).__name__}") from None

    def may_send(self, flow: str) -> bool:
        """See ``Link``. A port without such lines (a pty, some adapters) cannot hold anything back."""
        port = self._opened()
        try:
            return port.cts if flow == "rtscts" else port.dsr
        except serial.PortNotOpenError:
            raise TryAgain("unplugged", f"{self.port} hung up") from None
        except OSError as fault:
            if fault.errno in (errno.ENOTTY, errno.EINVAL):
                return True
            raise TryAgain("unplugged", f"{self.port}: {type(fault).__name__}") from None

    def abandon(self) -> None:
        """See ``Link``. Without the flush, closing would wait for a printer that does not read."""
        with contextlib.suppress(*FAULTS, TryAgain):
            self._opened().reset_output_buffer()
        self.close()


class TcpLink(TcpTransport):
    """A printer behind an address, usually port 9100."""

    def open(self) -> None:
        """See ``Transport``. With a small send buffer, a printer that stops reading is noticed after kilobytes."""
        super().open()
        self._opened().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def write_some(self, data: bytes, timeout_s: float) -> int:
        """See ``Link``."""
        peer = self._opened()
        try:
            _, ready, _ = select.select([], [peer], [], max(0.0, timeout_s))
            return peer.send(data, socket.MSG_DONTWAIT) if ready else 0
        except BlockingIOError:
            return 0
        except (OSError, ValueError) as fault:
            raise TryAgain("unplugged", f"{self.host}:{self.port}: {type(fault).__name__}") from None

    def may_send(self, flow: str) -> bool:
        """See ``Link``; TCP has no such lines."""
        del flow
        return True

    def abandon(self) -> None:
        """See ``Link``."""
        with contextlib.suppress(OSError, TryAgain):
            self._opened().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class CupsLink:
    """A raw CUPS queue through python-escpos; ``port`` is the queue's name. One way only: it never answers."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self._printer: Any = None
        self._faults: tuple[type[Exception], ...] = (OSError, RuntimeError, EscposError)

    def open(self) -> None:
        """See ``Transport``."""
        from escpos.printer import CupsPrinter

        if not CupsPrinter.is_usable():
            raise Permanent("missing_library", "transport cups needs the Python package pycups")
        pycups = importlib.import_module("cups")
        self._faults = (*self._faults, pycups.IPPError, pycups.HTTPError)
        self._printer = CupsPrinter(self.queue)
        try:
            self._printer.open()
        except self._faults as fault:
            raise TryAgain("no_device", f"cups {self.queue}: {type(fault).__name__}") from None

    def write_some(self, data: bytes, timeout_s: float) -> int:
        """See ``Link``; each call is one CUPS job, so the driver hands over whole slips."""
        del timeout_s
        try:
            self._printer._raw(data)
            self._printer.send()
            self._printer.open()
        except self._faults as fault:
            raise TryAgain("unplugged", f"cups {self.queue}: {type(fault).__name__}") from None
        return len(data)

    def write(self, data: bytes) -> None:
        """See ``Transport``."""
        self.write_some(data, 0.0)

    def may_send(self, flow: str) -> bool:
        """See ``Link``; the queue takes what it is given."""
        del flow
        return True

    def read_some(self, timeout_s: float) -> bytes:
        """Never anything."""
        del timeout_s
        return b""

    def reset_input(self) -> None:
        """See ``Transport``."""

    def close(self) -> None:
        """See ``Transport``."""
        printer, self._printer = self._printer, None
        if printer is not None:
            with contextlib.suppress(*self._faults):
                printer.close()

    abandon = close
