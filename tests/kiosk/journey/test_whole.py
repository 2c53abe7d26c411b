"""Several services in one journey: one form, one signature, one slip, a number for each; who is refused is left out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import trio

from devices.vocabulary import DeviceState, DeviceStatus
from kiosk.journey import engine
from kiosk.journey.steps.file import _bundle
from kiosk.journey.whole import together, whole_of_bundle
from kiosk.messages.content import Identity
from kiosk.messages.parked import ParkAnswer, ParkQuestion
from kiosk.messages.questions import EligibilityAnswer, ProgressAnswer
from kiosk.pages import Choices, Facts, Field, Receipt
from kiosk.planning.plan import plan_of
from kiosk.roster import CAMERA
from kiosk.text import text
from tests.kiosk.journey.conftest import LI, Counter, words
from tests.kiosk.journey.test_photo_step import Vision

STROKES = [[[0.1, 0.1], [0.9, 0.9]]]
PHONE = "13900000001"


@pytest.fixture
def two(counter: Counter) -> Callable[..., Any]:
    """Begins T01 and H13 together for somebody who is known; ``failed``: the checks that speak against each."""

    def begin(**failed: list[str]) -> Any:
        counter.visit.card, counter.visit.identity = LI, Identity("guide", "confirmed", guide_ref="guide-1")
        counter.machine.peripherals.take_over(CAMERA, DeviceStatus(DeviceState.ONLINE))
        counter.machine.vision = Vision(b"taken")  # type: ignore[assignment]
        counter.online()
        counter.answers["progress"] = ProgressAnswer([])
        counter.answers["eligibility"] = lambda asked: EligibilityAnswer({}, failed.get(asked.service, []))
        services = [counter.machine.catalogue.services[key] for key in ("T01", "H13")]
        return together(counter.visit, plan_of(services))

    return begin


async def to_the_review(counter: Counter) -> Any:
    while (page := counter.page).kind in ("choose", "form"):
        values = {b.name: b.options[0].id for b in page.blocks if isinstance(b, Choices)}
        values |= {b.name: PHONE for b in page.blocks if isinstance(b, Field)}
        before = len(counter.finger.history)
        counter.finger.touch("next", **values)
        while len(counter.finger.history) == before:
            await counter.finger.change("what this test waits for")
    return counter.page


async def test_one_form_one_signature_one_slip_and_a_number_for_each(counter: Counter, two: Callable[..., Any]) -> None:
    whole = two()
    counter.machine.link.state = None  # the city is asked, and does not hear of what is filed
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run_journey, whole)
        await counter.finger.until("photo_taken")
        await counter.touch("next", "choose")
        review = await to_the_review(counter)
        assert review.kind == "sign", words(review)
        assert words(review).count("手机号码") == 1
        result = await counter.touch("next", "result", signature=STROKES)
        assert counter.finger.history.count("form") == 1
        assert counter.finger.history.count("sign") == 1
        cases = counter.filed("case")
        assert len({case.receipt_number for case in cases}) == 2
        (receipt,) = [block for block in result.blocks if isinstance(block, Receipt)]
        assert receipt.number == cases[0].receipt_number, "a number that the city can look up"
        assert whole.receipt_number not in {case.receipt_number for case in cases}
        await counter.touch("next", "slip")
        (paper,) = counter.papers
        for number in (whole.receipt_number, *(case.receipt_number for case in cases)):
            assert number[:4] + " " + number[4:8] in paper
        costs = [part for part in whole.parts_of if part.fees_due()]
        assert costs
        assert paper.count(text("slip.fee").zh) == len(costs) + 1, "what each of them costs, and all together"
        await counter.touch("next", "rate")
        await counter.touch("grade:5", "rated")
        counter.last("continue")
    assert len(counter.filed("rating")) == 2, "each case is rated by the one answer"
    answers = [part.answers for part in whole.parts_of]
    assert [each["phone"] for each in answers] == [PHONE, PHONE]
    assert all("signature" in part.parts for part in whole.parts_of)
    pictures = [part.parts.get("photo") for part in whole.parts_of]
    assert pictures == [b"taken licence", None], "only who asks for a photograph has it"
    assert "reason" not in answers[0], "what only the other service asks is not filed with this one"


async def test_who_is_refused_is_left_out_with_the_reasons_and_the_other_goes_on(
    counter: Counter, two: Callable[..., Any]
) -> None:
    whole = two(T01=["violations_settled", "medical_recent"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run_journey, whole)
        page = await counter.first("not_yet")
        (facts,) = [block for block in page.blocks if isinstance(block, Facts)]
        assert len(facts.rows) == 2, "all reasons at once"
        assert all("驾驶证" in row.label.zh for row in facts.rows)
        await counter.touch("next", "choose")
        assert "delivery" not in [block.name for block in counter.page.blocks if isinstance(block, Choices)]
        assert (await to_the_review(counter)).kind == "sign"
        nursery.cancel_scope.cancel()
    assert [part.service.key for part in whole.going] == ["H13"]


async def test_nobody_goes_on_where_every_part_is_refused(counter: Counter, two: Callable[..., Any]) -> None:
    whole = two(T01=["violations_settled"], H13=["permit_held"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run_journey, whole)
        page = await counter.first("not_yet")
        assert "next" not in {action.id for action in page.actions}
        counter.last("leave")
    assert not counter.filed("case")


NO_PERMIT = ["permit_valid", "permit_long_enough", "permit_chip"]


@pytest.mark.parametrize(
    ("issued", "first", "wish", "going"),
    [
        (0, [], NO_PERMIT, ["E04", "E06"]),
        (1, ["no_permit_before"], [], ["E06"]),
        (1, ["no_permit_before"], ["permit_chip"], []),
        (0, ["none_in_hand"], NO_PERMIT, []),
    ],
    ids=["first permit", "has one", "has a broken one", "one is being made"],
)
def test_an_endorsement_goes_with_a_first_permit_or_on_the_one_that_there_is(
    counter: Counter, issued: int, first: list[str], wish: list[str], going: list[str]
) -> None:
    counter.visit.card, counter.visit.identity = LI, Identity("guide", "confirmed", guide_ref="guide-1")
    whole = whole_of_bundle(counter.visit, counter.machine.catalogue.bundles["B07"], ("E04", "E06"))
    for at, failed in enumerate((first, wish)):
        if at not in whole.left_out:
            whole.judge(at, {"hk_macao_permits_issued": issued}, failed)
    assert [part.service.key for part in whole.going] == going
    said = {part.service.key: _bundle(part).get("rests_on") for part in whole.going}
    wanted = (whole.parts_of[0].case_id,) if "E04" in going else None
    assert said.get("E06") == wanted
    assert not said.get("E04")


@pytest.mark.parametrize("is_kept", [True, False])
async def test_what_only_waits_for_a_result_is_laid_down_and_the_others_go_on(
    counter: Counter, two: Callable[..., Any], is_kept: bool
) -> None:
    whole = two(T01=["medical_recent"])
    if is_kept:
        counter.answers["park"] = ParkAnswer(date(2027, 1, 19))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run_journey, whole)
        page = await counter.first("not_yet")
        parked = [asked for asked in counter.asked if isinstance(asked, ParkQuestion)]
        assert [(asked.service, asked.checks) for asked in parked] == [("T01", ["medical_recent"])]
        assert ("在任何一台机器放身份证就接着办" in words(page)) is is_kept
        assert "没有查到 6 个月内的身体条件证明" in words(page)
        assert [part.service.key for part in whole.going] == ["H13"]
        counter.last("leave")


async def test_what_is_refused_for_another_reason_too_is_not_laid_down(
    counter: Counter, two: Callable[..., Any]
) -> None:
    whole = two(T01=["medical_recent", "licence_normal"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run_journey, whole)
        await counter.first("not_yet")
        assert not [asked for asked in counter.asked if isinstance(asked, ParkQuestion)]
        counter.last("leave")
