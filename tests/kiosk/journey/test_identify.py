"""One card tap for everything, each trouble in plain words, and nobody goes on whom the service does not take."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import trio

from devices.contract import Completed
from devices.id_card_reader.card import IdCard
from devices.vocabulary import Completion, DeviceState, DeviceStatus
from kiosk.pages import Notice
from kiosk.roster import READER
from tests.kiosk.journey.conftest import ZHAO, Counter, words
from tests.kiosk.journey.test_engine import question


class Reader:
    """Cards come by ``lay``; a read that fails by ``fail``."""

    def __init__(self, machine: Any) -> None:
        self._send, self._cards = trio.open_memory_channel[IdCard](4)
        self.failed: Any = None
        machine.next_card.read = self._read
        machine.peripherals.publish(READER, DeviceStatus(device=DeviceState.ONLINE))

    async def _read(self, failed: Any) -> IdCard:
        self.failed = failed
        return await self._cards.receive()

    def lay(self, card: IdCard) -> None:
        self._send.send_nowait(card)

    def fail(self, error: str, code: Completion = Completion.USER_ERROR) -> None:
        self.failed(Completed(code, error=error))


@pytest.fixture
def reader(counter: Counter) -> Reader:
    counter.steps("T01", "identify", question("last"))
    return Reader(counter.machine)


def notices(counter: Counter) -> list[str]:
    return [block.text.zh for block in counter.page.blocks if isinstance(block, Notice)]


async def test_a_card_is_read_kept_and_not_asked_for_again(counter: Counter, reader: Reader) -> None:
    async with counter.doing("T01"):
        page = await counter.first("card")
        assert [action.id for action in page.actions] == ["exit"], "nothing lies before it"
        assert notices(counter) == []
        reader.lay(ZHAO)
        await counter.finger.until("choose")
        assert counter.visit.card == ZHAO
        counter.last("back")
    counter.finger.history.clear()
    async with counter.doing("T01"):
        await counter.first("choose")
        counter.last("back")
    assert counter.finger.history == ["choose"], "back passes over a card that was read"


async def test_back_leads_out_of_it_where_something_was_asked_before(counter: Counter, reader: Reader) -> None:
    counter.steps("T01", question("first"), "identify")
    async with counter.doing("T01"):
        await counter.first("choose")
        page = await counter.touch("next", "card", first="a")
        assert [action.id for action in page.actions] == ["exit", "back"]
        await counter.touch("back", "choose")
        counter.last("back")
    assert counter.visit.card is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "foreigner_2023"}, ""),
        ({"kind": "hmt_permit"}, "不能"),
        ({"valid_to": date(2027, 1, 11)}, "有效期"),
        ({"valid_to": date(2027, 1, 12)}, ""),
        ({"birth": date(2009, 1, 13)}, "年龄"),
        ({"birth": date(2009, 1, 12)}, ""),
    ],
)
async def test_who_the_service_does_not_take_is_told_why(
    counter: Counter, reader: Reader, change: dict[str, Any], said: str
) -> None:
    async with counter.doing("T01"):
        await counter.first("card")
        reader.lay(replace(ZHAO, **change))
        if said:
            page = await counter.finger.until("card_refused")
            assert said in words(page)
            counter.last("continue")
        else:
            await counter.finger.until("choose")
            counter.last("back")
    assert ("choose" in counter.finger.history) is not bool(said)


async def test_a_card_that_was_read_before_is_judged_by_each_service(counter: Counter, reader: Reader) -> None:
    counter.visit.card = replace(ZHAO, birth=date(2015, 1, 1))
    async with counter.doing("T01"):
        await counter.first("card_refused")
        counter.last("continue")


async def test_without_a_date_nobody_is_judged(
    counter: Counter, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(counter.machine.clock), "knows_date", False)
    counter.visit.card = ZHAO
    async with counter.doing("T01"):
        await counter.first("no_date")
        counter.last("continue")
    assert counter.finger.history == ["no_date"]


@pytest.mark.parametrize("error", ["lift_card", "unknown_card", "select_failed", "card_unreadable", "checksum"])
async def test_each_trouble_of_the_reader_is_said_and_the_next_card_is_taken(
    counter: Counter, reader: Reader, error: str
) -> None:
    async with counter.doing("T01"):
        await counter.first("card")
        reader.fail(error)
        assert len(notices(counter)) == 1
        first = notices(counter)[0]
        reader.fail("no_card")
        assert notices(counter) == [], "only no card lay there"
        assert first
        reader.lay(ZHAO)
        await counter.finger.until("choose")
        counter.last("back")


async def test_a_lost_reader_is_said_and_the_page_goes_on_by_itself(counter: Counter, reader: Reader) -> None:
    machine = counter.machine
    machine.peripherals.publish(READER, DeviceStatus(device=DeviceState.OFFLINE, error="unplugged"))
    async with counter.doing("T01"):
        page = await counter.first("card")
        assert "读卡器" in words(page)
        assert len(notices(counter)) == 1
        machine.peripherals.publish(READER, DeviceStatus(device=DeviceState.ONLINE))
        assert notices(counter) == []
        reader.lay(ZHAO)
        await counter.finger.until("choose")
        counter.last("back")


async def test_a_card_of_before_is_asked_to_be_taken_away(
    counter: Counter, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(counter.machine.next_card), "is_left", True)
    async with counter.doing("T01"):
        await counter.first("card")
        assert len(notices(counter)) == 1
        reader.lay(ZHAO)
        await counter.finger.until("choose")
        counter.last("back")
