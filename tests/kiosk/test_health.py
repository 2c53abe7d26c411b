"""What is offered: what cannot end is not started, by what each step kind says of itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from devices.vocabulary import DeviceState, DeviceStatus, SupplyState
from kiosk.catalogue.kinds import spec_type
from kiosk.catalogue.model import About, Service, Use
from kiosk.health import Offer, files, offer, wants_slip
from kiosk.journey.steps import choose
from kiosk.roster import PRINTER, READER
from kiosk.text import text

WORKS = DeviceStatus(device=DeviceState.ONLINE)
AWAY = DeviceStatus(device=DeviceState.OFFLINE, error="unplugged")


def with_steps(machine: Any, *steps: dict[str, Any] | str) -> Service:
    tables = [{"kind": step} if isinstance(step, str) else step for step in steps]
    found = tuple(msgspec.convert(table, spec_type(table["kind"])) for table in tables)
    return msgspec.structs.replace(machine.catalogue.services["T01"], steps=found, devices=())


def offered(machine: Any, service: Service, **more: Any) -> Offer:
    return offer(service, machine.peripherals, **{"online": True, "knows_date": True, **more})


@pytest.fixture
def equipped(machine: Any) -> Any:
    for kind in (READER, PRINTER):
        machine.peripherals.publish(kind, WORKS)
    return machine


@pytest.mark.parametrize("status", [AWAY, None])
def test_a_service_that_reads_a_card_is_offered_only_with_a_reader(
    machine: Any, equipped: Any, status: DeviceStatus | None
) -> None:
    service = with_steps(machine, "identify")
    assert offered(machine, service).available
    if status:
        machine.peripherals.publish(READER, status)
    else:
        machine.peripherals.kinds.pop(READER)
    refused = offered(machine, service)
    assert (refused.available, refused.reason) == (False, text("health.no_reader"))
    assert offered(machine, with_steps(machine, "rate")).available, "it reads none"


@pytest.mark.parametrize(("lost", "is_offered"), [("ends", 0), ("waits", 0), ("other_way", 1), ("goes_on", 1)])
@pytest.mark.parametrize("has_condition", [False, True])
def test_a_device_that_a_step_cannot_do_without_decides_unless_nobody_knows_yet_whether_it_is_asked(
    machine: Any, monkeypatch: pytest.MonkeyPatch, lost: Any, is_offered: int, has_condition: bool
) -> None:
    monkeypatch.setattr(choose.Spec, "about", About(devices=(Use(device="code_scanner", lost=lost),)))
    words = {"zh": "字", "en": "word"}
    table: dict[str, Any] = {"kind": "choose", "name": "x", "label": words, "title": words, "options": []}
    if has_condition:
        table["only_if"] = {"fact": "card.age", "op": "at_most", "value": 15}
    found = offered(machine, with_steps(machine, table))
    assert found.available is (bool(is_offered) or has_condition)
    assert found.available or found.reason == text("health.no_device")


@pytest.mark.parametrize(
    ("step", "offline", "is_offered"),
    [
        ("documents", "info", False),
        ("progress", "info", True),
        ("progress", "live", False),
        ("eligibility", "info", False),
        ("eligibility", "register", True),
    ],
)
def test_without_the_city_only_what_can_do_without_is_offered(
    machine: Any, step: str, offline: Any, is_offered: bool
) -> None:
    service = msgspec.structs.replace(with_steps(machine, step), offline=offline)
    found = offered(machine, service, online=False)
    assert found.available is is_offered
    assert found.available or found.reason == text("health.needs_network")
    assert offered(machine, service).available


@pytest.mark.parametrize("status", [AWAY, DeviceStatus(device=DeviceState.ONLINE, supply=SupplyState.OUT)])
def test_without_paper_it_is_said_beforehand(machine: Any, equipped: Any, status: DeviceStatus) -> None:
    service = with_steps(machine, "identify", "file", "slip")
    assert not offered(machine, service).hint
    machine.peripherals.publish(PRINTER, status)
    found = offered(machine, service)
    assert (found.available, found.hint) == (True, text("health.no_slip"))
    assert not offered(machine, with_steps(machine, "identify", "documents")).hint, "it gives no slip"


@pytest.mark.parametrize(
    ("steps", "is_filing", "gives_slip"),
    [
        (("identify", "file", "slip", "rate"), True, True),
        (("identify", "documents", "rate"), False, False),
        (("rate",), True, False),
        (("complaint",), True, True),
        (("progress",), False, False),
    ],
)
def test_what_comes_to_nothing_unless_something_is_kept(
    machine: Any, steps: tuple[str, ...], is_filing: bool, gives_slip: bool
) -> None:
    service = with_steps(machine, *steps)
    assert (files(service), wants_slip(service)) == (is_filing, gives_slip)
    machine.peripherals.publish(READER, WORKS)
    found = offered(machine, service, filing_trouble="full")
    assert found.available is not is_filing
    assert found.available or found.reason == text("health.not_filed_full")


@pytest.mark.parametrize(
    ("condition", "needs"),
    [
        ({"fact": "card.age", "op": "at_most", "value": 15}, True),
        ({"fact": "card.valid_to", "op": "days_ahead_at_most", "value": 90}, True),
        ({"fact": "card.kind", "op": "is", "value": "resident"}, False),
    ],
)
def test_a_condition_that_counts_days_or_years_needs_a_date(
    machine: Any, condition: dict[str, Any], needs: bool
) -> None:
    service = msgspec.structs.replace(with_steps(machine, {"kind": "rate", "only_if": condition}), checks=())
    assert offered(machine, service, knows_date=False).available is not needs
