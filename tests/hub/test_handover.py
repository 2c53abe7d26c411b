"""What was said of an unfinished service: another machine has it once, a phone sees it masked, midnight ends it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub.api.phone import masked
from hub.handover import MOST_LEFT
from kiosk.messages.resume_code import new_resume_code
from tests.hub.fixtures import Machine, RunningHub, number_of
from tests.waiting import HANG_S

ZHAO = number_of("zhao")
PHONE = "13812345678"


def handed(machine: Machine, action: str, service: str = "H01", person: str = ZHAO, **said: str) -> Any:
    label = {"zh": "联系电话", "en": "Telephone"}
    more = {"said": [{"name": name, "value": value, "label": label} for name, value in said.items()]} if said else {}
    return machine.ask("handover", action=action, id_number=person, service=service, **more)


def left_as(machine: Machine, service: str, *parts: str) -> Any:
    """Leaves several services as one, with a word of the first of them alone."""
    said = [{"name": "phone", "value": PHONE}, {"name": "why", "value": "x", "part": parts[0]}]
    asked = {"action": "keep", "id_number": ZHAO, "service": service, "parts": parts, "said": said}
    return machine.ask("handover", **asked)


def code_of(machine: Machine, service: str = "H01", person: str = ZHAO) -> str:
    return handed(machine, "code", service, person).code


def led_to(machine: Machine, code: str) -> tuple[str, list[str]]:
    told: Any = machine.ask("resume", code=code)
    return (told.service, told.parts) if told.state == "found" else (told.state, [])


def taken_by(machine: Machine, code: str, service: str = "H01", person: str = ZHAO) -> str:
    taken: Any = machine.ask("handover", action="take", id_number=person, service=service, code=code)
    return taken.state


def left(machine: Machine, person: str = ZHAO) -> list[str]:
    due: Any = machine.ask("due", id_number=person)
    return [each.service for each in due.parked if each.is_left]


def test_another_machine_takes_up_what_was_said(hub: RunningHub, machine: Machine) -> None:
    assert handed(machine, "keep", phone=PHONE).state == "kept"
    assert PHONE.encode() not in bytes(hub.sql("select sealed from handover")[0][0])
    other = hub.machine()
    assert left(other) == ["H01"]
    assert left(other, number_of("wang")) == []
    assert handed(other, "take", person=number_of("wang")).state == "none"
    taken = handed(other, "take")
    assert (taken.state, [(said.name, said.value) for said in taken.said]) == ("taken", [("phone", PHONE)])
    assert handed(machine, "take") == taken, "an answer that was lost, or a machine that died, costs nobody a word"
    assert left(machine) == ["H01"]


def test_nothing_is_left_of_what_was_filed_or_of_yesterday(hub: RunningHub, machine: Machine) -> None:
    handed(machine, "keep", phone=PHONE)
    machine.file_case("zhao", "H01", "T-handed")
    machine.wait_for("T-handed", "delivered")
    assert left(machine) == []
    handed(machine, "keep", phone=PHONE)
    ((hour,),) = hub.sql("select to_char(until at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI') from handover")
    assert hour == "2027-01-13 00:00"
    hub.sql("update handover set until = '2027-01-11' returning 1")
    assert (left(machine), handed(machine, "take").state) == ([], "none")


@pytest.mark.parametrize(("service", "parts"), [("Z99", []), ("B03", ["H01", "Z99"]), ("together", [])])
def test_only_a_service_that_there_is(machine: Machine, service: str, parts: list[str]) -> None:
    asked = {"action": "keep", "id_number": ZHAO, "service": service, "parts": parts}
    assert machine.status_of("handover", **asked) == 422


@pytest.mark.attack(3)
def test_no_machine_leaves_so_much_for_a_person_that_their_card_is_answered_no_more(
    hub: RunningHub, machine: Machine
) -> None:
    """A service that stands for several may have any name: a thousand of them were more than an answer may have."""
    assert handed(machine, "keep", phone=PHONE).state == "kept"
    full = "insert into handover select person_ref, 'x-' || n, sealed, until from handover, generate_series(2, %s) n"
    hub.sql(f"{full} returning 1", MOST_LEFT)
    assert left_as(machine, "one-more", "H01", "H13").state == "none"
    assert handed(machine, "keep", phone=PHONE).state == "kept", "what is there already is said anew"
    assert len(left(machine)) == MOST_LEFT
    hub.sql("delete from handover returning 1")


def test_a_code_leads_another_machine_to_the_service_until_there_is_a_newer_one(
    hub: RunningHub, machine: Machine
) -> None:
    assert handed(machine, "code").state == "none", "nothing is left that it could lead to"
    handed(machine, "keep", phone=PHONE)
    former, code = code_of(machine), code_of(machine)
    assert code not in str(hub.sql("select code_ref from resume_code"))
    other = hub.machine()
    assert led_to(other, former) == ("none", []), "the newest one counts"
    assert led_to(other, code) == ("H01", []) == led_to(machine, code), "to look uses nothing up"
    assert taken_by(other, code) == "taken" == taken_by(machine, code)
    assert taken_by(other, former) == "none"


@pytest.mark.attack(11)
def test_a_code_opens_nothing_for_another_person_and_is_not_guessed(hub: RunningHub, machine: Machine) -> None:
    wang = number_of("wang")
    for person in (ZHAO, wang):
        handed(machine, "keep", person=person, phone=PHONE)
    code, theirs = code_of(machine), code_of(machine, person=wang)
    assert taken_by(machine, code, person=wang) == "none" == taken_by(machine, code, "H02", wang)
    assert led_to(machine, code) == ("H01", []), "whoever tries with another card ends nothing"
    stranger = hub.machine()
    tried = [led_to(stranger, new_resume_code()) for _ in range(31)]
    assert (tried[29], tried[30]) == (("none", []), ("wait", []))
    assert led_to(stranger, theirs) == ("wait", []), "not even the right one now"
    assert led_to(stranger, "AAAAAAAA") == ("none", []), "a slip of the finger is no try"
    assert taken_by(machine, theirs, person=wang) == "taken" == taken_by(machine, code)


def test_a_code_ends_with_the_day_and_when_the_case_is_filed(hub: RunningHub, machine: Machine) -> None:
    handed(machine, "keep", phone=PHONE)
    code = code_of(machine)
    hub.sql("update handover set until = '2027-01-11' returning 1")
    assert (led_to(machine, code), taken_by(machine, code)) == (("none", []), "none")
    assert hub.sql("select * from resume_code") == []
    handed(machine, "keep", phone=PHONE)
    code = code_of(machine)
    machine.file_case("zhao", "H01", "T-coded")
    machine.wait_for("T-coded", "delivered")
    assert led_to(machine, code) == ("none", [])


def test_several_services_are_left_as_one_without_what_was_filed_meanwhile(hub: RunningHub, machine: Machine) -> None:
    for service in ("B03", "together"):
        assert left_as(machine, service, "H01", "T04").state == "kept"
    code = code_of(machine, "B03")
    due: Any = machine.ask("due", id_number=ZHAO)
    assert [(each.service, each.parts) for each in due.parked] == [
        ("B03", ["H01", "T04"]),
        ("together", ["H01", "T04"]),
    ]
    machine.file_case("zhao", "H01", "T-alone")
    machine.wait_for("T-alone", "delivered")
    assert led_to(machine, code) == ("B03", ["T04"])
    taken: Any = machine.ask("handover", action="take", id_number=ZHAO, service="B03", code=code)
    assert [(said.name, said.part) for said in taken.said] == [("phone", ""), ("why", "H01")]
    machine.file_case("zhao", "T04", "T-last")
    machine.wait_for("T-last", "delivered")
    assert left(machine) == []


def address(hub: RunningHub, machine: Machine) -> tuple[str, str]:
    """The whole address, and the secret in it."""
    told = handed(machine, "phone")
    assert told.address.startswith("/phone?link=")
    assert not any(known in told.address for known in (ZHAO, "H01"))
    return hub.url + told.address, told.address.partition("=")[2]


def opened(hub: RunningHub, link: str) -> str:
    answer = httpx.post(f"{hub.url}/phone", data={"link": link}, timeout=HANG_S)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    return answer.text


def test_a_phone_sees_once_what_to_bring_and_how_it_stands(hub: RunningHub, machine: Machine) -> None:
    handed(machine, "keep", phone=PHONE)
    whole, link = address(hub, machine)
    for _ in range(2):
        first = httpx.get(whole, timeout=HANG_S).text
        assert "打开" in first
        assert "材料" not in first, "what looks at addresses by itself uses none up"
    page = opened(hub, link)
    assert all(words in page for words in ("材料", "留着", "联系电话", "•••8"))
    assert not any(known in page for known in (PHONE, ZHAO))
    assert "已经用过" in opened(hub, link)
    assert left(machine) == ["H01"], "it goes on at a machine"


@pytest.mark.attack(11)
def test_an_address_ends_by_time_by_the_next_one_and_is_not_guessed(hub: RunningHub, machine: Machine) -> None:
    _, former = address(hub, machine)
    _, late = address(hub, machine)
    assert "已经用过" in opened(hub, former)
    hub.sql("update phone_link set until = '2027-01-11' returning 1")
    assert "已经用过" in opened(hub, late)
    script = {"link": '"><script>alert(1)</script>'}
    assert "<script>" not in httpx.get(f"{hub.url}/phone", params=script, timeout=HANG_S).text
    assert httpx.post(f"{hub.url}/phone", content=b"link=" + b"x" * 300, timeout=HANG_S).status_code == 413
    assert httpx.post(f"{hub.url}/phone", content=b"\xff&&&link", timeout=HANG_S).status_code in (200, 400)
    tried = [opened(hub, f"guess{n}") for n in range(32)]
    assert "次数过多" in tried[-1]


@pytest.mark.parametrize("value", ["", "1", "abcd", PHONE, "通办市示范街6号"])
def test_at_most_one_character_is_shown(value: str) -> None:
    assert len(masked(value).replace("•", "")) <= (len(value) > 4)
