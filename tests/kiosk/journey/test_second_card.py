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
from kiosk.catalogue import model
from kiosk.catalogue.kinds import spec_type
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps import fingerprint
from kiosk.messages.content import Applicant, CaseForm, Identity, decode_content
from tests.kiosk.journey.conftest import LI, ZHAO, Counter, words
from tests.kiosk.journey.test_engine import CHILD, journeys, question

__all__ = ["journeys"]
GUARDIAN = {"kind": "second_card", "role": "guardian", "below": 16}
AGENT = {"kind": "second_card", "role": "agent"}
EVERYBODY = model.Applicant()
CONFIRMED = Identity("guide", "confirmed", guide_ref="guide-1")


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


def filings(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, bytes]]:
    """The plain parts of what is filed from now on."""
    found: list[dict[str, bytes]] = []
    file = counter.machine.filing.file

    async def noted(**what: Any) -> Any:
        found.append(what["parts"])
        return await file(**what)

    monkeypatch.setattr(counter.machine.filing, "file", noted)
    return found


async def test_a_child_comes_with_a_guardian_whose_card_is_a_part_of_its_own(
    counter: Counter, journeys: list[Journey], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.visit.card = CHILD
    laid(counter, monkeypatch, CHILD, replace(ZHAO, valid_to=date(2026, 12, 31)), ZHAO)
    counter.steps("T01", "identify", GUARDIAN, question("last"), "review", "file", "slip", applicant=EVERYBODY)
    filed = filings(counter, monkeypatch)
    async with counter.doing("T01"):
        await counter.finger.until("choose")
        assert counter.finger.history[:3] == ["second_card", "second_card", "second_card"], (
            "the same and an old one: no"
        )
        assert journeys[0].answers == {"second_card": "guardian"}
        assert counter.visit.card is CHILD, "the case stays the child's"
        counter.visit.identity = CONFIRMED
        await counter.touch("next", "review", last="a")
        assert (ZHAO.name in words(counter.page), "监护人\n赵*福" in words(counter.page)) == (False, True)
        await counter.touch("next", "result")
        await counter.touch("next", "slip")
        counter.last("next")
    second = msgspec.json.decode(filed[0]["second_person"], type=Applicant)
    form = decode_content("case", filed[0]["form"])
    assert isinstance(form, CaseForm)
    assert (second.number, second.name, form.applicant.number) == (ZHAO.number, ZHAO.name, CHILD.number)
    assert form.answers["second_card"] == "guardian"
    assert ZHAO.number not in filed[0]["form"].decode()
    assert ("监护人" in counter.papers[0], "赵*福" in counter.papers[0], ZHAO.name in counter.papers[0]) == (
        True,
        True,
        False,
    )


async def test_a_guardian_who_came_along_is_asked_for_once_and_may_be_another_after_going_back(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.visit.card = CHILD
    laid(counter, monkeypatch, LI, ZHAO)
    counter.steps("T01", GUARDIAN, question("last"))
    async with counter.doing("T01"):
        await counter.finger.until("choose")
        counter.visit.identity, counter.visit.portrait = CONFIRMED, b"of the first"
        counter.finger.touch("back")
        while counter.visit.acting is not ZHAO:
            await counter.finger.change("the other guardian's card")
        assert (counter.visit.identity, counter.visit.portrait) == (None, b""), "this one was not verified"
        await counter.finger.until("choose")
        counter.last("next", last="a")
    counter.finger.history.clear()
    async with counter.doing("T01"):
        await counter.first("choose")
        counter.last("back")


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
        assert [said in fault.what for fault in spec.faults(service, 1)] == [True]
        assert "nobody is known" in next(spec.faults(service, 0)).what
    assert service.steps[1].kind == "verify"
    late = [fault.what for fault in spec.faults(service, 2)]
    assert any("after the look at a face" in each for each in late)


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
