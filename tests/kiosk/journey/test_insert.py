"""A person's own permit in a real reader's feeder: only the right one counts, and each is back in the hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest
import trio

from devices.vocabulary import DeviceState
from kiosk import config as configuration
from kiosk import inserted
from kiosk.cases import new_id
from kiosk.hub_link.client import Answered, Unreachable
from kiosk.inserted import INSERTED, READER
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps import insert
from kiosk.machine import Machine
from kiosk.messages.masking import mask_document_number
from kiosk.messages.questions import Document, DocumentsAnswer
from kiosk.pages import Settings
from kiosk.visit import Visit
from tests.kiosk.conftest import Finger, accepted
from tests.kiosk.journey.conftest import ZHAO, words
from tests.waiting import HANG_S, comes_true, eventually

NUMBER, BIRTH = "L99010044", "580120"
READ = {"taiwan_permit": "read", "taiwan_permit_number": NUMBER}
WITHOUT = {"taiwan_permit": "without"}


def held(number: str, state: str = "valid", kind: str = "taiwan_permit") -> Any:
    return Answered(DocumentsAnswer([Document(kind, mask_document_number(number), date(2030, 1, 1), state, [])]))


class Slot:
    """A machine with a reader that draws in, and the person who stands there."""

    def __init__(self, machine: Machine, finger: Finger, sim: Any) -> None:
        self.machine, self.finger, self.sim = machine, finger, sim
        self.alarms: list[str] = []
        self.cases: list[str] = []
        machine.alarm = lambda what, _detail="": self.alarms.append(what)  # type: ignore[method-assign]

    async def read(self, city: Any, does: dict[str, str]) -> tuple[Outcome, dict[str, str], str]:
        """One journey through the step; what it answered, and the words of the last page before somebody touched."""
        visit, case = Visit(self.machine, Settings()), new_id()
        self.cases.append(case)
        visit.card = ZHAO
        service = self.machine.catalogue.services["E11"]
        at = next(n for n, each in enumerate(service.steps) if each.kind == "insert")
        journey = Journey(visit, service, case, position=at)

        async def ask(_kind: str, _question: Any) -> Any:
            return city

        journey.ask = ask  # type: ignore[method-assign]
        spec: Any = journey.spec
        found: list[Outcome] = []
        told: list[str] = []
        with trio.fail_after(HANG_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._person, does, told)
                found.append(await insert.step(journey, spec))
                nursery.cancel_scope.cancel()
        return found[0], journey.answers, "".join(told)

    async def _person(self, does: dict[str, str], told: list[str]) -> None:
        while True:
            page = self.finger.page
            for said, act in does.items():
                if page and said in words(page):
                    told.append(words(page))
                    self.finger.touch(act)
            await trio.sleep(0.02)

    def ends(self) -> list[str | None]:
        return [end for case in self.cases for _, end in self.machine.journal.outcomes(INSERTED, case)]


@asynccontextmanager
async def slot(start_sim: Any, config_file: Callable[..., Any]) -> AsyncIterator[Slot]:
    ready, sim = start_sim(READER)
    finger = Finger()
    device = {"driver": "mrz", "port": ready["port"], "framing": "est", "feeder": True}
    machine = Machine(configuration.load(config_file(**{f"devices.{READER}": device})), finger)
    accepted(machine)
    try:
        async with trio.open_nursery() as nursery:
            machine.peripherals.start()
            await machine.peripherals.until(READER, frozenset({DeviceState.ONLINE}))
            yield Slot(machine, finger, sim)
            nursery.cancel_scope.cancel()
    finally:
        # A driver that is left would take the next story's emulator for its own: ports come again.
        with trio.CancelScope(shield=True):
            await machine.peripherals.stop()
        machine.store.close()


ANOTHER = {"number": "L99010099", "birth": BIRTH}
SOMEBODY = {"number": NUMBER, "birth": "900307"}
MINE = {"number": NUMBER, "birth": BIRTH}
Case = tuple[dict[str, str], Any, dict[str, str], dict[str, str]]
ENDS: dict[str, Case] = {
    "the right one": (MINE, held(NUMBER), {}, READ),
    "no network: the day of birth": (MINE, Unreachable("timeout"), {}, READ),
    "somebody else's": (SOMEBODY, held(NUMBER), {"出生日期与您的身份证不一致": "without"}, WITHOUT),
    "somebody else's without a network": (SOMEBODY, Unreachable("timeout"), {"出生日期": "without"}, WITHOUT),
    "another of the same person": (ANOTHER, held(NUMBER), {"不是您现在有效的": "without"}, WITHOUT),
    "one that is void": (MINE, held(NUMBER, "void"), {"不是您现在有效的": "without"}, WITHOUT),
    "one of another kind": (MINE, held(NUMBER, kind="hk_macao_permit"), {"不是您现在有效的": "without"}, WITHOUT),
}


async def test_only_the_person_s_own_valid_one_counts_and_each_is_given_back(
    start_sim: Any, config_file: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with slot(start_sim, config_file) as at:
        for name, (zone, city, does, answers) in ENDS.items():
            at.sim.do("reset")
            at.sim.do("attend", **zone)
            outcome, found, told = await at.read(city, does)
            assert (outcome, found) == (Outcome.NEXT, answers), name
            assert bool(told) == bool(does), name
            assert at.sim.do("state")["feeder"] == "empty", name
        # "nothing" where the person touched before the feeder had drawn anything in.
        assert {"returned"} <= set(at.ends()) <= {"returned", "nothing"}
        assert at.alarms == []
        # Nobody takes it: it is kept for its owner, and nobody is sent on as if it were in the hand.
        at.sim.do("reset")
        monkeypatch.setattr(inserted, "TAKE_S", 3.0)
        at.sim.do("attend", **MINE)
        at.sim.do("leave")
        outcome, found, told = await at.read(held(NUMBER), {"没有退出来": "continue"})
        assert (outcome, found) == (Outcome.NEXT, WITHOUT)
        assert (at.ends()[-1], at.alarms) == ("retained", ["document_retained"])
        assert at.sim.do("state")["retained"] == 1


async def test_what_was_inside_as_the_machine_died_is_given_back_before_anybody_else_s_is_read(
    start_sim: Any, config_file: Callable[..., Any]
) -> None:
    async with slot(start_sim, config_file) as at:
        at.sim.do("attend", **MINE)
        at.cases = [new_id()]
        at.machine.journal.begin(INSERTED, at.cases[0], {"device": READER})
        assert (await at.machine.peripherals.call(READER, "read_document", 20.0)).ok
        assert at.sim.do("state")["feeder"] == "inserted"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(inserted.keep_clear, at.machine)
            await comes_true(lambda: not inserted.under_way(at.machine), "what was inside has its end")
            nursery.cancel_scope.cancel()
        assert at.ends() == ["returned"]
        eventually(lambda: at.sim.do("state")["feeder"] == "empty", "it is in the hand")


async def test_what_fell_into_the_box_as_the_machine_was_stopped_is_told_to_staff(
    start_sim: Any, config_file: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the next start nothing was inside, so nobody was told that a passport lies in the box."""
    monkeypatch.setattr(inserted, "TAKE_S", 1.0)
    async with slot(start_sim, config_file) as at:
        at.sim.do("attend", **MINE)
        at.sim.do("leave")
        at.cases = [new_id(), new_id()]
        assert (await inserted.read(at.machine, READER, at.cases[0])).ok
        call = at.machine.peripherals.call
        with trio.CancelScope() as serving:

            async def stopped(name: str, command: str, timeout_s: float, **more: Any) -> Any:
                done = await call(name, command, timeout_s, **more)
                if command == "retain":
                    serving.cancel()
                return done

            monkeypatch.setattr(at.machine.peripherals, "call", stopped)
            await inserted.give_back(at.machine, READER)
        assert (at.ends()[0], at.sim.do("state")["retained"]) == (None, 1)
        assert await inserted.give_back(at.machine, READER) == "retained"
        assert (at.ends()[0], at.alarms) == ("retained", ["document_retained"])
        # The next person's, which never came, is another one.
        at.machine.journal.begin(INSERTED, at.cases[1], {"device": READER})
        assert await inserted.give_back(at.machine, READER) == "nothing"
        assert at.alarms == ["document_retained"]
