"""邮寄, 快递登记 and the standard address at the machine: pages, refusals, and what goes into which message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kiosk.journey.engine import Journey
from kiosk.journey.steps import delivery, express
from kiosk.messages.hall import AddressAnswer, PostAnswer, PostCase
from kiosk.pages import Action, Field, Tiles
from kiosk.text import text
from tests.kiosk.journey.conftest import ZHAO, Counter, number, words
from tests.kiosk.journey.test_engine import BOTH, journeys, question

__all__ = ["journeys"]
KEYS = [f"01a21671-cf58-7d50-9334-afdb94b7bd{n}" for n in ("3f", "40", "41")]
TO = "通办市试点区*** 139****0001"
ADDRESS = "通办市试点区演示路12号3单元401室"
DECIDED = PostCase(KEYS[0], number(1), "E01", "decided")
WAITING = PostCase(
    "01a21671-cf58-7d50-9334-afdb94b7bd40", number(2), "H01", "in_review", "waiting", "通办市试点区*** 139****0001"
)
SENT = PostCase("01a21671-cf58-7d50-9334-afdb94b7bd41", number(3), "H02", "decided", "sent", TO, "EX123456789CN")
FIELD = {"name": "address", "label": BOTH, "kind": "address"}


@pytest.fixture
def desk(counter: Counter) -> Counter:
    counter.visit.card = replace(ZHAO, address="通办市试点区幸福里1号301室")
    counter.online()
    return counter


def actions(counter: Counter) -> list[str]:
    return [action.id for action in counter.page.actions]


def tiles(counter: Counter) -> list[Action]:
    return [tile.action for block in counter.page.blocks if isinstance(block, Tiles) for tile in block.tiles]


def typed(counter: Counter) -> list[str]:
    return [block.value for block in counter.page.blocks if isinstance(block, Field)]


async def test_an_address_is_asked_until_it_can_be_one_and_stands_in_no_answer(
    desk: Counter, journeys: list[Journey]
) -> None:
    desk.steps("H10", "delivery", question("last"), "file")
    async with desk.doing("H10"):
        await desk.first("delivery")
        page = await desk.touch("next", "delivery", post_address="演示路", post_phone="139")
        assert "完整的地址" in words(page)
        assert "11 位数字" in words(page)
        await desk.touch("as_on_card", "delivery")
        assert typed(desk)[0] == "通办市试点区幸福里1号301室", "nothing that the card knows is typed"
        assert "as_on_card" not in actions(desk)
        await desk.touch("next", "choose", post_address=ADDRESS, post_phone="13900000001")
        journey = journeys[0]
        assert journey.answers == {}
        assert [row.value.zh for row in await delivery.review_rows(journey, delivery.Spec(kind="delivery"))] == [
            ADDRESS,
            "13900000001",
        ]
        (row,) = delivery.slip_rows(journey, delivery.Spec(kind="delivery"))
        assert row.value.zh == "通办市试点区*** 139****0001"
        await desk.touch("back", "delivery")
        assert typed(desk) == [ADDRESS, "13900000001"], "what was right stays"
        desk.last("back")


async def test_as_on_the_card_is_the_address_that_was_appended_last(
    desk: Counter, journeys: list[Journey], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def added() -> tuple[str, ...]:
        return ("通办市试点区演示路7号", ADDRESS)

    monkeypatch.setattr(desk.visit, "added_addresses", added)
    desk.steps("H10", "delivery", question("last"), "file")
    async with desk.doing("H10"):
        await desk.first("delivery")
        await desk.touch("as_on_card", "delivery")
        assert typed(desk)[0] == ADDRESS
        desk.last("back")


def test_the_end_of_a_number_is_as_many_digits_as_its_label_says_in_one_piece() -> None:
    assert express._ending(DECIDED) == DECIDED.receipt_number[-8:]
    assert "后 8 位" in text("express.words", name="", number="").zh


async def test_a_case_of_before_is_chosen_and_what_the_post_has_is_told(desk: Counter, journeys: list[Journey]) -> None:
    desk.steps("C08", "express", "delivery", question("last"), "file")
    desk.answers["post"] = PostAnswer([DECIDED, WAITING, SENT])
    async with desk.doing("C08"):
        page = await desk.first("express")
        for each in ("EX123456789CN", "普通护照首次申领", "可以改地址", "现在是自己领取"):
            assert each in words(page), each
        assert [each.id for each in tiles(desk)] == [f"case:{DECIDED.key}", f"case:{WAITING.key}"]
        await desk.touch(f"case:{WAITING.key}", "delivery")
        assert journeys[0].answers["posted_case"] == WAITING.key
        rows = express.slip_rows(journeys[0], express.Spec(kind="express"))
        assert [row.value.zh[:9] for row in rows] == ["身份证有效期满换领"]
        await desk.touch("back", "express")
        desk.last("back")


@pytest.mark.parametrize(
    ("answer", "page"), [(PostAnswer(), "express_none"), (PostAnswer([SENT]), "express"), (None, "needs_network")]
)
async def test_with_nothing_to_choose_it_ends_there(desk: Counter, answer: Any, page: str) -> None:
    desk.steps("C08", "express", "delivery", "file")
    desk.answers["post"] = answer
    async with desk.doing("C08"):
        await desk.first(page)
        assert not tiles(desk)
        desk.last("next")


async def test_an_address_is_found_by_its_words(desk: Counter, journeys: list[Journey]) -> None:
    desk.steps("H11", {"kind": "form", "title": BOTH, "fields": [FIELD]}, question("last"))
    told = {"示范": AddressAnswer(["通办市示范街6号2栋1203室", "通办市示范街6号2栋1204室"], more=True)}
    desk.answers["address"] = lambda asked: told.get(asked.words, AddressAnswer())
    async with desk.doing("H11"):
        await desk.first("address")
        assert "至少写两个字" in words(await desk.touch("next", "address", address="路"))
        assert "没有同时含这些字" in words(await desk.touch("next", "address", address="  月球  路 "))
        assert desk.asked[-1].words == "月球 路"
        page = await desk.touch("next", "address_found", address="示范")
        assert "还有更多" in words(page)
        await desk.touch("back", "address")
        await desk.touch("next", "address_found")
        await desk.touch("address:通办市示范街6号2栋1204室", "choose")
        assert journeys[0].answers == {"address": "通办市示范街6号2栋1204室"}
        desk.last("next", last="a")


async def test_without_the_city_the_typed_address_goes_on_for_the_department_to_judge(
    desk: Counter, journeys: list[Journey]
) -> None:
    desk.steps("H11", {"kind": "form", "title": BOTH, "fields": [FIELD]}, question("last"))
    async with desk.doing("H11"):
        await desk.first("address")
        await desk.touch("next", "offline_notice", address=ADDRESS)
        assert journeys[0].answers == {"address": ADDRESS}
        await desk.touch("next", "choose")
        desk.last("next", last="a")
