"""Who has the same case under way is told before the form, with its number and state."""

from __future__ import annotations

from typing import Any

import pytest

from devices.id_card_reader.card import IdCard
from kiosk.cases import unbroken
from kiosk.hub_link.client import Answered, Unreachable
from kiosk.journey.engine import Journey
from kiosk.journey.under_way import UnderWay, under_way, under_way_page
from kiosk.messages.questions import CaseProgress, EligibilityAnswer, ProgressAnswer, ProgressState
from kiosk.pages import Facts, Settings
from kiosk.visit import FiledCase, Visit
from tests.kiosk.journey.conftest import ZHAO, Counter, told, words
from tests.kiosk.journey.conftest import number as receipt_number

NUMBER = "9" * 24


def journey(machine: Any, reply: Any) -> Journey:
    async def ask(_kind: str, _question: Any) -> Any:
        return reply

    machine.ask = ask
    visit = Visit(machine, Settings())
    visit.card = IdCard(kind="resident", name="测试甲", number="990101199001010027")
    service = machine.catalogue.services["T01"]
    at = next(i for i, step in enumerate(service.steps) if step.kind == "eligibility")
    return Journey(visit, service, "case", "8" * 24, position=at)


def case(service: str, *states: str) -> Answered:
    told = [ProgressState(s, "2027-01-12T01:00:00Z", "traffic") for s in states]
    return Answered(ProgressAnswer([CaseProgress(NUMBER, service, "测*", told)]))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (case("T01", "delivered", "accepted"), UnderWay(NUMBER, "accepted")),
        (case("T01", "delivered", "on_the_moon"), UnderWay(NUMBER, "on_the_moon")),
        (case("T01", "delivered", "not_accepted"), None),
        (case("H13", "delivered"), None),
        (Unreachable("offline"), None),
    ],
)
async def test_same_case_under_way_is_known(machine: Any, reply: Any, expected: UnderWay | None) -> None:
    assert await under_way(journey(machine, reply)) == expected


async def test_offline_the_machine_s_own_queue_tells_of_it(machine: Any) -> None:
    this = journey(machine, Unreachable("offline"))
    machine.outbox.put(
        kind="case", key="k", case_id="k", receipt_number=NUMBER, parts=[("form", b"x")], stamp=lambda *_: (b"h", "s")
    )
    this.visit.filed.append(FiledCase("k", NUMBER, "T01"))
    assert await under_way(this) == UnderWay(NUMBER, "stored")
    page = under_way_page(this, UnderWay(NUMBER, "stored"))
    rows = next(b.rows for b in page.blocks if isinstance(b, Facts))
    assert [r.value.zh for r in rows] == [unbroken(NUMBER), "已暂存"]


@pytest.mark.parametrize("action", ["next", "back"])
async def test_it_is_told_before_anything_is_asked_and_the_person_decides(counter: Counter, action: str) -> None:
    counter.steps("T01", "eligibility")
    counter.visit.card = ZHAO
    counter.answers["progress"] = ProgressAnswer([told(7, "delivered", "accepted")])
    counter.answers["eligibility"] = EligibilityAnswer({}, ["age"])
    async with counter.doing("T01"):
        page = await counter.first("under_way")
        assert {unbroken(receipt_number(7)), "已受理"} <= set(words(page).splitlines())
        if action == "next":
            await counter.touch("next", "not_yet")
            counter.last("leave")
        else:
            counter.last("back")
    assert counter.finger.history[-1] == ("not_yet" if action == "next" else "under_way")
