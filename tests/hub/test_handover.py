"""What was said of an unfinished service: another machine has it once, a phone sees it masked, midnight ends it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub.api.phone import masked
from tests.hub.fixtures import Machine, RunningHub, number_of

ZHAO = number_of("zhao")
PHONE = "13812345678"


def handed(machine: Machine, action: str, service: str = "H01", person: str = ZHAO, **said: str) -> Any:
    label = {"zh": "联系电话", "en": "Telephone"}
    more = {"said": [{"name": name, "value": value, "label": label} for name, value in said.items()]} if said else {}
    return machine.ask("handover", action=action, id_number=person, service=service, **more)


def left(machine: Machine, person: str = ZHAO) -> list[str]:
    due: Any = machine.ask("due", id_number=person)
    return [each.service for each in due.parked if each.is_left]


def test_another_machine_takes_up_once_what_was_said(hub: RunningHub, machine: Machine) -> None:
    assert handed(machine, "keep", phone=PHONE).state == "kept"
    assert PHONE.encode() not in bytes(hub.sql("select sealed from handover")[0][0])
    other = hub.machine()
    assert left(other) == ["H01"]
    assert left(other, number_of("wang")) == []
    assert handed(other, "take", person=number_of("wang")).state == "none"
    taken = handed(other, "take")
    assert (taken.state, [(said.name, said.value) for said in taken.said]) == ("taken", [("phone", PHONE)])
    assert handed(machine, "take").state == "none"
    assert left(machine) == []


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


def test_only_a_service_that_there_is(machine: Machine) -> None:
    assert machine.status_of("handover", action="keep", id_number=ZHAO, service="Z99") == 422


def address(hub: RunningHub, machine: Machine) -> tuple[str, str]:
    """The whole address, and the secret in it."""
    told = handed(machine, "phone")
    assert told.address.startswith("/phone?link=")
    assert not any(known in told.address for known in (ZHAO, "H01"))
    return hub.url + told.address, told.address.partition("=")[2]


def opened(hub: RunningHub, link: str) -> str:
    answer = httpx.post(f"{hub.url}/phone", data={"link": link})
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    return answer.text


def test_a_phone_sees_once_what_to_bring_and_how_it_stands(hub: RunningHub, machine: Machine) -> None:
    handed(machine, "keep", phone=PHONE)
    whole, link = address(hub, machine)
    for _ in range(2):
        first = httpx.get(whole).text
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
    assert "<script>" not in httpx.get(f"{hub.url}/phone", params={"link": '"><script>alert(1)</script>'}).text
    assert httpx.post(f"{hub.url}/phone", content=b"link=" + b"x" * 300).status_code == 413
    assert httpx.post(f"{hub.url}/phone", content=b"\xff&&&link").status_code in (200, 400)
    tried = [opened(hub, f"guess{n}") for n in range(32)]
    assert "次数过多" in tried[-1]


@pytest.mark.parametrize("value", ["", "1", "abcd", PHONE, "通办市示范街6号"])
def test_at_most_one_character_is_shown(value: str) -> None:
    assert len(masked(value).replace("•", "")) <= (len(value) > 4)
