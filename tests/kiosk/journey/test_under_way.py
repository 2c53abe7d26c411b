"""Who has the same case under way is told before the form, with its number and state."""

from __future__ import annotations

from typing import Any

import pytest

from devices.id_card_reader.card import IdCard
from kiosk.cases import unbroken
from kiosk.hub_link.client import Answered, Unreachable
from kiosk.journey.engine import Journey
from kiosk.journey.under_way import UnderWay, under_way, under_way_page
from kiosk.messages.questions import CaseProgress, ProgressAnswer, ProgressState
from kiosk.pages import Facts, Settings
from kiosk.visit import FiledCase, Visit

NUMBER = "9" * 24


def journey(machine: Any, reply: Any) -> Journey:
    async def ask(_kind: str, _question: Any) -> Any:
        return reply

    machine.ask = ask
    visit = Visit(machine, Settings())
    visit.card = IdCard(kind="resident", name="测试甲", number="990101199001010027")
    return Journey(visit, machine.catalogue.services["T01"], "case", "8" * 24)


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
