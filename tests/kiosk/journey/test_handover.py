"""Leaving in the middle: what was said can be left for another machine, and it is said truly whether it was."""

from __future__ import annotations

from kiosk.messages.handover import HandoverAnswer, HandoverQuestion
from tests.kiosk.journey.conftest import ZHAO, Counter, words
from tests.kiosk.journey.test_engine import question


def offers(counter: Counter) -> bool:
    return "keep" in [action.id for action in counter.page.actions]


async def test_it_is_offered_when_something_was_said_by_a_card_to_a_city_that_answers(counter: Counter) -> None:
    counter.online()
    counter.steps("T01", question("one"), question("two"))
    async with counter.doing("T01"):
        await counter.first("choose")
        await counter.touch("exit", "confirm_exit")
        assert not offers(counter), "nobody's card was read"
        counter.visit.card = ZHAO
        await counter.touch("continue", "choose")
        await counter.touch("exit", "confirm_exit")
        assert not offers(counter), "nothing was said yet"
        assert "会清除，不会保留" in words(counter.page)
        await counter.touch("continue", "choose")
        await counter.touch("next", "choose", one="a")
        await counter.touch("exit", "confirm_exit")
        assert offers(counter)
        assert "可以留着到今天" in words(counter.page), "no word against the button beside it"
        page = await counter.touch("keep", "handover_not_kept")
        assert "什么都没有提交" in words(page)
        await counter.touch("continue", "choose")
        counter.last("next", two="b")
    (asked,) = [each for each in counter.asked if isinstance(each, HandoverQuestion)]
    assert (asked.action, asked.id_number, asked.service) == ("keep", ZHAO.number, "T01")
    assert [(said.name, said.value, said.is_chosen) for said in asked.said] == [("one", "a", True)]


async def test_where_it_cannot_go_on_it_can_be_left_too(counter: Counter) -> None:
    counter.online()
    counter.visit.card = ZHAO
    counter.answers["handover"] = HandoverAnswer("kept")
    counter.visit.typed["T01"] = {"one": "a"}
    counter.steps("T01", question("one"), "pay")
    async with counter.doing("T01"):
        page = await counter.first("choose")
        assert getattr(page.blocks[0], "selected", "") == "a", "what came back stands in its field"
        counter.finger.touch("next", one="a")
        await counter.finger.until("needs_network")
        assert offers(counter)
        await counter.touch("keep", "handover_kept")
        counter.last("continue")
    assert counter.filed("case") == []
