"""Orders of somebody in charge: each is done and written down in one step, by whoever gave it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio

from kiosk import doctor, orders
from kiosk.machine import Machine
from kiosk.orders import OPERATOR, By
from kiosk.status_socket import CannotAnswer
from offline_cache.errors import StoreError, StoreFull

CITY = By("supervisor-1", "city_")


def held_case(machine: Machine) -> int:
    """An envelope that the hub has refused."""
    kept = machine.outbox.put(
        kind="case",
        key="a" * 32,
        case_id="a" * 32,
        receipt_number=None,
        parts=[("form", b"sealed")],
        stamp=lambda seq, _prev, _digests: (b'{"header": %d}' % seq, "signature"),
    )
    machine.outbox.hold(kept.seq, "409")
    return kept.seq


def written(machine: Machine) -> list[tuple[str, str, dict[str, Any]]]:
    """Actor, event and detail of every audit row."""
    return [(row.actor, row.event, row.detail) for row in machine.audit_log.rows()]


async def test_an_order_is_the_same_whoever_gives_it_and_names_who(machine: Machine) -> None:
    for by in (OPERATOR, CITY):
        assert await orders.carry_out(machine, by, "service_state", {"reason": "paper"}) == {"out_of_service": "paper"}
        assert machine.out_of_service == "paper"
        await orders.carry_out(machine, by, "service_state", {"reason": ""})
        assert machine.out_of_service == ""
    assert written(machine) == [
        ("operator", "service_state", {"reason": "paper"}),
        ("operator", "service_state", {"reason": "in_service"}),
        ("supervisor-1", "city_service_state", {"reason": "paper"}),
        ("supervisor-1", "city_service_state", {"reason": "in_service"}),
    ]


async def test_a_held_envelope_is_tried_again_once(machine: Machine) -> None:
    seq = held_case(machine)
    assert await orders.carry_out(machine, OPERATOR, "release", {"seq": seq}) == {"released": True}
    assert machine.outbox.row(seq).state == "stored"
    assert await orders.carry_out(machine, CITY, "release", {"seq": seq}) == {"released": False}
    assert written(machine) == [
        ("operator", "released", {"seq": seq}),
        ("supervisor-1", "city_released", {"seq": seq, "freed": False}),
    ]


async def test_what_was_released_is_on_its_way_at_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    nudges: list[str] = []
    monkeypatch.setattr(machine.forwarder, "nudge", lambda: nudges.append("now"))
    await orders.carry_out(machine, OPERATOR, "release", {"seq": held_case(machine)})
    assert nudges == ["now"]


async def test_what_cannot_be_written_down_is_not_done(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_row: object) -> None:
        raise StoreFull("no room")

    seq = held_case(machine)
    machine.staff.enrol("110101199003070000", "guide", "g-1", "482913")
    monkeypatch.setattr(machine.audit_log, "append", full)
    tried: list[tuple[str, dict[str, Any]]] = [("release", {"seq": seq}), ("service_state", {"reason": "fault"})]
    for name, arguments in (*tried, ("staff_remove", {"ref": "g-1"})):
        with pytest.raises(StoreError):
            await orders.carry_out(machine, OPERATOR, name, arguments)
    assert (machine.outbox.row(seq).state, machine.out_of_service) == ("held", "")
    assert [known.ref for known in machine.staff.known()] == ["g-1"]


async def test_what_cannot_be_done_is_not_written_down(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_value: object) -> None:
        raise StoreFull("no room")

    monkeypatch.setattr(machine.values, "put", full)
    with pytest.raises(StoreError):
        await orders.carry_out(machine, OPERATOR, "service_state", {"reason": "fault"})
    assert (written(machine), machine.out_of_service) == ([], "")


async def test_an_order_that_was_begun_is_carried_out_whoever_hangs_up(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stood in the audit chain, and nothing was done."""
    restarted: list[str] = []
    monkeypatch.setattr(machine.peripherals, "can_restart", lambda _name: True)
    monkeypatch.setattr(machine.peripherals, "restart", lambda name: restarted.append(name) or True)
    with trio.CancelScope() as connection:
        write = machine.audit

        async def write_and_hang_up(event: str, **said: Any) -> None:
            await write(event, **said)
            connection.cancel()

        monkeypatch.setattr(machine, "audit", write_and_hang_up)
        await orders.questions(machine)["restart_device"]({"device": "receipt_printer"})
    assert ([event for _, event, _ in written(machine)], restarted) == (["device_restarted"], ["receipt_printer"])


async def test_out_of_service_outlives_the_machine(machine: Machine) -> None:
    await orders.carry_out(machine, OPERATOR, "service_state", {"reason": "fault"})
    assert machine.values.get("machine", "out_of_service") == b"fault"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("service_state", {"reason": "because"}),
        ("service_state", {}),
        ("release", {"seq": 0}),
        ("release", {"seq": "one"}),
        ("restart_device", {"device": ""}),
        ("staff_remove", {"ref": "x" * 65}),
        ("open_locker", {"lock": 0}),
        ("open_locker", {"lock": 25}),
        ("settle_doubt", {"intent": 1, "outcome": "perhaps"}),
    ],
)
async def test_a_wrong_order_changes_nothing_and_is_not_written(
    machine: Machine, name: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(msgspec.ValidationError):
        await orders.carry_out(machine, OPERATOR, name, arguments)
    assert (written(machine), machine.out_of_service) == ([], "")


async def test_an_envelope_that_nobody_knows_is_named(machine: Machine) -> None:
    with pytest.raises(StoreError):
        await orders.carry_out(machine, OPERATOR, "release", {"seq": 42})
    with pytest.raises(CannotAnswer, match="42"):
        await orders.questions(machine)["release"]({"seq": 42})
    assert written(machine) == []


async def test_a_device_that_is_not_there_is_not_restarted(machine: Machine) -> None:
    with pytest.raises(CannotAnswer, match="kiosk doctor"):
        await orders.carry_out(machine, OPERATOR, "restart_device", {"device": "elevator"})
    assert written(machine) == []


async def test_no_door_is_opened_while_somebody_is_served_or_where_there_is_none(machine: Machine) -> None:
    with pytest.raises(CannotAnswer, match="kiosk doctor"):
        await orders.carry_out(machine, OPERATOR, "open_locker", {"lock": 3})
    machine.is_quiet = False
    with pytest.raises(CannotAnswer, match="served"):
        await orders.carry_out(machine, OPERATOR, "open_locker", {"lock": 3})
    assert written(machine) == []


async def test_the_operator_orders_all_but_what_only_eyes_can_tell(machine: Machine) -> None:
    asked = doctor.questions(machine)
    ordered = orders.questions(machine)
    assert set(ordered) == set(orders.ORDERS) - {"settle_doubt"}
    assert not set(asked) & set(ordered), "one name, one meaning"
