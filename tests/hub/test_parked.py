"""What waits for a late result: told to that person at every machine, until it is filed."""

from __future__ import annotations

from tests.hub.fixtures import Machine, RunningHub, number_of

SMITH = number_of("smith")


def parked(machine: Machine, person: str = SMITH) -> list[tuple[str, bool]]:
    due: object = machine.ask("due", id_number=person)
    return [(each.service, each.is_ready) for each in due.parked]  # type: ignore[attr-defined]


def test_it_waits_for_its_person_at_every_machine_until_the_result_has_come(hub: RunningHub, machine: Machine) -> None:
    said: object = machine.ask("park", id_number=SMITH, service="T05", checks=["medical_recent"])
    assert said.until.isoformat() == "2027-01-19"  # type: ignore[attr-defined]
    hub.sql("update traffic.licence set medical_on = null where id_number = %s returning 1", SMITH)
    other = hub.machine()
    assert parked(other) == [("T05", False)]
    assert parked(other, number_of("zhao")) == []
    hub.sql("update traffic.licence set medical_on = '2027-01-12' where id_number = %s returning 1", SMITH)
    assert parked(other) == [("T05", True)]
    other.file_case("smith", "T05", "T-parked")
    other.wait_for("T-parked", "accepted")
    assert parked(machine) == []


def test_only_checks_that_there_are_can_be_waited_for(machine: Machine) -> None:
    assert machine.status_of("park", id_number=SMITH, service="T05", checks=["no_such"]) == 422
    assert parked(machine) == []
