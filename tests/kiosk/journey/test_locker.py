"""A document behind a door of a real board: each end by the board's and the person's word, and nothing opened twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio

from devices.vocabulary import DeviceState
from kiosk import config as configuration
from kiosk import lockers, orders
from kiosk.cases import CaseState, new_id
from kiosk.catalogue.kinds import spec_type
from kiosk.hub_link.client import Answered, Unreachable
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps import locker
from kiosk.machine import Machine
from kiosk.messages.lockers import LockerAnswer
from kiosk.pages import Settings
from kiosk.payments import LOCKER
from kiosk.visit import Visit, VisitEnded
from tests.kiosk.conftest import Finger, accepted
from tests.kiosk.journey.conftest import ZHAO, words
from tests.waiting import HANG_S, comes_true

LOCK = 3


class Wall:
    """A machine with a board of locks, and the person who stands there."""

    def __init__(self, machine: Machine, finger: Finger, sim: Any) -> None:
        self.machine, self.finger, self.sim = machine, finger, sim
        self.case, self.told = "", ""
        self.journey: Any = None

    async def collected(self, answer: Any, does: dict[str, str]) -> Outcome:
        """One hand-out of a case that is filed here. ``does``: what the person does at which page, once each."""
        visit, self.case, self.told = Visit(self.machine, Settings()), new_id(), ""
        visit.card, self.finger.page = ZHAO, None
        self.machine.filing.file_now("case", self.case, self.case, None, {"form": b"a case"})
        journey = self.journey = Journey(visit, self.machine.catalogue.services["H07"], self.case, filed=True)
        journey.state = CaseState.ACCEPTED

        async def ask(_kind: str, _question: Any) -> Any:
            return answer

        journey.ask = ask  # type: ignore[method-assign]
        spec: Any = msgspec.convert({"kind": "locker"}, spec_type("locker"))
        found: list[Outcome] = []
        with trio.fail_after(HANG_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._person, dict(does))
                found.append(await locker.step(journey, spec))
                nursery.cancel_scope.cancel()
        return found[0]

    async def _person(self, does: dict[str, str]) -> None:
        comes_for_nothing = not does
        while True:
            page = self.finger.page
            kind = page.kind if page else ""
            assert not (comes_for_nothing and kind == "locker_take"), "a door is theirs that must not be"
            if page and kind == "not_handed_out":
                self.told = words(page)
                self.finger.touch("continue")
            elif page and (act := does.pop(kind, "")):
                for one in act.split(","):
                    self._do(one)
            if "silent" in does and self.sim.do("state")["opened"]:
                self.sim.do("silent")
                del does["silent"]
            await trio.sleep(0.02)

    def _do(self, what: str) -> None:
        if what == "shut":
            self.sim.do("shut", lock=LOCK)
        else:
            self.finger.touch(what)

    async def kept_clear(self) -> None:
        """What the machine does beside its visits, until nothing is under way any more."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lockers.keep_clear, self.machine)
            await comes_true(lambda: not lockers.under_way(self.machine), "every hand-out has its end")
            nursery.cancel_scope.cancel()

    def outcomes(self) -> list[str | None]:
        return [outcome for _, outcome in self.machine.journal.outcomes(LOCKER, self.case)]

    def department_hears(self) -> int:
        return len([row for row in self.machine.outbox.find(case_id=self.case) if row.kind == "hand_out"])

    def opened(self) -> list[int]:
        return self.sim.do("state")["opened"]


@asynccontextmanager
async def wall(start_sim: Any, config_file: Callable[..., Any], answer_timeout_ms: int = 20_000) -> AsyncIterator[Wall]:
    """A board on a busy computer answers late; ``answer_timeout_ms`` is shorter where it falls silent."""
    ready, sim = start_sim("lock_board")
    finger = Finger()
    device = {"driver": "lock_board", "port": ready["port"], "answer_timeout_ms": answer_timeout_ms}
    machine = Machine(configuration.load(config_file(**{"devices.lock_board": device})), finger)
    accepted(machine)
    try:
        async with trio.open_nursery() as nursery:
            machine.peripherals.start()
            await machine.peripherals.until("lock_board", frozenset({DeviceState.ONLINE}))
            yield Wall(machine, finger, sim)
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await machine.peripherals.stop()
        machine.store.close()


HERE = Answered(LockerAnswer(LOCK))
Case = tuple[Any, dict[str, str], list[str], list[int], int, str]
ENDS: dict[str, Case] = {
    "taken, then shut": (HERE, {"locker_take": "shut", "locker_taken": "taken"}, ["handed_over"], [LOCK], 1, ""),
    "said so, then shut": (HERE, {"locker_take": "taken", "locker_shut": "shut"}, ["handed_over"], [LOCK], 1, ""),
    "it was empty": (
        HERE,
        {"locker_take": "shut", "locker_taken": "empty"},
        ["in_doubt"],
        [LOCK],
        1,
        "没有登记为已领取",
    ),
    "not in this machine": (Answered(LockerAnswer()), {}, [], [], 0, "到窗口领取"),
    "staff has to look": (Answered(LockerAnswer(0, "in_doubt")), {}, [], [], 0, "引导员"),
    "no network": (Unreachable("timeout"), {}, [], [], 0, "没有动过"),
}


