"""选号 at the real hub: no number is held or taken twice, lists are few, what is not filed is free again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hub.departments.traffic.plate_numbers import rules
from kiosk.messages.envelope import new_key
from tests.hub.fixtures import TODAY, Machine, RunningHub
from tests.hub.test_traffic_records import ME, OTHER, Desk, car, person
from tests.hub.test_traffic_services import file

THIRD, FOURTH = "990101199003030034", "990101199104040045"
PEOPLE = {ME: "N1", OTHER: "N2", THIRD: "N3", FOURTH: "N4"}
INSURED = {"insured_to": TODAY.replace(year=2028)}


@pytest.fixture(scope="module")
def machine(hub: RunningHub) -> Machine:
    return hub.machine()


@pytest.fixture(autouse=True)
def drivers(hub: RunningHub) -> Iterator[None]:
    """Four people, each with a new car."""
    Desk(hub.dsn, [person(who, vehicle=[car(vin, None, **INSURED)]) for who, vin in PEOPLE.items()])
    yield
    Desk(hub.dsn, [person(who) for who in PEOPLE])


def ask(machine: Machine, action: str, who: str = ME, **more: Any) -> Any:
    whose = {"key": new_key(), "vehicle": PEOPLE[who]} | more
    return machine.ask("plates", action=action, service="T20", id_number=who, **whose)


def holder(hub: RunningHub, number: str) -> tuple[str | None, bool]:
    """The car that has it, and whether for good."""
    found = hub.sql("select vin, kept_to is not null from traffic.plate_number where number = %s", number)
    return found[0]


def same_list(hub: RunningHub, machine: Machine) -> list[str]:
    """Four people look at the same numbers."""
    (numbers, *_) = [ask(machine, "offer", who).numbers for who in PEOPLE]
    hub.sql("update traffic.plate_draw set numbers = %s returning 1", numbers)
    return numbers


@pytest.mark.attack(3)
def test_a_number_that_four_machines_want_at_once_is_held_for_one(hub: RunningHub, machine: Machine) -> None:
    wanted = same_list(hub, machine)[0]
    machines = [machine, *(hub.machine() for _ in range(3))]
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda at: ask(machines[at], "choose", [*PEOPLE][at], number=wanted), range(4)))
    assert sorted(each.state for each in said) == ["gone", "gone", "gone", "held"]
    for each in said:
        assert each.number == wanted if each.state == "held" else wanted not in each.numbers
    assert all(len(each.numbers) == rules().per_draw - 1 for each in said if each.state == "gone"), "the rest is told"


def test_lists_are_few_and_asking_again_is_the_same_one(machine: Machine) -> None:
    lists = [ask(machine, "offer")]
    assert ask(machine, "offer") == lists[0], "an answer that was lost costs no list"
    while lists[-1].left:
        lists.append(ask(machine, "more", drawn=lists[-1].drawn))
        assert ask(machine, "more", drawn=lists[-2].drawn) == lists[-1]
    assert [each.drawn for each in lists] == [1, 2, 3]
    seen = [number for each in lists for number in each.numbers]
    assert len(set(seen)) == rules().draws * rules().per_draw, "each list is another one"
    assert ask(machine, "more", drawn=3) == lists[-1], "and after the last one there is none"


def test_changing_the_mind_holds_one_number_and_who_goes_gives_it_back(hub: RunningHub, machine: Machine) -> None:
    first, second, *_ = same_list(hub, machine)
    key = new_key()
    assert ask(machine, "choose", key=key, number=first).state == "held"
    assert ask(machine, "choose", key=key, number=first).held_min == rules().hold_minutes, "twice is harmless"
    assert ask(machine, "choose", key=key, number=second).state == "held"
    assert (holder(hub, first), holder(hub, second)) == ((None, False), ("N1", False))
    for _ in range(2):
        given_back: Any = machine.ask("plates", action="give_back", service="T20", key=key)
        assert given_back.state == "given_back"
    assert holder(hub, second) == (None, False)
    assert ask(machine, "choose", OTHER, number=second).state == "held"


def test_what_is_accepted_is_taken_once_and_no_second_one_is_chosen(hub: RunningHub, machine: Machine) -> None:
    first, second, *_ = same_list(hub, machine)
    key = new_key()
    held = ask(machine, "choose", key=key, number=first)
    file(machine, ME, "T20", "P-1", vehicle="N1", plate_number=first)
    machine.wait_for("P-1", "accepted")
    assert hub.sql("select kept_to from traffic.plate_number where number = %s", first) == [(held.kept_to,)]
    machine.ask("plates", action="give_back", service="T20", key=key)
    assert holder(hub, first) == ("N1", True), "what is the car's is not given back any more"
    judged: Any = machine.ask("eligibility", service="T20", id_number=ME)
    assert judged.failed == ["number_not_chosen"]
    assert ask(machine, "choose", number=second).state == "none"
    assert ask(machine, "choose", OTHER, number=first).state == "gone"
    file(machine, ME, "T20", "P-2", vehicle="N1", plate_number=second)
    machine.wait_for("P-2", "not_accepted")


def test_a_hold_that_is_over_is_kept_if_nobody_else_came_and_else_refused_with_its_reason(
    hub: RunningHub, machine: Machine
) -> None:
    first, second, *_ = same_list(hub, machine)
    for who, number in ((ME, first), (OTHER, second)):
        ask(machine, "choose", who, number=number)
    hub.sql("update traffic.plate_number set held_until = '2027-01-01' where held_until is not null returning 1")
    assert ask(machine, "choose", THIRD, number=second).state == "held"
    file(machine, ME, "T20", "P-late", plate_number=first)
    machine.wait_for("P-late", "accepted")
    file(machine, OTHER, "T20", "P-lost", plate_number=second)
    machine.wait_for("P-lost", "not_accepted")
    case = machine.case("P-lost")
    assert case
    assert case.states[-1].reasons == ["plate_number_gone"]
    assert holder(hub, second) == ("N3", False)


def test_what_was_not_registered_in_its_time_is_free_and_what_a_car_drives_with_never_is(
    hub: RunningHub, machine: Machine
) -> None:
    first, second, *_ = same_list(hub, machine)
    for who, number in ((ME, first), (OTHER, second)):
        file(machine, who, "T20", f"P-{who}", plate_number=number)
        machine.wait_for(f"P-{who}", "accepted")
    hub.sql("update traffic.vehicle set plate = %s where vin = 'N2' returning 1", second)
    hub.sql("update traffic.plate_number set kept_to = '2027-01-11' where kept_to is not null returning 1")
    assert first in ask(machine, "offer").numbers
    assert ask(machine, "choose", THIRD, number=second).state == "gone"


@pytest.mark.attack(3)
@pytest.mark.parametrize(
    ("asked", "state"),
    [
        ({"number": "通A·00001"}, "gone"),
        ({"number": ""}, "gone"),
        ({"number": "通A·0000T' or true --"}, "gone"),
        ({"vehicle": "N2"}, "none"),
        ({"vehicle": "nobody's"}, "none"),
    ],
)
def test_nobody_gets_a_number_that_was_not_offered_or_for_a_car_of_somebody_else(
    machine: Machine, asked: dict[str, str], state: str
) -> None:
    ask(machine, "offer")
    assert ask(machine, "choose", **{"number": "通A·0000T", **asked}).state == state


@pytest.mark.attack(3)
def test_a_case_that_names_a_number_which_was_never_offered_is_refused(hub: RunningHub, machine: Machine) -> None:
    ask(machine, "offer")
    other = hub.sql(
        "select number from traffic.plate_number where not exists(select from traffic.plate_draw "
        "where number = any(numbers)) limit 1"
    )
    file(machine, ME, "T20", "P-own", plate_number=other[0][0])
    machine.wait_for("P-own", "not_accepted")
    assert holder(hub, other[0][0]) == (None, False)


@pytest.mark.attack(3)
@pytest.mark.parametrize("asked", [{"service": "T01"}, {"service": "X1"}, {"id_number": ""}])
def test_a_question_that_makes_no_sense_is_refused(machine: Machine, asked: dict[str, Any]) -> None:
    whole = {"action": "choose", "service": "T20", "id_number": ME, "key": new_key(), "number": "通A·0000T"}
    assert machine.status_of("plates", **{**whole, **asked}) == 422


def test_every_kind_of_car_has_its_own_pool_and_a_small_pool_ends(hub: RunningHub, machine: Machine) -> None:
    Desk(hub.dsn, [person(ME, vehicle=[car("N1", None, kind="small_nev", **INSURED)])])
    assert all(number.startswith("通A·D") for number in ask(machine, "offer").numbers)
    Desk(hub.dsn, [person(ME, vehicle=[car("N1", None, kind="motorcycle", **INSURED)])])
    assert ask(machine, "offer").state == "none"
    hub.sql("update traffic.plate_release set released = 9999999 returning 1")
    hub.sql("update traffic.plate_number set kept_to = '2027-02-01', vin = 'all' where kind = 'small_car' returning 1")
    assert ask(machine, "offer", OTHER).numbers == []
    hub.sql("update traffic.plate_number set kept_to = null, vin = null where vin = 'all' returning 1")
    hub.sql("update traffic.plate_release set released = 1000 returning 1")
