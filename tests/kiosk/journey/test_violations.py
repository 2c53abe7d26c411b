"""交通违法: shown, settled after what the law wants to be told, and fines found: pages, answers and paper."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from kiosk.journey.violation_words import duties
from kiosk.messages.violations import Violation, ViolationsAnswer
from kiosk.pages import Choices
from kiosk.text import text
from tests.kiosk.journey.conftest import ZHAO, Counter, words

OPEN = Violation(
    *("V1", 20000, "open"),
    plate="通A·M0198",
    at="2026-12-01 08:12",
    place="演示路",
    act="闯红灯",
    article="第九十条",
    points=6,
    is_own_car=True,
)
SECOND = replace(OPEN, number="V2", act="压线", fine_fen=10000, points=3)
THIRD = replace(OPEN, number="V3", act="逆行", points=3)
BARRED = replace(OPEN, number="V4", reasons=["violation_fine"])
FINE = replace(
    OPEN, number="V5", state="decided", decision_number="990100000000001", pay_until=date(2027, 1, 5), late_fen=4200
)


@pytest.fixture
def desk(counter: Counter) -> Counter:
    counter.visit.card = ZHAO
    counter.online()
    return counter


def does(counter: Counter, mode: str, answer: Any) -> None:
    counter.steps("T09", {"kind": "violations", "mode": mode}, "review")
    counter.answers["violations"] = answer


def options(counter: Counter) -> list[str]:
    block = next(block for block in counter.page.blocks if isinstance(block, Choices))
    return [option.id for option in block.options]


async def test_all_are_shown_with_their_reasons_and_printed(desk: Counter) -> None:
    does(desk, "show", ViolationsAnswer([OPEN, BARRED, FINE], points=3))
    async with desk.doing("T09"):
        page = await desk.first("violations")
        for each in ("通A·M0198", "罚款 200 元，记 6 分", "未处理", "罚款超过 200 元", "990100000000001", "2027-01-05"):
            assert each in words(page), each
        await desk.touch("print", "printed")
        await desk.touch("continue", "violations")
        await desk.touch("next", "review")
        desk.last("next")
    assert "已处理，罚款未缴" in desk.papers[0]


async def test_settling_tells_the_rights_and_the_points_that_come_and_goes_on_while_they_allow_it(
    desk: Counter,
) -> None:
    does(desk, "settle", ViolationsAnswer([BARRED, OPEN, SECOND, THIRD, FINE], points=2))
    async with desk.doing("T09"):
        await desk.first("violation")
        assert options(desk) == ["V1", "V2", "V3"], "what cannot be settled here is not offered"
        page = await desk.touch("next", "violation_told", violations="V1")
        for each in ("第九十条", "陈述和申辩", "累计 8 分", "15 日", "60 日内", "6 个月内"):
            assert each in words(page), each
        await desk.touch("next", "violation")
        assert options(desk) == ["V2", "V3", ""]
        await desk.touch("next", "violation_told", violations="V2")
        # 2 + 6 + 3 points: the third would make twelve or more, and is not offered.
        page = await desk.touch("next", "review")
        assert "2 条违法，罚款共 300 元" in words(page)
        desk.last("next")


async def test_who_objects_settles_nothing_and_is_told_where_to_go(desk: Counter) -> None:
    does(desk, "settle", ViolationsAnswer([OPEN]))
    async with desk.doing("T09"):
        await desk.first("violation")
        await desk.touch("next", "violation_told", violations="V1")
        page = await desk.touch("object", "violation_objected")
        assert "不会加重处罚" in words(page)
        await desk.touch("continue", "violation")
        desk.last("back")


async def test_where_nothing_can_be_settled_each_tells_why(desk: Counter) -> None:
    does(desk, "settle", ViolationsAnswer([BARRED]))
    async with desk.doing("T09"):
        page = await desk.first("violations")
        assert "交警大队窗口" in words(page)
        desk.last("next")


async def test_an_own_fine_is_chosen_with_what_was_added(desk: Counter) -> None:
    does(desk, "pay", ViolationsAnswer([OPEN, FINE]))
    async with desk.doing("T09"):
        await desk.first("fine")
        assert options(desk) == ["990100000000001", "another"]
        page = await desk.touch("next", "review", decisions="990100000000001")
        assert "共 242 元" in words(page)
        desk.last("next")


async def test_all_own_fines_are_chosen_at_once_and_stand_in_one_row(desk: Counter) -> None:
    another = replace(FINE, number="V9", decision_number="990100000000007")
    does(desk, "pay", ViolationsAnswer([FINE, another]))
    async with desk.doing("T09"):
        await desk.first("fine")
        assert options(desk) == ["all", "990100000000001", "990100000000007", "another"]
        page = await desk.touch("next", "review", decisions="all")
        assert "全部 2 笔罚款，共 484 元" in words(page)
        assert words(page).count("缴纳罚款") == 1
        desk.last("next")


async def test_somebody_elses_fine_is_found_by_its_number_and_nothing_of_whose_it_is(desk: Counter) -> None:
    paid, due = "990100000000002", "990100000000003"
    told = {
        None: ViolationsAnswer([]),
        paid: ViolationsAnswer([Violation("", 10000, "paid", decision_number=paid)]),
        due: ViolationsAnswer([Violation("", 10000, "decided", decision_number=due, pay_until=date(2027, 1, 20))]),
    }
    does(desk, "pay", lambda question: told.get(question.decision_number, ViolationsAnswer([])))
    async with desk.doing("T09"):
        await desk.first("fine_number")
        for number, said in (("12", "现在是 2 位"), ("990100000000009", "没有查到"), (paid, "不用再缴")):
            page = await desk.touch("next", "fine_number", number=number)
            assert said in words(page)
        page = await desk.touch("next", "fine_found", number=due)
        assert "2027-01-20" in words(page)
        page = await desk.touch("next", "review")
        assert "共 100 元" in words(page)
        desk.last("next")


@pytest.mark.parametrize("mode", ["show", "settle", "pay"])
async def test_without_the_city_it_ends_and_says_so(desk: Counter, mode: str) -> None:
    desk.steps("T09", {"kind": "violations", "mode": mode})
    async with desk.doing("T09"):
        await desk.first("needs_network")
        desk.last("continue")


def test_who_is_only_warned_is_not_told_to_pay_within_fifteen_days() -> None:
    pay = text("violations.pay_words")
    assert pay in duties(OPEN, 0)
    assert pay not in duties(replace(OPEN, fine_fen=0), 0)
