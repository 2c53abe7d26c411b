"""A code for the phone: of what was begun here, of what waits, of what is due; nothing of the person in it."""

from __future__ import annotations

from typing import Any

import pytest

from kiosk.messages.handover import HandoverAnswer, HandoverQuestion
from kiosk.messages.questions import DueAnswer, DueFact
from kiosk.pages import Page, Receipt
from tests.kiosk.journey.conftest import ZHAO, Counter, words


@pytest.fixture
def asking(counter: Counter) -> Counter:
    counter.online()
    counter.visit.card = ZHAO
    counter.answers["due"] = DueAnswer([DueFact("H01", {})])
    counter.answers["handover"] = lambda asked: (
        HandoverAnswer("kept")
        if asked.action == "keep"
        else HandoverAnswer("ready", address="/phone?link=abc", until="10:42")
    )
    counter.steps("C11", "phone")
    return counter


def code(page: Page) -> tuple[str, str]:
    """The address in it, and until when it is good."""
    return next((block.qr, block.number) for block in page.blocks if isinstance(block, Receipt))


async def test_one_service_is_shown_at_once_at_the_hubs_own_address(asking: Counter) -> None:
    async with asking.doing("C11"):
        page = await asking.first("phone")
        assert code(page) == (f"{asking.machine.config.hub.url.rstrip('/')}/phone?link=abc", "10:42")
        asking.last("next")
    assert [each.action for each in asking.asked if isinstance(each, HandoverQuestion)] == ["phone"]


async def test_what_was_said_in_this_visit_is_left_first(asking: Counter) -> None:
    asking.visit.typed["T02"] = {"phone": "13900000001", "loss": "yes", "slip_code": "1234"}
    async with asking.doing("C11"):
        page = await asking.first("phone_which")
        assert "补领" in words(page) or "遗失" in words(page)
        await asking.touch("next", "phone_which")
        await asking.touch("next", "phone", service="T02")
        asking.last("next")
    kept: Any = next(each for each in asking.asked if isinstance(each, HandoverQuestion))
    assert (kept.action, kept.service, [said.name for said in kept.said]) == ("keep", "T02", ["phone"])


async def test_nothing_to_go_on_with_is_said(asking: Counter) -> None:
    asking.answers["due"] = DueAnswer([])
    async with asking.doing("C11"):
        assert "没有要续办的" in words(await asking.first("phone_none"))
        asking.last("back")


async def test_a_hub_that_does_not_answer_makes_no_code(asking: Counter) -> None:
    del asking.answers["handover"]
    async with asking.doing("C11"):
        await asking.first("needs_network")
        asking.last("continue")