async def test_every_end_is_what_board_and_person_say(
    start_sim: Any, config_file: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wall(start_sim, config_file) as at:
        for name, (answer, does, outcomes, opened, told, said) in ENDS.items():
            at.sim.do("reset")
            assert await at.collected(answer, does) is Outcome.NEXT
            assert (at.outcomes(), at.opened(), at.department_hears()) == (outcomes, opened, told), name
            assert said in at.told, name
            assert ("取证柜领取" in at.journey.what_next.zh) == (outcomes == ["handed_over"]), name
        # Shut too soon: it may be opened once more, by the person's own wish.
        at.sim.do("reset")
        again = at.collected(HERE, {"locker_take": "shut", "locker_taken": "inside"})
        with pytest.raises(trio.TooSlowError), trio.fail_after(8):
            await again
        assert (at.outcomes(), at.opened()) == (["left_inside", None], [LOCK, LOCK])
        at.sim.do("shut", lock=LOCK)
        with trio.fail_after(HANG_S):
            await at.kept_clear()
        assert (at.outcomes(), at.department_hears()) == (["left_inside", "in_doubt"], 1)
        # Staff opens a door to fill it: written down, by the board's word.
        at.sim.do("reset")
        assert await orders.carry_out(at.machine, orders.OPERATOR, "open_locker", {"lock": 7}) == {
            "door": "opened",
            "error": "",
        }
        assert (at.opened(), at.machine.audit_log.rows()[-1].detail) == ([7], {"lock": 7})
        # The bolt jams: nothing came out, nobody hears that anything was collected.
        at.sim.do("reset")
        at.sim.do("jam", lock=LOCK)
        assert await at.collected(HERE, {}) is Outcome.NEXT
        assert (at.outcomes(), at.opened(), at.department_hears()) == (["not_opened"], [], 0)
        # It stands open when the person comes: nobody knows what lies there, and it is not given out as theirs.
        at.sim.do("reset")
        at.sim.do("pull", lock=LOCK)
        assert await at.collected(HERE, {}) is Outcome.NEXT
        assert (at.outcomes(), at.opened(), at.department_hears()) == (["in_doubt"], [], 1)
        # Left open by who says that it was taken: it is theirs, and staff is called to the door.
        monkeypatch.setattr(lockers, "SHUT_S", 0.5)
        monkeypatch.setattr(lockers.shut, "__defaults__", (0.5,))
        at.sim.do("reset")
        assert await at.collected(HERE, {"locker_take": "taken"}) is Outcome.NEXT
        assert (at.outcomes(), at.department_hears()) == (["handed_over"], 1)


async def test_a_board_that_falls_silent_and_a_person_who_leaves_are_doubts_for_staff(
    start_sim: Any, config_file: Callable[..., Any]
) -> None:
    async with wall(start_sim, config_file, answer_timeout_ms=2000) as at:
        # The board falls silent while the door stands open: nobody sees it shut, nothing is opened again.
        assert await at.collected(HERE, {"silent": "silent", "locker_taken": "inside"}) is Outcome.NEXT
        assert "没有登记为已领取" in at.told
        at.sim.do("silent", on=False)
        at.sim.do("shut", lock=LOCK)
        await at.machine.peripherals.until("lock_board", frozenset({DeviceState.ONLINE}))
        with trio.fail_after(HANG_S):
            await at.kept_clear()
        assert (at.outcomes(), at.opened(), at.department_hears()) == (["in_doubt"], [LOCK], 1)
        # As after a death before the board has answered: looked at when it is back, never opened by itself.
        lockers._begin(at.machine, "lock_board", at.case, LOCK)
        at.sim.do("reset")
        await at.machine.peripherals.until("lock_board", frozenset({DeviceState.ONLINE}))
        with trio.fail_after(HANG_S):
            await at.kept_clear()
        assert (at.outcomes(), at.opened()) == (["in_doubt", "in_doubt"], [])
        # Gone without a word, the door shut: nobody says that it was collected.
        at.sim.do("reset")
        with pytest.RaisesGroup(VisitEnded, allow_unwrapped=True, flatten_subgroups=True):
            await at.collected(HERE, {"locker_take": "shut", "locker_taken": "exit"})
        with trio.fail_after(HANG_S):
            await at.kept_clear()
        assert (at.outcomes(), at.opened(), at.department_hears()) == (["in_doubt"], [LOCK], 1)
