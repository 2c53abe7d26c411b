"""What somebody may choose, what that costs and how long it takes, follows from who they are and what they chose."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from kiosk.journey.engine import Journey
from kiosk.messages.questions import EligibilityAnswer
from kiosk.pages import Choices, Page
from tests.kiosk.journey.conftest import ZHAO, Counter, words
from tests.kiosk.journey.test_engine import journeys

__all__ = ["journeys"]
_ASKED = ("eligibility", "form", "sign")
STROKES = [[[0.1, 0.1], [0.9, 0.9]]]
USUAL = {"hong_kong": ["", "3m_1", "3m_2", "1y_1", "1y_2"], "macao": ["", "3m_1", "1y_1"]}


def options(page: Page) -> dict[str, list[str]]:
    return {b.name: [option.id for option in b.options] for b in page.blocks if isinstance(b, Choices)}


def known(counter: Counter, key: str, **facts: object) -> None:
    """The shipped service for somebody of whom the department says this, from the first question to the review."""
    services = counter.machine.catalogue.services
    steps = tuple(step for step in services[key].steps if step.kind in _ASKED)
    services[key] = msgspec.structs.replace(services[key], steps=steps)
    counter.visit.card = ZHAO
    counter.online()
    counter.answers["eligibility"] = EligibilityAnswer(facts, [])


@pytest.mark.parametrize(
    ("city", "hong_kong", "macao", "yuan"),
    [("none", "3m_2", "1y_1", 45), ("shenzhen", "1y_multi", "3m_1", 95), ("zhuhai", "1y_1", "1y_weekly", 95)],
)
async def test_each_city_has_its_own_choices_and_the_review_names_the_price(
    counter: Counter, city: str, hong_kong: str, macao: str, yuan: int
) -> None:
    known(counter, "E07", city_right=city)
    async with counter.doing("E07"):
        offered = options(await counter.first("form"))
        assert offered["hong_kong"] == USUAL["hong_kong"] + (["1y_multi"] if city == "shenzhen" else [])
        assert offered["macao"] == USUAL["macao"] + (["1y_weekly"] if city == "zhuhai" else [])
        page = await counter.touch("next", "form", hong_kong=hong_kong, macao="1y_multi")
        assert "请先选择一项" in words(page), "what is not offered is not taken"
        page = await counter.touch("next", "sign", hong_kong=hong_kong, macao=macao)
        assert f"{yuan} 元" in words(page)
        counter.last("next", signature=STROKES)


async def test_one_place_alone_costs_that_place_alone(counter: Counter) -> None:
    known(counter, "E06")
    async with counter.doing("E06"):
        await counter.first("form")
        page = await counter.touch("next", "form", hong_kong="", macao="")
        assert "请至少选一项" in words(page)
        page = await counter.touch("next", "sign", hong_kong="", macao="3m_1")
        assert "15 元" in words(page)
        assert "香港" not in words(page)
        counter.last("next", signature=STROKES)


async def test_a_place_with_an_unused_endorsement_is_closed_with_its_reason_before_anything_is_paid(
    counter: Counter, journeys: list[Journey]
) -> None:
    known(counter, "E06", team_places_unused=1, team_unused_hong_kong=True, team_unused_macao=False)
    async with counter.doing("E06"):
        page = await counter.first("form")
        assert options(page) == {"hong_kong": [""], "macao": USUAL["macao"]}
        assert "香港还有没用完的团队签注" in words(page)
        assert "澳门还有没用完的" not in words(page)
        page = await counter.touch("next", "form", hong_kong="3m_1", macao="3m_1")
        assert "请先选择一项" in words(page), "what is closed is not taken"
        await counter.touch("next", "sign", hong_kong="", macao="3m_1")
        assert journeys[0].answers == {"macao": "3m_1"}
        counter.last("next", signature=STROKES)


def test_who_lives_elsewhere_is_promised_their_own_limit(counter: Counter, journeys: list[Journey]) -> None:
    service = counter.machine.catalogue.services["E01"]
    journey = Journey(counter.visit, service, "x", promised_on=date(2027, 2, 1), facts={"household": "other_province"})
    assert journeys == [journey]
    assert journey.promise().zh.splitlines()[1:] == ["受理后 20 天（含休息日）", "（法定期限 30 天（含休息日））"]
