"""Who comes along is judged again by the city: a guardian for a child, an agent where one may act, nobody else."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from hub.department import Application, second_reasons
from kiosk.catalogue.loader import load
from kiosk.messages import content
from kiosk.messages.content import SECOND_PART, Applicant
from tests.hub.fixtures import PEOPLE, TODAY, Machine, RunningHub, case_form
from tests.waiting import eventually

T05 = load().services["T05"]
"""A service for anybody of 16 or more; a test says who may stand in."""


def who(number: str, birth: str, valid_to: str = "20300101") -> Applicant:
    return Applicant("resident", "测试", "1", birth, number, valid_to=valid_to)


CHILD, OLDER = who("990101201201120010", "20120112"), who("990101201001120010", "20100112")
ADULT, OTHER = who("990101198001120010", "19800112"), who("99010119810112001X", "19810112")
GUARDED: dict[str, Any] = {"proxy": "no", "guardian_below": 16}
PROXY: dict[str, Any] = {"proxy": "yes"}
STORIES = [
    # what the service says, whose case, the role, who came along, why not
    (GUARDED, CHILD, "guardian", ADULT, []),
    (GUARDED, CHILD, "guardian", who("990101200901120010", "20090112"), []),
    (GUARDED, CHILD, None, None, ["guardian_missing"]),
    (GUARDED, CHILD, None, ADULT, ["guardian_missing"]),
    (GUARDED, CHILD, "guardian", None, ["second_missing"]),
    (GUARDED, CHILD, "guardian", CHILD, ["second_same", "second_minor"]),
    (GUARDED, CHILD, "guardian", who("990101200901130010", "20090113"), ["second_minor"]),
    (GUARDED, CHILD, "guardian", who(ADULT.number, "unknown"), ["second_minor"]),
    (GUARDED, CHILD, "guardian", who(ADULT.number, ADULT.birth, "20270111"), ["second_expired"]),
    (GUARDED, CHILD, "guardian", who(ADULT.number, ADULT.birth, "20270112"), []),
    (GUARDED, CHILD, "guardian", who(ADULT.number, ADULT.birth, "长期"), []),
    (GUARDED, CHILD, "guardian", who(ADULT.number, ADULT.birth, ""), ["second_expired"]),
    (GUARDED, CHILD, "agent", ADULT, ["guardian_missing", "agent_refused"]),
    ({**GUARDED, "proxy": "yes"}, CHILD, "agent", ADULT, ["guardian_missing"]),
    (GUARDED, who(CHILD.number, "unknown"), None, None, ["guardian_missing"]),
    ({"proxy": "no"}, who(CHILD.number, "unknown"), None, None, []),
    (GUARDED, OLDER, None, None, []),
    (GUARDED, OLDER, "guardian", ADULT, []),
    (GUARDED, ADULT, "guardian", OTHER, ["guardian_refused"]),
    (PROXY, OLDER, "guardian", ADULT, []),
    (PROXY, who(ADULT.number, "20090112"), "guardian", OTHER, ["guardian_refused"]),
    (PROXY, ADULT, "agent", OTHER, []),
    (PROXY, ADULT, "agent", None, ["second_missing"]),
    (PROXY, ADULT, "agent", ADULT, ["second_same"]),
    (PROXY, OTHER, "agent", who(OTHER.number.lower(), "19810112"), ["second_same"]),
    (PROXY, ADULT, "agent", CHILD, ["second_minor"]),
    ({"proxy": "window"}, ADULT, "agent", OTHER, ["agent_refused"]),
    ({"proxy": None}, ADULT, "agent", OTHER, ["agent_refused"]),
    (PROXY, ADULT, None, OTHER, []),
    (PROXY, ADULT, "friend", OTHER, ["second_unknown"]),
    (PROXY, ADULT, ["agent"], OTHER, ["second_unknown"]),
    (PROXY, ADULT, {"agent": 1}, OTHER, ["second_unknown"]),
]


@pytest.mark.attack(3)
@pytest.mark.parametrize(("says", "applicant", "role", "second", "reasons"), STORIES)
def test_only_who_may_act_does(
    says: dict[str, Any], applicant: Applicant, role: object, second: Applicant | None, reasons: list[str]
) -> None:
    service = msgspec.structs.replace(T05, **says)
    application = Application("key", applicant, {"second_card": role} if role else {}, second=second)
    assert second_reasons(service, application, TODAY) == reasons


@pytest.mark.parametrize(
    ("says", "applicant", "role", "reasons"),
    [
        (GUARDED, CHILD, "guardian", []),
        (PROXY, ADULT, "agent", []),
        (GUARDED, CHILD, "agent", ["guardian_missing", "agent_refused"]),
        (GUARDED, ADULT, "guardian", ["guardian_refused"]),
    ],
)
def test_a_case_from_its_slip_is_not_refused_because_the_slip_has_no_room_for_who_came_along(
    says: dict[str, Any], applicant: Applicant, role: str, reasons: list[str]
) -> None:
    service = msgspec.structs.replace(T05, **says)
    application = Application("key", applicant, {"second_card": role}, second_unread=True)
    assert second_reasons(service, application, TODAY) == reasons


def test_a_child_grows_out_of_it_on_the_birthday_also_on_the_29th_of_february() -> None:
    service = msgspec.structs.replace(T05, **GUARDED)
    application = Application("key", who("990101201202290010", "20120229"), {})
    days = (date(2028, 2, 28), date(2028, 2, 29), date(2028, 3, 1))
    assert [second_reasons(service, application, day) for day in days] == [["guardian_missing"], [], []]


@pytest.mark.attack(3)
def test_the_card_of_who_came_along_reaches_the_department_that_judges_it(machine: Machine) -> None:
    plain = case_form("li", "H13", "H-agent", phone="13800000000", second_card="agent")
    expired = msgspec.json.encode({**PEOPLE["wu"]["card"], "number": "990101197206110000"})
    machine.deliver(machine.envelope("case", plain, more={SECOND_PART: expired}))
    machine.wait_for("H-agent", "not_accepted")
    assert machine.case("H-agent").states[-1].reasons[-1] == "second_expired"


@pytest.mark.attack(3)
@pytest.mark.parametrize("card", [b"{}", b"\xff", b"[]", b'{"kind": 1}'])
def test_a_card_that_nobody_can_read_is_set_aside_for_a_person(hub: RunningHub, machine: Machine, card: bytes) -> None:
    form = content.decode_content("case", case_form("li", "H13", "H-unread", second_card="agent"))
    sent = machine.envelope("case", content.encode_content(form), more={SECOND_PART: card})
    machine.deliver(sent)
    found = "select data->>'why' from event where envelope_key = %s and kind = 'unreadable'"
    eventually(lambda: hub.sql(found, sent.key) == [("InvalidMessage",)], "it is noted")
