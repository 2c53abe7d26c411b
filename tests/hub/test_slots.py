"""Appointments at the real hub: no place is given twice, a person has one, what is given up is free again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.slots.plan import openings, read, usual
from kiosk.messages.envelope import new_key
from tests.hub.fixtures import Machine, RunningHub, number_of
from tests.hub.test_enrolment import command
from tests.waiting import eventually

ZHAO, LI, WANG = (number_of(person) for person in ("zhao", "li", "wang"))
TUESDAY, WEDNESDAY = "2027-01-13T09:30", "2027-01-13T10:00"
_number = iter(range(1, 1000))


@pytest.fixture(autouse=True)
def nothing_booked(hub: RunningHub) -> None:
    hub.sql("delete from appointment returning 1")


def ask(machine: Machine, action: str, person: str = ZHAO, counter: str = "household", **more: Any) -> Any:
    service = more.pop("service", "C04")
    return machine.ask("slots", action=action, service=service, counter=counter, id_number=person, **more)


def take(machine: Machine, at: str, person: str = ZHAO, key: str = "", **more: Any) -> Any:
    return ask(machine, "take", person, key=key or new_key(), begins_at=at, **more)


def left(machine: Machine, at: str, counter: str = "household") -> int:
    return next(slot.left for slot in ask(machine, "offer", WANG, counter).slots if slot.begins_at == at)


def booked(machine: Machine, person: str, at: str, counter: str = "household") -> str:
    """The receipt number of an appointment that is kept."""
    key, receipt, card = new_key(), f"slot-{next(_number)}", number_of(person)
    assert take(machine, at, card, key, counter=counter).state == "taken"
    machine.file_case(person, "C04", receipt, key=key, counter=counter, appointment=at)
    machine.wait_for(receipt, "decided")
    return receipt


@pytest.mark.attack(3)
def test_the_last_places_are_given_to_no_more_people_than_there_are_places(hub: RunningHub) -> None:
    machines = [hub.machine() for _ in range(4)]
    people = [number_of(person) for person in ("zhao", "li", "wang", "chen", "wu", "ma", "zhou", "sun")]
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: take(machines[n % 4], TUESDAY, people[n]), range(8)))
    tickets = [each.mine.ticket for each in said if each.state == "taken"]
    assert sorted(tickets) == ["A005", "A006", "A007", "A008"]
    assert [each.state for each in said].count("full") == 4
    refused = next(each for each in said if each.state == "full")
    assert TUESDAY not in [slot.begins_at for slot in refused.slots if slot.left], (
        "and the others are told what is left"
    )


def test_a_person_has_one_for_each_matter_and_a_newer_one_takes_its_place(machine: Machine) -> None:
    first = booked(machine, "zhao", TUESDAY)
    assert ask(machine, "offer").mine.ticket == "A005"
    assert ask(machine, "offer").mine.receipt_number == first
    assert ask(machine, "offer", counter="traffic").mine is None, "another counter is another matter"
    second = booked(machine, "zhao", WEDNESDAY)
    assert (left(machine, TUESDAY), left(machine, WEDNESDAY)) == (4, 3)
    assert machine.states(first)[-1] == "withdrawn"
    assert machine.states(second)[-2:] == ["accepted", "decided"]
    assert ask(machine, "offer").mine.begins_at == WEDNESDAY


def test_changing_the_mind_before_filing_holds_one_place_only(machine: Machine) -> None:
    key = new_key()
    assert take(machine, TUESDAY, key=key).mine.ticket == "A005"
    assert take(machine, TUESDAY, key=key).mine.ticket == "A005", "asking again is the same place"
    take(machine, WEDNESDAY, key=key)
    take(machine, WEDNESDAY)
    assert (left(machine, TUESDAY), left(machine, WEDNESDAY)) == (4, 3)


def test_a_cancelled_one_is_free_and_its_case_is_withdrawn(machine: Machine) -> None:
    receipt = booked(machine, "li", TUESDAY)
    assert left(machine, TUESDAY) == 3
    assert ask(machine, "cancel", ZHAO).state == "none", "nobody cancels what is another's"
    assert ask(machine, "cancel", LI).state == "cancelled"
    assert left(machine, TUESDAY) == 4
    assert machine.states(receipt)[-1] == "withdrawn"
    assert ask(machine, "cancel", LI).state == "none"


def test_a_place_that_nobody_files_is_free_after_a_while_and_got_again_while_there_is_one(
    hub: RunningHub, machine: Machine
) -> None:
    late, lost = new_key(), new_key()
    take(machine, TUESDAY, key=late)
    hub.sql("update appointment set held_until = now() - interval '1 year' returning 1")
    assert left(machine, TUESDAY) == 4
    take(machine, TUESDAY, LI)
    machine.file_case("zhao", "C04", "slot-late", key=late, counter="household", appointment=TUESDAY)
    machine.wait_for("slot-late", "decided")
    hub.sql("update appointment set state = 'cancelled' returning 1")
    for person in ("chen", "wu", "ma", "zhou"):
        take(machine, TUESDAY, number_of(person))
    machine.file_case("zhao", "C04", "slot-lost", key=lost, counter="household", appointment=TUESDAY)
    machine.wait_for("slot-lost", "not_accepted")
    assert machine.case("slot-lost").states[-1].reasons == ["slot_gone"]


@pytest.mark.parametrize(
    "answers",
    [{}, {"appointment": "2027-01-13T09:31"}, {"appointment": "soon"}, {"appointment": "2020-01-13T09:30"}],
    ids=["none", "between two", "no time", "past"],
)
@pytest.mark.attack(3)
def test_no_machine_books_a_time_that_there_is_not(machine: Machine, answers: dict[str, str]) -> None:
    receipt = f"slot-{next(_number)}"
    machine.file_case("zhao", "C04", receipt, **{"counter": "household", **answers})
    machine.wait_for(receipt, "not_accepted")


@pytest.mark.attack(3)
def test_what_is_no_service_counter_or_own_case_is_refused(machine: Machine) -> None:
    key = new_key()
    assert take(machine, TUESDAY, key=key).state == "taken"
    who = {"action": "take", "service": "C04", "counter": "household", "id_number": LI, "begins_at": TUESDAY}
    assert machine.status_of("slots", **who, key=key) == 422, "somebody else's case"
    assert machine.status_of("slots", **who) == 422, "no case"
    assert machine.status_of("slots", **{**who, "service": "T01"}, key=new_key()) == 422
    assert machine.status_of("slots", **{**who, "counter": "kitchen"}, key=new_key()) == 422


def test_a_departments_case_keeps_its_place_when_accepted_and_gives_it_back_when_not(machine: Machine) -> None:
    for person, ends, remaining in (("li", "not_accepted", 4), ("zhao", "accepted", 3)):
        key = new_key()
        assert take(machine, TUESDAY, number_of(person), key, service="H18").state == "taken"
        machine.file_case(person, "H18", f"visit-{person}", key=key, entry="name", appointment=TUESDAY)
        machine.wait_for(f"visit-{person}", ends)
        eventually(lambda remaining=remaining: left(machine, TUESDAY) == remaining, "the place as the case ended")


def test_one_visit_for_several_matters_has_one_place(machine: Machine) -> None:
    first, second = new_key(), new_key()
    take(machine, TUESDAY, key=first, service="H18")
    machine.file_case("zhao", "H18", "both-1", key=first, entry="name", appointment=TUESDAY)
    machine.file_case("zhao", "H04", "both-2", key=second, child_name="赵小禾", appointment=TUESDAY)
    machine.wait_for("both-1", "accepted")
    machine.wait_for("both-2", "accepted")
    assert left(machine, TUESDAY) == 3


@pytest.mark.parametrize("change", ["moved", "cancelled"])
def test_a_case_whose_place_went_while_its_department_was_away_comes_to_an_end(
    hub: RunningHub, machine: Machine, change: str
) -> None:
    first, second = f"slot-{next(_number)}", f"slot-{next(_number)}"
    hub.demo("POST", "faults", down=["household"])
    try:
        _filed_for(machine, first, TUESDAY)
        _kept(hub, TUESDAY)
        if change == "moved":
            _filed_for(machine, second, WEDNESDAY)
            _kept(hub, WEDNESDAY)
        else:
            assert ask(machine, "cancel", service="H18").state == "cancelled"
    finally:
        hub.demo("DELETE", "faults")
    machine.wait_for(first, "not_accepted")
    assert machine.case(first).states[-1].reasons == ["slot_gone"]
    if change == "moved":
        machine.wait_for(second, "accepted")


def _filed_for(machine: Machine, receipt: str, at: str) -> None:
    key = new_key()
    assert take(machine, at, key=key, service="H18").state == "taken"
    machine.file_case("zhao", "H18", receipt, key=key, entry="name", appointment=at)


def _kept(hub: RunningHub, at: str) -> None:
    kept = "select 1 from appointment where state = 'kept' and begins_at = %s"
    eventually(lambda: hub.sql(kept, f"{at}+08:00"), "the place is kept")


@pytest.mark.attack(3)
def test_a_case_that_has_had_its_place_gets_no_other(machine: Machine) -> None:
    key = new_key()
    take(machine, TUESDAY, key=key)
    machine.file_case("zhao", "C04", "slot-had", key=key, counter="household", appointment=TUESDAY)
    machine.wait_for("slot-had", "decided")
    assert take(machine, WEDNESDAY, key=key).state == "full"
    assert ask(machine, "offer").mine.begins_at == TUESDAY, "and keeps the one that it has"
    assert ask(machine, "cancel").state == "cancelled"
    for at in (TUESDAY, WEDNESDAY):
        assert take(machine, at, key=key).state == "full"
    assert take(machine, TUESDAY).state == "taken", "another case does"


def test_no_number_is_called_twice_on_a_day_after_the_plan_has_changed(
    hub: RunningHub, machine: Machine, tmp_path: Path
) -> None:
    people = [number_of(person) for person in ("zhao", "li", "wang", "chen", "wu", "ma", "zhou")]
    plan = tmp_path / "plan.toml"
    usual_plan = command(hub, "slots", "plan").stdout
    plan.write_text(usual_plan.replace("places = 4", "places = 3"))
    before = [take(machine, TUESDAY, person).mine.ticket for person in people[:4]]
    try:
        assert command(hub, "slots", "plan", str(plan)).returncode == 0
        with ThreadPoolExecutor(3) as pool:
            after = list(pool.map(lambda person: take(machine, WEDNESDAY, person).mine.ticket, people[4:]))
    finally:
        hub.sql("delete from setting where name = 'slot_plan' returning 1")
    assert before == ["A005", "A006", "A007", "A008"]
    assert not {*before} & {*after}
    assert len({*after}) == 3
    assert "A009" in after, "what nobody has stays the place's own"


def test_a_city_has_hours_of_its_own(hub: RunningHub, machine: Machine, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    hours = 'open_days = 1\nnotice_minutes = 0\nhold_minutes = 5\n[[counters]]\nkey = "household"\nletter = "Q"\n'
    plan.write_text(hours + 'minutes = 60\nplaces = 1\nbegins = ["23:30", "25:00"]\n')
    assert command(hub, "slots", "plan", str(plan)).returncode == 1, "no such hour"
    plan.write_text(hours + 'minutes = 20\nplaces = 1\nbegins = ["23:30"]\n')
    assert command(hub, "slots", "plan", str(plan)).returncode == 0
    assert read(command(hub, "slots", "plan").stdout.encode()) == read(plan.read_bytes()), (
        "as it is shown it can be set"
    )
    assert [(slot.begins_at, slot.left) for slot in ask(machine, "offer").slots] == [("2027-01-12T23:30", 1)]
    booked(machine, "zhao", "2027-01-12T23:30")
    listed = command(hub, "slots", "list", "2027-01-12")
    assert "Q001" in listed.stdout
    assert "赵" in listed.stdout
    assert ZHAO not in listed.stdout
    hub.sql("delete from setting where name = 'slot_plan' returning 1")


def test_days_off_and_times_that_have_begun_are_not_offered() -> None:
    plan = usual()
    counter = plan.counter("household")
    assert counter is not None
    found = openings(plan, counter, datetime(2026, 9, 30, 7, 50, tzinfo=UTC))
    days = dict.fromkeys(each.begins_at.date().isoformat() for each in found)
    assert list(days) == ["2026-10-08", "2026-10-09", "2026-10-10", "2026-10-12"], "the holidays, and a Saturday worked"
    with pytest.raises(ValueError, match="two counters"):
        read(
            b"open_days=1\nnotice_minutes=0\nhold_minutes=5\n"
            + 2 * (b'[[counters]]\nkey="a"\nletter="A"\nminutes=30\nplaces=1\nbegins=["09:00"]\n')
        )
