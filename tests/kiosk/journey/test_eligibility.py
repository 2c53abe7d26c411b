"""一次性告知: everything that is missing, with words for every reason, on the screen and on a sheet with its head."""

from __future__ import annotations

import pytest

from devices.receipt_printer.job import Outcome as Ended
from kiosk.messages.questions import EligibilityAnswer
from kiosk.pages import Facts
from tests.kiosk.journey.conftest import ZHAO, Counter, words


@pytest.fixture
def only_the_step(counter: Counter) -> Counter:
    for key in ("T01", "E13"):
        counter.steps(key, "eligibility")
    counter.visit.card = ZHAO
    return counter


async def test_all_that_is_missing_stands_on_the_page_and_on_a_sheet_with_its_head(only_the_step: Counter) -> None:
    counter = only_the_step
    counter.answers["eligibility"] = EligibilityAnswer({}, ["violations_settled", "points_below_12", "moon_phase"])
    async with counter.doing("T01"):
        page = await counter.first("not_yet")
        (facts,) = [b for b in page.blocks if isinstance(b, Facts)]
        assert len(facts.rows) == 3
        assert "其他原因（代码 moon_phase）" in words(page)
        await counter.touch("print", "printed")
        await counter.touch("continue", "not_yet")
        counter.last("leave")
    (paper,) = counter.papers
    wanted = ("一次性告知单", "驾驶证有效期满换证", "hall", "k-0001", "赵*福", "2027-01-12", "110 / 12367", "12389")
    for each in (*wanted, "1. 有未处理完毕", "2. 本记分周期已记满 12 分", "3. 其他原因（代码 moon_phase）"):
        assert each in paper, each
    assert ZHAO.number not in paper


@pytest.mark.parametrize(
    ("end", "said"), [(Ended.NOT_PRINTED, "单据没有打印出来"), (Ended.UNKNOWN, "单据打印出来了吗")]
)
async def test_a_sheet_that_does_not_come_is_said(only_the_step: Counter, end: Ended, said: str) -> None:
    counter = only_the_step
    counter.printer = end
    counter.answers["eligibility"] = EligibilityAnswer({}, ["age"])
    async with counter.doing("T01"):
        await counter.first("not_yet")
        page = await counter.touch("print", "not_printed")
        assert said in words(page)
        await counter.touch("continue", "not_yet")
        counter.last("leave")


async def test_when_nothing_is_missing_nothing_is_shown(only_the_step: Counter) -> None:
    counter = only_the_step
    counter.answers["eligibility"] = EligibilityAnswer({}, [])
    async with counter.doing("T01"):
        pass
    assert counter.finger.history == ["checking"]


@pytest.mark.parametrize(
    ("key", "page", "action"), [("T01", "offline_notice", "next"), ("E13", "needs_network", "continue")]
)
async def test_without_network_it_goes_on_or_ends_with_the_reason(
    only_the_step: Counter, key: str, page: str, action: str
) -> None:
    async with only_the_step.doing(key):
        await only_the_step.first(page)
        only_the_step.last(action)
