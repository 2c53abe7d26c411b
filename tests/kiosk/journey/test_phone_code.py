"""手机号短信验证 at the machine: the code sent, wrong, spent, sent again; a number that nobody can prove goes on."""

from __future__ import annotations

from typing import Any

import pytest

from kiosk.journey.engine import Journey
from kiosk.messages.hall import CodeAnswer
from tests.kiosk.journey.conftest import ZHAO, Counter, words
from tests.kiosk.journey.test_engine import BOTH, journeys, question

__all__ = ["journeys"]
PHONE = "13900000001"
FORM = {"kind": "form", "title": BOTH, "fields": [{"name": "phone", "label": BOTH, "kind": "code"}]}


@pytest.fixture
def desk(counter: Counter) -> Counter:
    counter.visit.card = ZHAO
    counter.online()
    counter.steps("T07", FORM, question("last"))
    return counter


def says(counter: Counter, *answers: Any) -> None:
    """One answer after the other."""
    left = list(answers)
    counter.answers["code"] = lambda _asked: left.pop(0)


async def test_the_number_is_kept_with_its_proof_after_the_right_code(desk: Counter, journeys: list[Journey]) -> None:
    says(
        desk,
        *(CodeAnswer("sent"), CodeAnswer("wrong", left=4), CodeAnswer("spent"), CodeAnswer("wait", wait_s=61)),
        *(CodeAnswer("sent"), CodeAnswer("right", proof="p-1")),
    )
    async with desk.doing("T07"):
        await desk.first("phone_number")
        assert "11 位" in words(await desk.touch("next", "phone_number", phone="139"))
        page = await desk.touch("next", "phone_code", phone="139 0000 0001")
        assert "139****0001" in words(page)
        assert PHONE not in words(page)
        assert "6 位" in words(await desk.touch("next", "phone_code", sms_code="12"))
        assert "还可以试 4 次" in words(await desk.touch("next", "phone_code", sms_code="123456"))
        assert "作废" in words(await desk.touch("next", "phone_code", sms_code="123456"))
        assert "2 分钟后" in words(await desk.touch("again", "phone_code"))
        assert "新的验证码" in words(await desk.touch("again", "phone_code"))
        await desk.touch("next", "choose", sms_code="６５４３２１")
        assert journeys[0].answers == {"phone": PHONE, "phone_sms_proof": "p-1"}
        assert (desk.asked[-1].action, desk.asked[-1].code) == ("check", "654321")
        await desk.touch("back", "phone_number")
        await desk.touch("next", "choose")
        desk.last("next", last="a")


async def test_back_from_the_code_is_another_number(desk: Counter) -> None:
    says(desk, CodeAnswer("sent"), CodeAnswer("wait", wait_s=3600))
    async with desk.doing("T07"):
        await desk.first("phone_number")
        await desk.touch("next", "phone_code", phone=PHONE)
        await desk.touch("back", "phone_number")
        assert "60 分钟" in words(await desk.touch("next", "phone_number", phone="13900000002"))
        desk.last("back")


@pytest.mark.parametrize(("answers", "then"), [((CodeAnswer("unavailable"),), "choose"), ((None,), "offline_notice")])
async def test_a_number_that_nobody_can_prove_goes_on_and_says_so(
    desk: Counter, journeys: list[Journey], answers: tuple[Any, ...], then: str
) -> None:
    if answers == (None,):
        desk.answers.clear()
    else:
        says(desk, *answers)
    async with desk.doing("T07"):
        await desk.first("phone_number")
        await desk.touch("next", then, phone=PHONE)
        if then == "offline_notice":
            await desk.touch("next", "choose")
        assert journeys[0].answers == {"phone": PHONE}
        assert "未验证" in journeys[0].labels["phone"].zh
        desk.last("next", last="a")
