"""USB printers: whatever endpoints they have stands in their descriptors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from devices.contract import Deadline, Permanent, TryAgain
from devices.receipt_printer.driver import EscposPrinter, ReceiptPrinterSettings
from devices.receipt_printer.job import Outcome
from devices.vocabulary import DeviceState, DeviceStatus, SupplyState
from tests.devices.receipt_printer.test_doubt import FIRST, GENEROUS_S, slip
from tests.devices.receipt_printer.test_driver import HELLO, outcome
from tests.devices.receipt_printer.usb_bus import INTERRUPT, PRODUCT, VENDOR, Bus, endpoint, interface

PORT = f"{VENDOR:04x}:{PRODUCT:04x}"
USUAL = interface(0, 7, 2, endpoint(0x82), endpoint(0x01))


class Usb:
    """A driver on a bus with one device."""

    def __init__(self, bus: Bus, **more: Any) -> None:
        self.bus = bus
        self.statuses: list[DeviceStatus] = []
        values = {"port": PORT, "barrier_timeout_s": 5.0, "status_timeout_ms": 1000, **more}
        settings = ReceiptPrinterSettings(driver="escpos", transport="usb", **values)
        self.driver = EscposPrinter(settings, self.statuses.append)

    def text(self, number: int = -1) -> str:
        with open(self.bus.printer.slips[number]["txt"], encoding="utf-8") as sheet:
            return sheet.read()


@pytest.fixture
def plugged(tmp_path, monkeypatch) -> Callable[..., Usb]:
    def plug(*interfaces: Any, **more: Any) -> Usb:
        bus = Bus(tmp_path, *(interfaces or (USUAL,)))
        monkeypatch.setattr("usb.backend.libusb1.get_backend", lambda: bus)
        return Usb(bus, **more)

    return plug


@pytest.mark.parametrize(
    "interfaces",
    [
        (USUAL,),
        (interface(0, 7, 2, endpoint(0x03), endpoint(0x81)),),
        (interface(0, 7, 2, endpoint(0x83, INTERRUPT), endpoint(0x81), endpoint(0x03)),),
        (interface(0, 3, 0, endpoint(0x84, INTERRUPT)), interface(1, 7, 2, endpoint(0x02), endpoint(0x86))),
        (interface(0, 7, 4, endpoint(0x05), endpoint(0x85)), interface(1, 7, 2, endpoint(0x02), endpoint(0x86))),
        (interface(0, 255, 0, endpoint(0x02), endpoint(0x81)),),
    ],
    ids=["82/01", "81/03", "interrupt too", "second interface", "beside IPP", "vendor class"],
)
def test_printer_prints_on_the_endpoints_that_it_has(plugged, interfaces):
    usb = plugged(*interfaces)
    usb.driver.setup()
    assert usb.statuses[-1].supply is SupplyState.FULL
    assert usb.driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST)).ok
    assert FIRST in usb.text()
    usb.bus.printer.set(paper="out")
    assert outcome(usb.driver.print_job(Deadline(GENEROUS_S), HELLO)) == (Outcome.NOT_PRINTED, "paper_out")
    usb.driver.teardown()
    assert usb.bus.claimed == []


def test_cable_pulled_and_put_back(plugged):
    usb = plugged()
    usb.driver.setup()
    usb.bus.plugged = False
    with pytest.raises(TryAgain) as lost:
        usb.driver.idle()
    assert lost.value.error == "unplugged"
    usb.driver.teardown()
    with pytest.raises(TryAgain) as absent:
        usb.driver.setup()
    assert absent.value.error == "no_device"
    usb.bus.plugged = True
    usb.driver.setup()
    assert usb.driver.print_job(Deadline(GENEROUS_S), HELLO).ok


def test_transfer_that_ran_out_of_time_in_the_middle_leaves_a_known_state(plugged):
    usb = plugged()
    usb.driver.setup()
    usb.bus.takes_bytes = 12 + 3000
    done = usb.driver.print_job(Deadline(2.0), slip("张*三", FIRST))
    assert outcome(done) == (Outcome.UNKNOWN, "stalled")
    usb.bus.takes_bytes = None
    usb.driver.teardown()
    usb.driver.setup()
    assert usb.driver.print_job(Deadline(GENEROUS_S), HELLO).ok
    assert usb.text() == "你好\n"


def test_printer_that_cannot_answer_is_printed_to_where_the_configuration_says_so(plugged):
    usb = plugged(interface(0, 7, 1, endpoint(0x02)), status="none", barrier="none")
    usb.driver.setup()
    assert usb.statuses[-1].device is DeviceState.ONLINE
    assert outcome(usb.driver.print_job(Deadline(GENEROUS_S), HELLO)) == (Outcome.UNKNOWN, "no_barrier")


def test_what_takes_no_print_data_is_named(plugged):
    usb = plugged(interface(0, 3, 0, endpoint(0x84, INTERRUPT)))
    with pytest.raises(Permanent, match="no interface that takes print data"):
        usb.driver.setup()


def test_missing_library_and_wrong_port_are_named(plugged, monkeypatch):
    with pytest.raises(Permanent, match="VVVV:PPPP"):
        plugged(port="printer").driver.setup()
    usb = plugged()
    for backend in ("libusb1", "openusb", "libusb0"):
        monkeypatch.setattr(f"usb.backend.{backend}.get_backend", lambda: None)
    with pytest.raises(Permanent, match="libusb"):
        usb.driver.setup()
