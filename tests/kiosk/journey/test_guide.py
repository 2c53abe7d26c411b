"""A guide confirms by card, PIN and eyes; who has not all three, or stands before the machine, confirms nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import argon2
import pytest
import trio

from devices.id_card_reader.card import IdCard
from kiosk.journey import guide
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Page, Settings
from kiosk.text import NOTHING
from kiosk.visit import Second, Visit

PIN, OTHER_PIN = "284617", "863915"
GUIDE = IdCard(kind="resident", name="测试引导员", number="990101199506010428", birth=date(1995, 6, 1))
CITIZEN = IdCard(kind="resident", name="测试甲", number="990101199001010027", birth=date(1990, 1, 1))
pytestmark = pytest.mark.attack(9)


class Hall:
    """A machine at the page that waits for a guide; ``cards`` are laid down one after the other."""

    def __init__(self, machine: Any, finger: Any) -> None:
        self.machine, self.finger = machine, finger
        machine.staff._hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        machine.staff.enrol(GUIDE.number, "guide", "guide-1", PIN)
        self.visit = Visit(machine, Settings())
        self.visit.card = CITIZEN
        self.ended: list[Outcome] = []
        self._send, self._cards = trio.open_memory_channel[IdCard](8)
        machine.next_card.read = self._read

    async def _read(self, _failed: Any = None) -> IdCard:
        return await self._cards.receive()

    def lay(self, card: IdCard) -> None:
        self._send.send_nowait(card)

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[None]:
        journey = Journey(self.visit, self.machine.catalogue.services["T01"], "case", "9" * 24)

        async def play() -> None:
            self.ended.append(await guide.confirm(journey, NOTHING))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(play)
            await self.finger.until("guide")
            yield
            nursery.cancel_scope.cancel()

    async def says(self, words: str) -> Page:
        """The page that asks for a guide, when it says this."""
        with trio.fail_after(60):
            while words not in (page := await self.finger.until("guide")).lead.zh:
                await self.finger.change("what this test waits for")
        return page

    async def typed(self, pin: str) -> None:
        await self.finger.until("guide_pin")
        tries = self.finger.history.count("guide_checking")
        self.finger.touch("next", guide_pin=pin)
        with trio.fail_after(60):
            while self.finger.history.count("guide_checking") == tries:
                await self.finger.change("what this test waits for")

    def events(self) -> list[str]:
        return [row.event for row in self.machine.audit_log.rows()]


@pytest.fixture
def hall(machine: Any, finger: Any) -> Hall:
    return Hall(machine, finger)


async def test_card_pin_and_eyes(hall: Hall) -> None:
    async with hall.asked():
        hall.lay(GUIDE)
        await hall.typed("908172")
        await hall.typed(PIN)
        await hall.finger.until("guide_confirm")
        hall.finger.touch("next")
        while not hall.ended:
            await trio.sleep(0.01)
    assert hall.visit.identity is not None
    assert (hall.ended, hall.visit.identity.guide_ref) == ([Outcome.NEXT], "guide-1")
    assert hall.events() == ["guide_pin_failed", "guide_confirmed"]


@pytest.mark.parametrize(
    "applicant",
    [
        GUIDE,
        IdCard(kind="resident", name="别的名字", number=GUIDE.number, birth=date(1990, 1, 1)),
        IdCard(kind="hmt_permit", name=GUIDE.name, number="HA0000001", birth=GUIDE.birth),
        IdCard(kind="resident", name=GUIDE.name, number="99010119950601041X", birth=GUIDE.birth),
        IdCard(kind="resident", name="另一名字", number="990101199506010509", birth=date(1995, 6, 2)),
    ],
    ids=["own card", "own number", "own other card", "own name and birth", "second card of the same member"],
)
async def test_guide_never_confirms_himself(hall: Hall, applicant: IdCard) -> None:
    hall.machine.staff.enrol("990101199506010509", "guide", "guide-1", PIN)
    hall.visit.card = applicant
    async with hall.asked():
        hall.lay(GUIDE)
        await hall.says("不能核验自己")
    assert (hall.ended, hall.visit.identity) == ([], None)
    assert hall.events() == ["guide_refused_self"]
    assert "guide_pin" not in hall.finger.history


@pytest.mark.parametrize("other", ["agent", "applicant"])
async def test_guide_confirms_neither_who_acts_for_him_nor_himself_as_agent(hall: Hall, other: str) -> None:
    hall.visit.card = GUIDE if other == "applicant" else CITIZEN
    hall.visit.accompany(Second(CITIZEN if other == "applicant" else GUIDE, "agent"))
    async with hall.asked():
        hall.lay(GUIDE)
        await hall.says("不能核验自己")
    assert (hall.ended, hall.visit.identity, hall.events()) == ([], None, ["guide_refused_self"])


async def test_technician_and_citizen_are_no_guides(hall: Hall) -> None:
    hall.machine.staff.enrol(CITIZEN.number, "technician", "tech-1", PIN)
    async with hall.asked():
        for card in (CITIZEN, IdCard(kind="resident", name="路人", number="990101199001010035")):
            hall.lay(card)
            await hall.says("不是引导员证")


async def test_guide_of_a_version_before_needs_a_pin_first(hall: Hall) -> None:
    book = hall.machine.staff
    (place,) = (name for name in book._values.names("staff") if name.startswith("card:"))
    book._values.put("staff", place, b'{"ref": "guide-1", "role": "guide"}')
    async with hall.asked():
        hall.lay(GUIDE)
        assert "kiosk staff add" in (await hall.says("还没有密码")).lead.en
    assert hall.visit.identity is None


async def test_forged_card_with_the_guides_number_is_none(hall: Hall) -> None:
    staff = await hall.machine.staff.find(GUIDE)
    assert await hall.machine.staff.check_pin(staff, PIN), "the true card has been seen"
    async with hall.asked():
        hall.lay(IdCard(kind="resident", name="假引导员", number=GUIDE.number, birth=GUIDE.birth))
        await hall.says("不是引导员证")


async def test_wrong_pins_lock_and_another_guide_can_come(hall: Hall) -> None:
    other = IdCard(kind="resident", name="第二引导员", number="990101199506010509", birth=date(1996, 6, 1))
    hall.machine.staff.enrol(other.number, "guide", "guide-2", OTHER_PIN)
    async with hall.asked():
        hall.lay(GUIDE)
        for _ in range(5):
            await hall.typed("000000")
        await hall.says("输错次数太多")
        hall.lay(GUIDE)
        await hall.says("输错次数太多")
        hall.lay(other)
        await hall.typed(OTHER_PIN)
        await hall.finger.until("guide_confirm")
        hall.finger.touch("leave")
        while not hall.ended:
            await trio.sleep(0.01)
    assert (hall.ended, hall.visit.identity) == ([Outcome.LEAVE], None)


async def test_back_from_the_pin_asks_for_the_card_again(hall: Hall) -> None:
    async with hall.asked():
        hall.lay(GUIDE)
        await hall.finger.until("guide_pin")
        hall.finger.touch("back")
        await hall.says("已通知引导员")
        hall.finger.touch("back")
        while not hall.ended:
            await trio.sleep(0.01)
    assert hall.ended == [Outcome.BACK]
