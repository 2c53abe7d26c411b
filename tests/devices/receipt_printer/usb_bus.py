"""A USB bus with the emulated printer on it, where libusb would be: pyusb, its descriptors and our link are real."""

from __future__ import annotations

import errno
import threading
from array import array
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import usb.backend
from usb.core import USBError, USBTimeoutError

from devices.receipt_printer.sim.mechanism import PrinterMechanism

BACKEND: Any = usb.backend.IBackend  # its methods have no result types
VENDOR, PRODUCT = 0x0483, 0x5743
BULK, INTERRUPT = 2, 3


def endpoint(address: int, kind: int = BULK) -> SimpleNamespace:
    """One endpoint's descriptor (USB 2.0, 9.6.6)."""
    return SimpleNamespace(
        bLength=7,
        bDescriptorType=5,
        bEndpointAddress=address,
        bmAttributes=kind,
        wMaxPacketSize=64,
        bInterval=0,
        bRefresh=0,
        bSynchAddress=0,
        extra_descriptors=(),
    )


def interface(number: int, device_class: int, protocol: int, *endpoints: SimpleNamespace) -> SimpleNamespace:
    """One interface's descriptor (9.6.5)."""
    return SimpleNamespace(
        bLength=9,
        bDescriptorType=4,
        bInterfaceNumber=number,
        bAlternateSetting=0,
        bNumEndpoints=len(endpoints),
        bInterfaceClass=device_class,
        bInterfaceSubClass=1,
        bInterfaceProtocol=protocol,
        iInterface=0,
        extra_descriptors=(),
        endpoints=endpoints,
    )


class Bus(BACKEND):
    """One device; ``packets`` limits how many more bytes it takes (None: all), as a printer with a full buffer does."""

    def __init__(self, slips: Path, *interfaces: SimpleNamespace) -> None:
        super().__init__()
        self._interfaces = interfaces
        self._answers = bytearray()
        self._arrived = threading.Condition()
        self.printer = PrinterMechanism(self._reply, slips=slips, mm_per_s=0)
        self.plugged, self.usblp, self.claimed, self.takes_bytes = True, True, [], None
        self.addresses: set[int] = set()

    def _reply(self, data: bytes) -> None:
        with self._arrived:
            self._answers += data
            self._arrived.notify_all()

    # -- what pyusb asks of a backend -----------------------------------------------------------------------------

    def enumerate_devices(self) -> Any:
        return iter(["printer"] if self.plugged else [])

    def get_device_descriptor(self, dev: Any) -> Any:
        return SimpleNamespace(
            bLength=18,
            bDescriptorType=1,
            bcdUSB=0x200,
            bDeviceClass=0,
            bDeviceSubClass=0,
            bDeviceProtocol=0,
            bMaxPacketSize0=64,
            idVendor=VENDOR,
            idProduct=PRODUCT,
            bcdDevice=0x100,
            iManufacturer=0,
            iProduct=0,
            iSerialNumber=0,
            bNumConfigurations=1,
            address=1,
            bus=1,
            port_number=1,
            port_numbers=(1,),
            speed=2,
        )

    def get_configuration_descriptor(self, dev: Any, config: int) -> Any:
        if config:
            raise IndexError(config)
        return SimpleNamespace(
            bLength=9,
            bDescriptorType=2,
            wTotalLength=32,
            bNumInterfaces=len(self._interfaces),
            bConfigurationValue=1,
            iConfiguration=0,
            bmAttributes=0xC0,
            bMaxPower=1,
            extra_descriptors=(),
        )

    def get_interface_descriptor(self, dev: Any, intf: int, alt: int, config: int) -> Any:
        if alt or intf >= len(self._interfaces):
            raise IndexError(intf)
        return self._interfaces[intf]

    def get_endpoint_descriptor(self, dev: Any, ep: int, intf: int, alt: int, config: int) -> Any:
        return self._interfaces[intf].endpoints[ep]

    def open_device(self, dev: Any) -> Any:
        return "handle"

    def close_device(self, dev_handle: Any) -> None: ...

    def get_configuration(self, dev_handle: Any) -> int:
        return 1

    def claim_interface(self, dev_handle: Any, intf: int) -> None:
        if self.usblp:
            raise USBError("Resource busy", errno=errno.EBUSY)
        self.claimed.append(intf)

    def release_interface(self, dev_handle: Any, intf: int) -> None:
        self.claimed.remove(intf)

    def is_kernel_driver_active(self, dev_handle: Any, intf: int) -> bool:
        return self.usblp

    def detach_kernel_driver(self, dev_handle: Any, intf: int) -> None:
        self.usblp = False

    def bulk_write(self, dev_handle: Any, ep: int, intf: int, data: Any, timeout: int) -> int:
        self._require(ep)
        taken = bytes(data)[: self.takes_bytes]
        if not taken:
            raise USBTimeoutError("Operation timed out", errno=errno.ETIMEDOUT)
        self.takes_bytes = None if self.takes_bytes is None else self.takes_bytes - len(taken)
        self.printer.receive(taken)
        return len(taken)

    def bulk_read(self, dev_handle: Any, ep: int, intf: int, buff: array, timeout: int) -> int:
        self._require(ep)
        with self._arrived:
            self._arrived.wait_for(lambda: self._answers or not self.plugged, timeout / 1000)
            self._require(ep)
            if not self._answers:
                raise USBTimeoutError("Operation timed out", errno=errno.ETIMEDOUT)
            count = min(len(buff), len(self._answers))
            buff[:count] = array("B", self._answers[:count])
            del self._answers[:count]
        return count

    def _require(self, ep: int) -> None:
        if not self.plugged:
            raise USBError("No such device (it may have been disconnected)", errno=errno.ENODEV)
        if ep not in {e.bEndpointAddress for each in self._interfaces for e in each.endpoints}:
            raise USBError("Entity not found", errno=errno.ENOENT)
        self.addresses.add(ep)
