"""A card that somebody forgot opens nobody's page, the next one that is put down does. The reader is on its wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from devices.contract import Completed
from devices.vocabulary import Completion
from kiosk import config as configuration
from kiosk import running
from kiosk.machine import Machine
from kiosk.next_card import NextCard
from kiosk.pages import Notice, Page
from tests.kiosk.conftest import Finger

PEOPLE = Path(__file__).resolve().parents[2] / "hub" / "people" / "people.toml"
READER = "id_card_reader"
PATIENCE_S = 60.0


class Hall:
    """A machine with an emulated reader, and the hands of the people before it."""

    def __init__(self, machine: Machine, finger: Finger, hands: Any) -> None:
        self.machine, self.finger, self.do = machine, finger, hands.do
        self.lines: list[dict[str, Any]] = []
        publish = machine.status.publish

        def keep(event: str, /, **facts: Any) -> None:
            self.lines.append({"type": event, **facts})
            publish(event, **facts)

        machine.status.publish = keep  # type: ignore[method-assign]

    async def page(self, kind: str) -> Page:
        with trio.move_on_after(PATIENCE_S):
            return await self.finger.until(kind)
        raise AssertionError(f"no page {kind}; pages: {self.finger.history}")

    async def until(self, what: str, true: Callable[[], bool]) -> None:
        with trio.move_on_after(PATIENCE_S):
            while not true():
                await trio.sleep(0.02)
            return
        raise AssertionError(f"{what} did not happen; pages: {self.finger.history}")

    async def stays(self, kind: str, seconds: float) -> None:
        """The page stays: long enough for several searches of the reader."""
        await trio.sleep(seconds)
        assert self.finger.page is not None
        assert self.finger.page.kind == kind, self.finger.history

    async def leave(self) -> None:
        self.finger.touch("exit")
        await self.page("home")

    def asks_to_take_the_card(self) -> bool:
        page = self.finger.page
        return page is not None and any(isinstance(b, Notice) and b.icon == "identification-card" for b in page.blocks)

    def commands(self) -> int:
        return sum(line["type"] == "command" for line in self.lines)


Open = Callable[..., Any]


@pytest.fixture
def hall(start_sim: Any, config_file: Callable[..., Path], tmp_path: Path) -> Open:
    """Opens the hall: ``async with hall("--find-after-read", "9F") as it``."""

    @asynccontextmanager
    async def opened(*arguments: str) -> AsyncIterator[Hall]:
        port = str(tmp_path / "reader")
        _, hands = start_sim(READER, "--people", str(PEOPLE), "--link", port, *arguments)
        finger = Finger()
        devices = {f"devices.{READER}": {"driver": "sam_v", "port": port}}
        place = Hall(Machine(configuration.load(config_file(**devices)), finger), finger, hands)
        async with trio.open_nursery() as nursery:
            await nursery.start(running.run, place.machine)
            await place.page("home")
            yield place
            nursery.cancel_scope.cancel()

    return opened


@pytest.mark.parametrize("find_after_read", ["80", "9F"])
async def test_card_left_behind_opens_no_page_until_it_is_put_down_anew(hall: Open, find_after_read: str) -> None:
    async with hall("--find-after-read", find_after_read) as it:
        it.do("place", card="wang")
        await it.page("todo")
        await it.leave()
        await it.until("the word to take the card", it.asks_to_take_the_card)
        await it.stays("home", 2.0)
        it.do("lift")
        await it.until("that the card is away", lambda: not it.asks_to_take_the_card())
        it.do("place", card="zhao")
        await it.page("todo")


async def test_card_on_a_reader_that_is_plugged_in_again_opens_no_page(hall: Open) -> None:
    async with hall() as it:
        it.do("place", card="wang")
        await it.page("todo")
        await it.leave()
        it.do("unplug")
        await it.until("the reader's loss", lambda: it.machine.peripherals.status(READER).device == "noDevice")
        it.do("replug")
        await it.until("the word to take the card", it.asks_to_take_the_card)
        await it.stays("home", 2.0)


async def test_card_that_lies_there_when_the_machine_starts_opens_no_page(hall: Open) -> None:
    async with hall("--place", "wang") as it:
        await it.until("the word to take the card", it.asks_to_take_the_card)
        await it.stays("home", 1.5)


async def test_left_card_is_not_read_for_the_service_that_the_next_person_touches(hall: Open) -> None:
    async with hall() as it:
        it.do("place", card="wang")
        await it.page("todo")
        await it.leave()
        it.finger.touch("service:C01")
        await it.page("progress_how")
        it.finger.touch("card")
        await it.page("card")
        await it.until("the word that a card lies there", lambda: isinstance(it.finger.page.blocks[0], Notice))
        await it.stays("card", 1.5)
        it.do("lift")
        await it.until("that the card is away", lambda: not isinstance(it.finger.page.blocks[0], Notice))
        it.do("place", card="zhao")
        await it.page("progress")


async def test_next_person_s_card_is_read_at_once(hall: Open) -> None:
    async with hall() as it:
        it.do("place", card="wang")
        await it.page("todo")
        it.do("lift")
        await it.leave()
        it.do("place", card="zhao")
        await it.page("todo")


async def test_exchange_too_quick_for_the_reader_is_answered_with_what_to_do(hall: Open) -> None:
    async with hall("--find-after-read", "9F", "--plain") as it:
        it.do("place", card="wang")
        await it.page("todo")
        await it.leave()
        it.do("lift")
        it.do("place", card="zhao")
        await it.until("the word to take the card", it.asks_to_take_the_card)
        notice = next(b for b in it.finger.page.blocks if isinstance(b, Notice) and b.icon == "identification-card")
        assert "拿开一会儿" in notice.detail.zh
        it.do("lift")
        await it.until("that the card is away", lambda: not it.asks_to_take_the_card())
        it.do("place", card="zhao")
        await it.page("todo")


async def test_lost_reader_is_not_asked_again_and_again(hall: Open) -> None:
    async with hall() as it:
        it.do("unplug")
        await it.until("the reader's loss", lambda: it.machine.peripherals.status(READER).device == "noDevice")
        await trio.sleep(1.0)
        before = it.commands()
        await it.stays("home", 4.0)
        assert it.commands() == before
        it.do("replug")
        await it.until("the reader's return", lambda: it.machine.peripherals.status(READER).media == "notPresent")
        it.do("place", card="wang")
        await it.page("todo")


@pytest.mark.parametrize("sw3", ["33", "81"])
async def test_card_that_cannot_be_read_is_not_tried_for_ever_where_it_lies(hall: Open, sw3: str) -> None:
    async with hall() as it:
        it.do("error", sw3=sw3, count=100_000, command="2002")
        it.do("place", card="wang")
        await it.until("the last try", it.asks_to_take_the_card)
        before = it.commands()
        assert before <= 3
        await it.stays("home", 2.5)
        assert it.commands() == before


async def test_the_card_that_was_read_last_is_not_read_again_where_it_lies() -> None:
    asked: list[float] = []

    async def call(_reader: str, _command: str, _limit_s: float, *, put_down_after: float) -> Completed:
        asked.append(put_down_after)
        return Completed(Completion.SUCCESS, "a card")

    readers = SimpleNamespace(chosen=lambda _kind: READER, of_kind=lambda _kind: (READER,), call=call)
    cards = NextCard(cast("Any", readers), cast("Any", SimpleNamespace(monotonic=count(1.0).__next__)))
    await cards.read(pytest.fail)
    await cards.read(pytest.fail)
    assert asked[1] > asked[0], "the second card of a visit is one that was put down after the first"
