"""A document is made at a real maker on its wire: paid first, each blank counted, no end left unknown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio

from devices.vocabulary import DeviceState
from kiosk import config as configuration
from kiosk import production
from kiosk.cases import new_id
from kiosk.catalogue.kinds import spec_type
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps import produce
from kiosk.machine import Machine
from kiosk.pages import Settings
from kiosk.payments import PRODUCE
from kiosk.visit import Visit
from tests.kiosk.conftest import Finger, accepted
from tests.kiosk.journey.conftest import ZHAO, words
from tests.waiting import HANG_S

DEVICE = "licence_printer"


class Shop:
    """A machine with a licence printer, and the person who stands there."""

    def __init__(self, machine: Machine, finger: Finger, sim: Any) -> None:
        self.machine, self.finger, self.sim = machine, finger, sim
        self.cases: list[str] = []

    async def made(self, old: str = "none", *, paid: bool = True, takes: bool = True) -> Outcome:
        """One case's document; the person puts the old one in, takes the new one, and reads what is told."""
        visit = Visit(self.machine, Settings())
        visit.card = ZHAO
        steps = [msgspec.convert({"kind": "pay"}, spec_type("pay"))]
        service = msgspec.structs.replace(self.machine.catalogue.services["T01"], steps=tuple(steps))
        journey = Journey(visit, service, new_id())
        self.cases.append(journey.case_id)
        if paid:
            visit.paid.add(journey.case_id)
        spec: Any = msgspec.convert({"kind": "produce", "old": old}, spec_type("produce"))
        found: list[Outcome] = []
        with trio.fail_after(HANG_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._person, takes)
                found.append(await produce.step(journey, spec))
                nursery.cancel_scope.cancel()
        return found[0]

    async def _person(self, takes: bool) -> None:
        while True:
            page = self.finger.page
            if page is not None and page.kind == "not_produced":
                self.finger.touch("continue")
            state = self.sim.do("state")
            if state["mouth_open"]:
                self.sim.do("put")
            if takes and state["place"] == "slot":
                self.sim.do("take")
            await trio.sleep(0.02)

    def outcomes(self) -> list[str | None]:
        return [outcome for _, outcome in self.machine.journal.outcomes(PRODUCE, self.cases[-1])]

    def counts(self) -> dict[str, int]:
        return {state: n for state, n in self.machine.stock.counts()[DEVICE].items() if n}


@asynccontextmanager
async def shop(start_sim: Any, config_file: Callable[..., Any], **options: Any) -> AsyncIterator[Shop]:
    ready, sim = start_sim(DEVICE, "--write-s", "0")
    device = {"driver": DEVICE, "port": ready["port"]}
    finger = Finger()
    machine = Machine(configuration.load(config_file(**{f"devices.{DEVICE}": device})), finger)
    accepted(machine)
    try:
        async with trio.open_nursery() as nursery:
            machine.peripherals.start()
            await machine.peripherals.until(DEVICE, frozenset({DeviceState.ONLINE}))
            yield Shop(machine, finger, sim)
            nursery.cancel_scope.cancel()
        await machine.peripherals.stop()
    finally:
        machine.store.close()


async def test_every_blank_has_its_end_and_is_counted(
    start_sim: Any, config_file: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(start_sim, config_file) as at:
        at.machine.stock.load(DEVICE, [at.sim.do("state")["next_serial"]])
        assert await at.made() is Outcome.NEXT
        assert (at.outcomes(), at.counts()) == (["produced"], {"handed_over": 1})
        # Spoiled once: the next blank is taken.
        at.sim.do("spoil")
        assert await at.made() is Outcome.NEXT
        assert (at.outcomes(), at.counts()) == (["voided", "produced"], {"handed_over": 2, "voided": 1})
        # The old one is in the box before the new one leaves.
        assert await at.made("swallow") is Outcome.NEXT
        assert at.sim.do("state")["swallowed"] == 1
        # Nobody takes it: it is drawn back, kept, and told to staff; the money stays.
        monkeypatch.setattr(production, "TAKE_S", 0.5)
        assert await at.made(takes=False) is Outcome.LEAVE
        assert at.outcomes() == ["retained"]
        assert at.counts() == {"handed_over": 3, "voided": 1, "retained": 1}
        assert "代为保管" not in words(at.finger.page or pytest.fail("no page"))
        unannounced = [row.detail["serial"] for row in at.machine.audit_log.rows() if row.event == "stock_unannounced"]
        assert len(unannounced) == 4, "blanks that nobody loaded are told"


async def test_nothing_is_made_unpaid_and_what_fails_says_what_becomes_of_the_money(
    start_sim: Any, config_file: Callable[..., Any]
) -> None:
    async with shop(start_sim, config_file) as at:
        assert await at.made(paid=False) is Outcome.LEAVE
        assert at.outcomes() == []
        assert at.sim.do("state")["left"] == 50
        at.sim.do("break_down", fault="ribbon_out")
        assert await at.made() is Outcome.LEAVE
        assert "自动原路退回" in words(at.finger.page or pytest.fail("no page"))
        assert "produced" not in at.outcomes()


async def test_unknown_end_is_found_before_the_next_persons_document(
    start_sim: Any, config_file: Callable[..., Any]
) -> None:
    """The maker dies while it writes: its own journal tells the end when it is back, in the same run or the next."""
    async with shop(start_sim, config_file) as at:
        at.sim.do("die", end="written")
        assert await at.made() is Outcome.LEAVE
        first = at.cases[0]
        assert at.outcomes() == [None]
        assert "引导员" in words(at.finger.page or pytest.fail("no page"))
        at.sim.do("replug")
        await at.machine.peripherals.until(DEVICE, frozenset({DeviceState.ONLINE}))
        assert await at.made() is Outcome.NEXT
        assert [outcome for _, outcome in at.machine.journal.outcomes(PRODUCE, first)] == ["retained"]
        assert at.counts() == {"handed_over": 1, "retained": 1}
        # As after a restart: only the journal knows that something was under way.
        at.sim.do("die", end="voided")
        assert await at.made() is Outcome.LEAVE
        at.sim.do("replug")
        with trio.fail_after(HANG_S):
            await at.machine.peripherals.until(DEVICE, frozenset({DeviceState.ONLINE}))
            await production.resolve_open(at.machine)
        assert at.outcomes() == ["voided"]
