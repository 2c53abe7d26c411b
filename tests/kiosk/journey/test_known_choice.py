"""A choice of what the department knows: asked only where there are several, and never one that it has not named."""

from __future__ import annotations

from typing import Any

import pytest

from kiosk.messages.questions import EligibilityAnswer
from tests.kiosk.journey.conftest import ZHAO, Counter, words

LABEL = {"zh": "所选的车", "en": "Vehicle chosen"}
FORM: dict[str, Any] = {
    "kind": "form",
    "title": {"zh": "哪一辆？", "en": "Which?"},
    "fields": [{"name": "vehicle", "kind": "choice", "fact": "plates", "label": LABEL}],
}


@pytest.fixture
def desk(counter: Counter) -> Counter:
    counter.visit.card = ZHAO
    counter.online()
    counter.steps("T16", "eligibility", FORM, "review", checks=())
    return counter


async def test_of_several_one_is_chosen_and_stands_on_the_review(desk: Counter) -> None:
    desk.answers["eligibility"] = EligibilityAnswer({"plates": "通A·1,通A·2"}, [])
    async with desk.doing("T16"):
        await desk.first("form")
        await desk.touch("next", "form", vehicle="通A·3")
        page = await desk.touch("next", "review", vehicle="通A·2")
        assert "所选的车\n通A·2" in words(page)
        await desk.touch("back", "form")
        desk.last("back")


@pytest.mark.parametrize(("facts", "said"), [({"plates": "通A·1"}, "通A·1"), ({}, "")])
async def test_with_one_or_none_nothing_is_asked(desk: Counter, facts: dict[str, str], said: str) -> None:
    desk.answers["eligibility"] = EligibilityAnswer(facts, [])
    async with desk.doing("T16"):
        page = await desk.first("review")
        assert said in words(page)
        assert ("所选的车" in words(page)) == bool(said)
        desk.last("next")


async def test_back_passes_over_a_page_on_which_nothing_was_asked(desk: Counter) -> None:
    where = {"name": "where", "kind": "region", "label": LABEL}
    desk.steps("T16", "eligibility", FORM | {"fields": [*FORM["fields"], where]}, "review", checks=())
    desk.answers["eligibility"] = EligibilityAnswer({"plates": "通A·1"}, [])
    async with desk.doing("T16"):
        await desk.first("region")
        desk.last("back")


def only_if(number: int) -> dict[str, Any]:
    label = {"zh": f"科目{number}", "en": f"Exam {number}"}
    return {"id": str(number), "label": label, "only_if": {"fact": "exam_subject", "op": "is", "value": number}}


OPTIONS: dict[str, Any] = {"name": "exam", "label": LABEL, "options": [only_if(1), only_if(2)]}


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "choose", "title": LABEL, **OPTIONS},
        {"kind": "form", "title": LABEL, "fields": [{"kind": "choice", **OPTIONS}]},
    ],
    ids=["choose", "form"],
)
async def test_who_is_offered_nothing_is_told_so_and_not_left_before_an_empty_page(
    desk: Counter, step: dict[str, Any]
) -> None:
    desk.steps("T16", "eligibility", step, "review", checks=())
    desk.answers["eligibility"] = EligibilityAnswer({"exam_subject": 3}, [])
    async with desk.doing("T16"):
        page = await desk.first("nothing_offered")
        assert "请到窗口办理" in words(page)
        desk.last("continue")
