"""A USB printer through pyusb and libusb. Which endpoints it has is in its descriptors; printers differ."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import usb.core
import usb.util

from devices.contract import Permanent, TryAgain
from devices.transport import let_pass

PRINTER_CLASS, IPP_PROTOCOL = 7, 4
_FAULTS = (OSError, NotImplementedError)
"""pyusb's ``USBError`` is an OSError; what a system cannot do is a NotImplementedError."""


class UsbLink:
    """``port`` is the printer's ``VVVV:PPPP``, as ``lsusb`` shows it."""

    def __init__(self, port: str) -> None:
        self.port = port
        self._device: Any = None
        self._out: Any = None
        self._in: Any = None

    def open(self) -> None:
        """See ``Transport``."""
        self.close()
        device = self._found()
        try:
            self._claim(device)
        except _FAULTS as fault:
            self.close()
            denied = getattr(fault, "errno", None) == 13
            raise TryAgain("port_denied" if denied else "no_device", f"usb {self.port}: {fault}") from None

    def write_some(self, data: bytes, timeout_s: float) -> int:
        """See ``Link``; a transfer that runs out of time says how much of it was taken."""
        return self._transfer(lambda: self._out.write(data, _milliseconds(timeout_s))) or 0

    def read_some(self, timeout_s: float) -> bytes:
        """See ``Transport``. A printer without an endpoint that answers never says anything."""
        if self._device is not None and self._in is None:
            time.sleep(timeout_s)
            return b""
        answer = self._transfer(lambda: self._in.read(self._in.wMaxPacketSize, _milliseconds(timeout_s)))
        return bytes(answer or b"")

    def write(self, data: bytes) -> None:
        """See ``Transport``."""
        if self.write_some(data, 2.0) < len(data):
            raise TryAgain("write_timeout", f"usb {self.port} takes no bytes")

    def reset_input(self) -> None:
        """See ``Transport``."""
        let_pass(self.read_some)

    def may_send(self, flow: str) -> bool:
        """See ``Link``; USB has its own flow control."""
        del flow
        return True

    def close(self) -> None:
        """See ``Transport``."""
        device, self._device = self._device, None
        self._out = self._in = None
        if device is not None:
            with contextlib.suppress(*_FAULTS):
                usb.util.dispose_resources(device)

    abandon = close

    def _found(self) -> Any:
        try:
            vendor, product = (int(part, 16) for part in self.port.split(":"))
        except ValueError:
            raise Permanent("bad_settings", f"port {self.port!r} is not VVVV:PPPP") from None
        try:
            device = usb.core.find(idVendor=vendor, idProduct=product)
        except usb.core.NoBackendError:
            raise Permanent("missing_library", "transport usb needs libusb (Debian: libusb-1.0-0)") from None
        if device is None:
            raise TryAgain("no_device", f"usb {self.port} is not there")
        return device

    def _claim(self, device: Any) -> None:
        interface, self._out, self._in = _printing_interface(_configuration(device))
        if interface is None:
            raise Permanent("bad_settings", f"usb {self.port} has no interface that takes print data")
        self._device, number = device, interface.bInterfaceNumber
        with contextlib.suppress(NotImplementedError):
            if device.is_kernel_driver_active(number):  # usblp would take half of the answers
                device.detach_kernel_driver(number)
        usb.util.claim_interface(device, number)
        if interface.bAlternateSetting:
            interface.set_altsetting()

    def _transfer(self, transfer: Callable[[], Any]) -> Any:
        if self._device is None:
            raise TryAgain("no_device", f"usb {self.port} is not open")
        try:
            return transfer()
        except usb.core.USBTimeoutError:
            return None
        except _FAULTS as fault:
            raise TryAgain("unplugged", f"usb {self.port}: {type(fault).__name__}") from None


def _configuration(device: Any) -> Any:
    try:
        return device.get_active_configuration()
    except usb.core.USBError:  # not configured yet
        device.set_configuration()
        return device.get_active_configuration()


def _printing_interface(configuration: Any) -> tuple[Any, Any, Any]:
    """Interface, bulk OUT and bulk IN (None: one way); printer class first, not IPP, then what answers."""
    found = []
    for interface in configuration:
        out, back = _bulk(interface, usb.util.ENDPOINT_OUT), _bulk(interface, usb.util.ENDPOINT_IN)
        if out is not None:
            found.append((interface, out, back))
    return min(found, key=_unfit, default=(None, None, None))


def _unfit(candidate: tuple[Any, Any, Any]) -> tuple[bool, bool, bool]:
    interface, _, back = candidate
    is_printer = interface.bInterfaceClass == PRINTER_CLASS
    return not is_printer, is_printer and interface.bInterfaceProtocol == IPP_PROTOCOL, back is None


def _bulk(interface: Any, direction: int) -> Any:
    for endpoint in interface:
        is_bulk = usb.util.endpoint_type(endpoint.bmAttributes) == usb.util.ENDPOINT_TYPE_BULK
        if is_bulk and usb.util.endpoint_direction(endpoint.bEndpointAddress) == direction:
            return endpoint
    return None


def _milliseconds(seconds: float) -> int:
    """At least one: to libusb 0 means for ever."""
    return max(1, int(seconds * 1000))
