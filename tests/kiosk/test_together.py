"""Several services at once, from what is due and from a bundle: what is chosen, and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from kiosk.catalogue.model import Bundle, BundlePart
from kiosk.citizen import offered_actions
from kiosk.hub_link.client import Answered, Unreachable
from kiosk.hub_link.state import LinkState
from kiosk.messages.questions import DueAnswer, DueFact
from kiosk.pages import DueList
from kiosk.text import Text
from tests.kiosk.test_visits import GROWN, Person, told


@pytest.fixture
def person(machine: Any, finger: Any) -> Person:
    return Person(machine, finger)


async def test_a_bundle_shows_what_belongs_to_it_and_what_may_be_left_out(person: Person) -> None:
    person.machine.catalogue.bundles["B99"] = Bundle(
        key="B99",
        name=Text("试试一件事", "Try one thing"),
        icon="stack",
        parts=(BundlePart(service="T01"), BundlePart(service="H13", after=("T01",), is_optional=True)),
    )
    person.machine.link.state = LinkState.ONLINE
    async with person.at(person.home):
        await person.touch("home", "bundles")
        await person.touch("line", "bundle:B99")
        page = await person.touch("bundle", "part:T01")
        assert page.actions[-1].label.zh == "开始办理这 1 项", "what may be left out is ticked by the person"
        page = await person.touch("bundle", "part:H13")
        assert page.actions[-1].label.zh == "开始办理这 1 项", "what belongs to it stays"
        page = await person.touch("bundle", "part:H13")
        assert page.actions[-1].label.zh == "开始办理这 2 项"
        await person.touch("bundle", "next")
        page = await person.touch("card", "back")
        assert page.service == "B99"
        await person.touch("bundle", "back")
        await person.touch("line", "back")
        await person.page("home")


async def test_what_is_due_is_ticked_and_done_together_one_alone_has_no_box(person: Person) -> None:
    due = [DueFact("T01", {}, None), DueFact("H13", {}, None)]

    async def ask(kind: str, _question: Any) -> Any:
        return Answered(DueAnswer(due)) if kind == "due" else Unreachable("offline")

    async with person.at(told(person, GROWN, ask)):
        page = await person.page_with("todo", DueList)
        assert "together" not in offered_actions(page)
        await person.touch("todo", "tick:T01")
        page = await person.touch("todo", "tick:H13")
        assert page.actions[-1].label.zh == "一起办理所选 1 项"
        await person.touch("todo", "tick:H13")
        await person.touch("todo", "tick:H13")
        page = await person.touch("todo", "together")
        assert page.actions[-1].label.zh == "一起办理所选 2 项"
        assert (await person.page_of("face_notice", "guide", "guide_wait")).service == "together"
    del due[1]
    async with person.at(told(person, GROWN, ask)):
        page = await person.page_with("todo", DueList)
        assert not any(a.startswith("tick:") for a in offered_actions(page))
