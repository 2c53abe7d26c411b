"""What another machine has left: its code leads from the home page to the service, at the pace of receipt numbers."""

from __future__ import annotations

from typing import Any

import pytest

from kiosk.handover import Left
from kiosk.hub_link.client import Answered, Unreachable
from kiosk.hub_link.state import LinkState
from kiosk.messages.handover import ResumeAnswer, ResumeQuestion
from kiosk.messages.resume_code import new_resume_code
from kiosk.pages import Field
from kiosk.slip_tries import AT_ONCE
from tests.kiosk.test_visits import Person


@pytest.fixture
def person(machine: Any, finger: Any) -> Person:
    return Person(machine, finger)


def hub_with(code: str, asked: list[Any], **answer: Any) -> Any:
    async def ask(kind: str, question: Any) -> Any:
        asked.append(question)
        if kind != "resume":
            return Unreachable("offline")
        return Answered(ResumeAnswer("found", **answer) if question.code == code else ResumeAnswer("none"))

    return ask


async def test_a_code_leads_from_the_home_page_to_where_the_card_is_put_down(person: Person) -> None:
    code, other, asked = new_resume_code(), new_resume_code(), []
    person.machine.ask = hub_with(code, asked, service="H04")
    person.machine.link.state = LinkState.ONLINE
    async with person.at(person.home):
        await person.touch("home", "resume")
        for typed, said in (
            ("K7", "8 个"),
            (code[:-1] + ("A" if code[-1] != "A" else "B"), "输错"),
            (other, "没有这个"),
        ):
            await person.touch("resume_code", "next", resume_code=typed)
            (field,) = [b for b in (await person.page("resume_code")).blocks if isinstance(b, Field)]
            assert said in field.error.zh
        assert [each.code for each in asked] == [other], "only what can be a code is a try"
        await person.touch("resume_code", "next", resume_code=f"{code[:4].lower()} {code[4:]}")
        page = await person.page("card")
        assert page.service == "H04"
        assert person.visit.card is None
        assert person.visit.left == Left("H04", (), code)


async def test_a_machine_that_cannot_do_it_says_so_and_leaves_it_where_it_is(person: Person) -> None:
    code, asked = new_resume_code(), []
    person.machine.ask = hub_with(code, asked, service="together", parts=["H13", "E02"])
    person.machine.link.state = LinkState.ONLINE
    async with person.at(person.home):
        await person.touch("home", "resume")
        await person.touch("resume_code", "next", resume_code=code)
        page = await person.touch("handover_not_here", "continue")
        assert any("还留着" in str(block) for block in page.blocks)
        await person.page("home")
    assert [type(each) for each in asked] == [ResumeQuestion]


async def test_codes_are_tried_at_the_pace_of_receipt_numbers(person: Person) -> None:
    asked: list[Any] = []
    person.machine.ask = hub_with("", asked)
    person.machine.link.state = LinkState.ONLINE
    async with person.at(person.home):
        await person.touch("home", "resume")
        for _ in range(AT_ONCE + 2):
            await person.touch("resume_code", "next", resume_code=new_resume_code())
            (field,) = [b for b in (await person.page("resume_code")).blocks if isinstance(b, Field)]
    assert len(asked) == AT_ONCE
    assert "分钟" in field.error.zh
