"""What a department demands: one's own, all or one, or what is due of a case whose slip is in the hand."""

from __future__ import annotations

from typing import Any

import pytest

from kiosk.cases import new_slip_code
from kiosk.journey.engine import Journey
from kiosk.journey.steps.pay import due_items
from kiosk.messages.bills import Bill, BillsAnswer, BillsQuestion
from kiosk.messages.questions import ProgressAnswer
from kiosk.pages import Choices
from tests.kiosk.journey.conftest import ZHAO, Counter, number, told, words
from tests.kiosk.journey.test_engine import journeys

__all__ = ["journeys"]
PASSPORT, PERMIT = Bill("case-1", "passport", 12000), Bill("case-2", "hk_macao_permit", 6000)
CODE = new_slip_code()


@pytest.fixture
def desk(counter: Counter) -> Counter:
    counter.visit.card = ZHAO
    counter.online()
    counter.steps("E15", "bills", "review", {"kind": "pay", "bills": "bills"}, fees=())
    return counter


def owes(counter: Counter, own: list[Bill], of_slip: list[Bill]) -> None:
    counter.answers["bills"] = lambda asked: BillsAnswer(of_slip if asked.receipt_number else own)
    case = told(1, "accepted", service="E01")
    counter.answers["progress"] = lambda asked: ProgressAnswer([case] if asked.slip_code == CODE else [], known=True)


def options(counter: Counter) -> list[str]:
    block = next(block for block in counter.page.blocks if isinstance(block, Choices))
    return [option.id for option in block.options]


async def to_the_end(desk: Counter) -> None:
    """Nobody takes money here."""
    desk.finger.touch("next")
    await desk.finger.until("needs_network")
    desk.last("continue")


@pytest.mark.parametrize(
    ("chosen", "numbers", "fen", "said"),
    [("all", "case-1 case-2", 18000, "全部 2 笔，共 180 元"), ("case-2", "case-2", 6000, "往来港澳通行证，60 元")],
)
async def test_own_bills_are_chosen_and_paid_by_their_numbers(
    desk: Counter, journeys: list[Journey], chosen: str, numbers: str, fen: int, said: str
) -> None:
    owes(desk, [PASSPORT, PERMIT], [])
    async with desk.doing("E15"):
        await desk.first("bill")
        assert options(desk) == ["all", "case-1", "case-2", "another"]
        page = await desk.touch("next", "review", bills=chosen)
        assert words(page).count(said) == 1
        (item,) = due_items(journeys[0])
        assert (item.amount_fen, item.bills, item.is_made_here) == (fen, tuple(numbers.split()), False)
        await to_the_end(desk)


async def test_somebody_elses_is_found_by_number_and_code_and_nothing_of_whose_it_is(
    desk: Counter, journeys: list[Journey]
) -> None:
    owes(desk, [], [PASSPORT])
    async with desk.doing("E15"):
        await desk.first("receipt_number")
        await desk.touch("next", "slip_code", number=number(1))
        page = await desk.touch("next", "bill_found", slip_code=CODE)
        assert "普通护照" in words(page)
        assert "赵" not in words(page)
        asked: Any = [each for each in desk.asked if isinstance(each, BillsQuestion)]
        assert (asked[-1].receipt_number, asked[-1].slip_code) == (number(1), CODE)
        await desk.touch("next", "review")
        assert journeys[0].bills == ("case-1",)
        await to_the_end(desk)


async def test_what_is_paid_already_or_costs_nothing_says_so_and_asks_again(desk: Counter) -> None:
    owes(desk, [PERMIT], [])
    async with desk.doing("E15"):
        await desk.first("bill")
        await desk.touch("next", "receipt_number", bills="another")
        await desk.touch("next", "slip_code", number=number(1))
        page = await desk.touch("next", "receipt_number", slip_code=CODE)
        assert "没有要缴的费用" in words(page)
        owes(desk, [PERMIT], [Bill("case-1", "passport", 12000, is_paid=True)])
        await desk.touch("next", "slip_code", number=number(1))
        page = await desk.touch("next", "receipt_number", slip_code=CODE)
        assert "已经缴清" in words(page)
        await desk.touch("back", "bill")
        desk.last("back")


async def test_without_the_city_nothing_is_paid(counter: Counter) -> None:
    counter.visit.card = ZHAO
    counter.steps("E15", "bills", {"kind": "pay", "bills": "bills"}, fees=())
    async with counter.doing("E15"):
        await counter.first("needs_network")
        counter.last("continue")
