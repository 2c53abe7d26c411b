"""Choose, form, sign and review: nothing goes on that was not said, and everything said stands on the review."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from kiosk.journey.engine import Journey
from kiosk.journey.steps.sign import drawn
from kiosk.pages import Choices, Facts, Field, Notice, SignaturePad
from tests.kiosk.journey.conftest import ZHAO, Counter, words
from tests.kiosk.journey.test_engine import BOTH, field, journeys, question

__all__ = ["journeys"]
LONG = [[[0.1, 0.5], [0.9, 0.5]]]
DOT = [[[0.5, 0.5], [0.5, 0.51]], [[0.2, 0.2]]]


def text_form(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "form", "title": BOTH, "fields": list(fields)}


async def test_nothing_chosen_is_said_and_the_choice_stands_when_one_comes_back(
    counter: Counter, journeys: list[Journey]
) -> None:
    counter.steps("T01", question("way", "post", "hall"), question("last"))
    async with counter.doing("T01"):
        page = await counter.first("choose")
        (choices,) = [block for block in page.blocks if isinstance(block, Choices)]
        assert (choices.selected, bool(choices.error)) == ("", False), "nothing is chosen beforehand"
        assert [option.id for option in choices.options] == ["post", "hall"]
        page = await counter.touch("next", "choose")
        assert "请先选择一项" in words(page)
        page = await counter.touch("next", "choose", way="plane")
        assert "请先选择一项" in words(page)
        assert journeys[0].answers == {}
        page = await counter.touch("next", "choose", way="hall")
        assert (journeys[0].answers, journeys[0].labels["way"].zh) == ({"way": "hall"}, "hall")
        page = await counter.touch("back", "choose")
        assert [block.selected for block in page.blocks if isinstance(block, Choices)] == ["hall"]
        counter.last("back")


async def test_a_form_keeps_what_was_typed_and_marks_what_is_wrong(counter: Counter, journeys: list[Journey]) -> None:
    phone = {**field("phone", "1[3-9][0-9]{9}"), "keys": "phone"}
    counter.steps("T01", text_form(phone, field("unit", "[A-Z]{2,}")), question("last"))
    async with counter.doing("T01"):
        await counter.first("form")
        page = await counter.touch("next", "form", phone="139", unit=" AB ")
        fields = [block for block in page.blocks if isinstance(block, Field)]
        assert [(f.value, bool(f.error)) for f in fields] == [("139", True), ("AB", False)]
        page = await counter.touch("next", "form", phone="13900000001x", unit="A")
        fields = [block for block in page.blocks if isinstance(block, Field)]
        assert [bool(f.error) for f in fields] == [True, True], "the whole value must match, every field is judged"
        assert journeys[0].answers == {}
        await counter.touch("next", "choose", phone="１３９ 0000-0001", unit="AB")
        assert journeys[0].answers == {"phone": "13900000001", "unit": "AB"}
        assert journeys[0].labels["phone"].zh == "13900000001"
        page = await counter.touch("back", "form")
        assert [block.value for block in page.blocks if isinstance(block, Field)] == ["13900000001", "AB"]
        counter.last("back")


async def test_back_from_a_form_loses_nothing_of_before(counter: Counter, journeys: list[Journey]) -> None:
    counter.steps("T01", question("way"), text_form(field("unit", "[A-Z]+")))
    async with counter.doing("T01"):
        await counter.first("choose")
        await counter.touch("next", "form", way="a")
        await counter.touch("back", "choose", unit="bad")
        assert journeys[0].answers == {"way": "a"}
        page = await counter.touch("next", "form", way="b")
        assert [block.value for block in page.blocks if isinstance(block, Field)] == ["bad"], "typed is not lost"
        await counter.touch("back", "choose")
        counter.last("back")


@pytest.mark.parametrize("strokes", [None, [], [[]], DOT], ids=["nothing", "no stroke", "an empty one", "a slip"])
async def test_no_signature_is_none_and_it_is_said(
    counter: Counter, journeys: list[Journey], strokes: list[Any] | None
) -> None:
    counter.steps("T01", "sign", question("last"))
    async with counter.doing("T01"):
        await counter.first("sign")
        page = await counter.touch("next", "sign", **({} if strokes is None else {"signature": strokes}))
        assert [bool(block.error) for block in page.blocks if isinstance(block, SignaturePad)] == [True]
        assert journeys[0].parts == {}
        await counter.touch("next", "choose", signature=LONG)
        picture = Image.open(io.BytesIO(journeys[0].parts["signature"]))
        assert (picture.size, picture.getpixel((450, 300)), picture.getpixel((450, 60))) == ((900, 600), 0, 255)
        await counter.touch("back", "sign")
        counter.last("back")


def test_strokes_of_one_point_draw_nothing_and_all_others_are_drawn() -> None:
    nothing = Image.open(io.BytesIO(drawn([[[0.5, 0.5]]])))
    assert nothing.convert("L").getextrema() == (255, 255)
    two = Image.open(io.BytesIO(drawn([[[0.1, 0.1], [0.4, 0.1]], [[0.1, 0.9], [0.4, 0.9]]])))
    assert (two.getpixel((200, 60)), two.getpixel((200, 540)), two.getpixel((200, 300))) == (0, 0, 255)


def facts(counter: Counter) -> list[tuple[str, str]]:
    (block,) = [block for block in counter.page.blocks if isinstance(block, Facts)]
    return [(row.label.zh, row.value.zh) for row in block.rows]


async def test_the_review_shows_who_what_was_said_and_what_it_costs(counter: Counter) -> None:
    counter.visit.card = ZHAO
    counter.steps("T01", "identify", question("way", "post", "hall"), text_form(field("unit")), "review")
    async with counter.doing("T01"):
        await counter.first("choose")
        await counter.touch("next", "form", way="post")
        await counter.touch("next", "review", unit="x")
        shown = facts(counter)
        assert shown[0] == ("办理事项", "驾驶证有效期满换证")
        assert [value for _, value in shown[1:3]] == ["赵*福", "9901…0016"]
        assert [value for _, value in shown[-3:-1]] == ["post", "x"]
        assert "10" in shown[-1][1]
        assert ZHAO.number not in words(counter.page)
        assert not [block for block in counter.page.blocks if isinstance(block, Notice)]
        (block,) = [block for block in counter.page.blocks if isinstance(block, Facts)]
        assert [bool(row.action) for row in block.rows][:3] == [False] * 3, "who it is cannot be changed here"
        await counter.touch("back", "form")
        await counter.touch("next", "review", unit="x")
        counter.last("next")


async def test_without_network_the_review_says_so_and_shows_what_is_free(counter: Counter) -> None:
    counter.visit.card = ZHAO
    counter.steps("T01", "identify", "eligibility", question("way"), "review", fees=())
    async with counter.doing("T01"):
        await counter.first("offline_notice")
        await counter.touch("next", "choose")
        await counter.touch("next", "review", way="a")
        assert len([block for block in counter.page.blocks if isinstance(block, Notice)]) == 1
        assert facts(counter)[-1][1] == "免费"
        await counter.touch("back", "choose")
        await counter.touch("back", "offline_notice")
        counter.last("back")


async def test_which_address_is_filed_stands_there_where_that_is_not_plain(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.visit.card = ZHAO
    counter.steps("T01", "identify", "review")
    for added, said in ((None, "没有读到"), (("新地址",), "追加"), ((), "")):

        async def addresses(found: Any = added) -> Any:
            return found

        monkeypatch.setattr(counter.visit, "added_addresses", addresses)
        counter.finger.history.clear()
        async with counter.doing("T01"):
            await counter.first("review")
            shown = [value for label, value in facts(counter) if "住址" in label]
            assert (len(shown), said in "".join(shown)) == (bool(said), True), shown
            assert "新地址" not in words(counter.page), "never on a public screen"
            counter.last("next")
