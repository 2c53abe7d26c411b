"""A number is proved by the code that went to it: wrong, late, too many, somebody else's, and nobody to send one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hub.phone_codes import OF_A_PHONE, TRIES
from tests.hub.fixtures import Machine, RunningHub, number_of
from tests.waiting import eventually

CHEN, LI = number_of("chen"), number_of("li")
_phone = iter(range(13900000100, 13900000999))
_receipt = iter(range(1, 100))


@pytest.fixture
def phone() -> str:
    return str(next(_phone))


def send(machine: Machine, phone: str, person: str = CHEN) -> Any:
    return machine.ask("code", action="send", phone=phone, id_number=person)


def check(machine: Machine, phone: str, code: str, person: str = CHEN) -> Any:
    return machine.ask("code", action="check", phone=phone, id_number=person, code=code)


def code_of(hub: RunningHub, phone: str) -> str:
    found = re.search("[0-9]{6}", hub.demo("GET", "messages")[phone])
    assert found
    return found[0]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def let_pass(hub: RunningHub, phone: str, minutes: int) -> None:
    """The codes that went to anybody became older."""
    hub.sql("update phone_code set at = at - make_interval(mins => %s) returning 1", minutes)


def filed(machine: Machine, person: str = "chen", **answers: str) -> list[str]:
    """How a case with these answers ends."""
    receipt = f"code-{next(_receipt)}"
    machine.file_case(person, "T07", receipt, **answers)
    eventually(lambda: machine.states(receipt)[-1:] not in ([], ["delivered"]), f"{receipt} is judged")
    case = machine.case(receipt)
    assert case
    return [case.states[-1].state, *case.states[-1].reasons]


def test_the_right_code_proves_the_number_for_the_case_of_this_person(
    hub: RunningHub, machine: Machine, phone: str
) -> None:
    assert send(machine, phone).state == "sent"
    said = check(machine, phone, code_of(hub, phone))
    assert said.state == "right"
    assert "phone_unproved" not in filed(machine, phone=phone, phone_sms_proof=said.proof)
    assert check(machine, phone, code_of(hub, phone)).state == "late", "a code is good once"
    stored = hub.sql("select row_to_json(phone_code)::text from phone_code")
    assert not [row for row in stored if phone in row[0] or code_of(hub, phone) in row[0]]


@pytest.mark.attack(11)
def test_a_code_cannot_be_found_by_trying(hub: RunningHub, machine: Machine, phone: str) -> None:
    send(machine, phone)
    code = code_of(hub, phone)
    said = [check(machine, phone, wrong(code)) for _ in range(TRIES)]
    assert [each.left for each in said] == [4, 3, 2, 1, 0]
    assert [each.state for each in said] == ["wrong"] * 4 + ["spent"]
    assert check(machine, phone, code).state == "spent", "not even the right one any more"


@pytest.mark.attack(11)
def test_a_code_is_good_for_five_minutes_and_for_this_person(hub: RunningHub, machine: Machine, phone: str) -> None:
    send(machine, phone)
    code = code_of(hub, phone)
    assert check(machine, phone, code, LI).state == "late", "another person"
    assert check(hub.machine(), phone, code).state == "late", "another machine"
    let_pass(hub, phone, 6)
    assert check(machine, phone, code).state == "late"
    assert send(machine, phone).state == "sent"


@pytest.mark.attack(3)
def test_no_machine_rings_a_telephone_all_day(hub: RunningHub, machine: Machine, phone: str) -> None:
    assert send(machine, phone).state == "sent"
    again = send(hub.machine(), phone)
    assert again.state == "wait"
    assert 0 < again.wait_s <= 60
    for _ in range(OF_A_PHONE - 1):
        let_pass(hub, phone, 2)
        assert send(machine, phone).state == "sent"
    let_pass(hub, phone, 2)
    assert send(machine, phone).wait_s > 3600


@pytest.mark.attack(11)
def test_a_proof_of_another_number_person_or_of_nothing_proves_nothing(
    hub: RunningHub, machine: Machine, phone: str
) -> None:
    send(machine, phone)
    proof = check(machine, phone, code_of(hub, phone)).proof
    other = "13911111111"
    assert filed(machine, phone=other, phone_sms_proof=proof) == ["not_accepted", "phone_unproved"]
    assert filed(machine, "li", phone=phone, phone_sms_proof=proof) == ["not_accepted", "phone_unproved"]
    assert filed(machine, phone=phone, phone_sms_proof="x' or 1=1") == ["not_accepted", "phone_unproved"]
