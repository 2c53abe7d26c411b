"""A guardian's or an agent's card: asked of whom it must be, refused with the reason, filed as a part of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest
import trio

from devices.contract import Completed
from devices.id_card_reader.card import IdCard
from devices.vocabulary import Completion
from kiosk.catalogue.kinds import spec_type
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps import fingerprint
from kiosk.messages.content import Applicant
from tests.kiosk.journey.conftest import LI, ZHAO, Counter, words
from tests.kiosk.journey.test_engine import CHILD, journeys, question, rows

__all__ = ["journeys"]
GUARDIAN = {"kind": "second_card", "role": "guardian", "below": 16}
AGENT = {"kind": "second_card", "role": "agent"}


def laid(counter: Counter, monkeypatch: pytest.MonkeyPatch, *cards: IdCard) -> None:
    """These cards come one after the other."""
    coming = list(cards)

    async def read(_on_trouble: Any) -> IdCard:
        if not coming:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        return coming.pop(0)

    monkeypatch.setattr(counter.machine.next_card, "read", read)
    monkeypatch.setattr(counter.machine.peripherals, "is_usable", lambda _kind: True)


async def test_a_child_comes_with_a_guardian_whose_card_is_a_part_of_its_own(
    counter: Counter, journeys: list[Journey], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.visit.card = CHILD
    laid(counter, monkeypatch, CHILD, replace(LI, valid_to=date(2026, 12, 31)), LI)
    counter.steps("T01", GUARDIAN, question("last"), "review")
    async with counter.doing("T01"):
        await counter.finger.until("choose")
        assert counter.finger.history[:3] == ["second_card", "second_card", "second_card"], (
            "the same and an old one: no"
        )
        second = msgspec.json.decode(journeys[0].parts["second_person"], type=Applicant)
        assert (second.number, second.name) == (LI.number, LI.name)
        assert journeys[0].answers == {"second_card": "guardian"}
        assert LI.number not in msgspec.json.encode(journeys[0].answers).decode()
        assert counter.visit.card is CHILD, "the case stays the child's"
        await counter.touch("next", "review", last="a")
        assert (LI.name in words(counter.page), rows(counter)[0][0]) == (False, "李*䶮")
        counter.last("next")


async def test_who_is_old_enough_is_asked_for_no_guardian(counter: Counter, journeys: list[Journey]) -> None:
    counter.visit.card = ZHAO
    counter.steps("T01", GUARDIAN, question("last"))
    async with counter.doing("T01"):
        await counter.first("choose")
        assert journeys[0].parts == {}
        counter.last("back")


@pytest.mark.parametrize(("proxy", "said"), [("no", "本人办理"), ("window", "代办请到窗口")])
async def test_where_nobody_may_come_for_another_that_is_told(counter: Counter, proxy: str, said: str) -> None:
    counter.visit.card = ZHAO
    counter.steps("T01", AGENT, question("last"), proxy=proxy)
    async with counter.doing("T01"):
        page = await counter.first("second_refused")
        assert said in words(page)
        counter.last("continue")


async def test_a_minor_is_nobodys_agent_and_the_reason_stands_there(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.visit.card = ZHAO
    laid(counter, monkeypatch, CHILD)
    counter.steps("T01", AGENT, question("last"), proxy="yes")
    async with counter.doing("T01"):
        while "未满 18 周岁" not in (words(counter.finger.page) if counter.finger.page else ""):
            await counter.finger.change("what this test waits for")
        counter.last("back")


def test_the_check_knows_where_a_second_card_makes_no_sense(counter: Counter) -> None:
    service = msgspec.structs.replace(counter.machine.catalogue.services["T01"], proxy="no", guardian_below=0)
    for table, said in ((AGENT, "lets nobody come"), ({**GUARDIAN, "below": 0}, "nobody is so young")):
        spec = msgspec.convert(table, spec_type("second_card"))
        assert [said in fault.what for fault in spec.faults(service, 3)] == [True]
        assert "nobody is known" in next(spec.faults(service, 0)).what


class Capture:
    width_px, height_px, pixels = 4, 2, bytes(range(8))


async def test_fingers_are_asked_for_one_by_one_and_go_as_pictures(
    counter: Counter, journeys: list[Journey], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.visit.card = ZHAO
    asked: list[str] = []
    told = [Completed(Completion.TIME_OUT, error="poor_quality"), Completed(Completion.SUCCESS, Capture())]

    async def call(_name: str, command: str, _limit_s: float, finger: str) -> Completed:
        await trio.lowlevel.checkpoint()
        asked.append(f"{command} {finger}")
        return told[min(len(asked) - 1, 1)]

    async def ready(_name: str) -> None: ...

    monkeypatch.setattr(counter.machine.peripherals, "is_usable", lambda _kind: True)
    monkeypatch.setattr(counter.machine.peripherals, "call", call)
    monkeypatch.setattr(counter.machine.peripherals, "ready", ready)
    counter.steps("T01", {"kind": "fingerprint", "fingers": ["right_thumb", "left_thumb"]})
    async with counter.doing("T01"):
        pass
    assert asked == ["capture right_thumb", "capture right_thumb", "capture left_thumb"]
    assert journeys[0].answers == {"fingerprint": "taken", "fingerprint_of": "right_thumb left_thumb"}
    assert [part[:4] for part in journeys[0].parts.values()] == [b"\x89PNG"] * 2


async def test_who_has_no_finger_that_can_be_read_is_confirmed_by_a_guide(
    counter: Counter, journeys: list[Journey], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def call(*_arguments: Any, **_named: Any) -> Completed:
        await trio.sleep_forever()
        raise AssertionError

    async def confirmed(*_arguments: Any) -> Outcome:
        return Outcome.NEXT

    monkeypatch.setattr(counter.machine.peripherals, "is_usable", lambda _kind: True)
    monkeypatch.setattr(counter.machine.peripherals, "call", call)
    monkeypatch.setattr(fingerprint.guide, "confirm", confirmed)
    counter.steps("T01", {"kind": "fingerprint"})
    async with counter.doing("T01"):
        await counter.first("fingerprint")
        counter.last("guide")
    assert (journeys[0].answers, journeys[0].parts) == ({"fingerprint": "guide"}, {})
