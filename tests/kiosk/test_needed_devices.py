"""What a service asks for must work before anybody begins it; a slip that cannot be printed is a hint."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from devices.vocabulary import DeviceState, DeviceStatus, SupplyState
from kiosk.catalogue.loader import load
from kiosk.catalogue.model import Service
from kiosk.health import Offer, offer
from kiosk.roster import PRINTER, READER, Roster
from kiosk.text import text

WELL = DeviceStatus(DeviceState.ONLINE, supply=SupplyState.FULL)


def given(service: Service, **statuses: DeviceStatus) -> Offer:
    """What is offered while these devices, each named like its kind, have said this last; any other is not there."""
    roster: Any = Roster({})
    roster.statuses = {READER: WELL, PRINTER: WELL, **statuses}
    roster.kinds = {kind: kind for kind in roster.statuses}
    return offer(service, roster, online=True, knows_date=True)


def service(key: str, *devices: str) -> Service:
    return msgspec.structs.replace(load().services[key], devices=devices)


@pytest.mark.parametrize("device", ["camera", "document_camera", "lock_board", "code_scanner"])
@pytest.mark.parametrize("key", ["T02", "C01"])
def test_a_device_that_a_service_lists_must_work(key: str, device: str) -> None:
    asks = service(key, PRINTER, device)
    away = given(asks)
    assert (away.available, away.reason) == (False, text("health.no_device")), "it is not even there"
    lost = given(asks, **{device: DeviceStatus(DeviceState.OFFLINE)})
    assert (lost.available, lost.reason) == (False, text("health.no_device"))
    assert given(asks, **{device: WELL}).available
    assert given(service(key, PRINTER)).available, "who does not ask for it does not need it"


def test_the_reader_is_asked_for_by_the_step_or_by_the_service_and_named_the_same() -> None:
    lost = DeviceStatus(DeviceState.OFFLINE)
    for asks in (service("T02"), service("C03", READER)):
        assert given(asks, **{READER: lost}).reason == text("health.no_reader")
    assert given(service("C03"), **{READER: lost}).available


@pytest.mark.parametrize(
    "printer", [DeviceStatus(DeviceState.OFFLINE), DeviceStatus(DeviceState.ONLINE, supply=SupplyState.OUT)]
)
def test_a_slip_that_cannot_be_printed_is_a_hint_and_a_printer_without_a_slip_is_not(printer: DeviceStatus) -> None:
    found = given(service("T02", PRINTER), **{PRINTER: printer})
    assert (found.available, found.hint) == (True, text("health.no_slip"))
    assert not given(service("E13", PRINTER), **{PRINTER: printer}).available, "there the paper is what it is for"
