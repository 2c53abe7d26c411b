"""A document is made at a real maker on its wire: paid first, each blank counted, no end left unknown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import trio

from devices.document_making import MakeEnd
from devices.vocabulary import DeviceState
from kiosk import config as configuration
from kiosk import production
from kiosk.cases import CaseState, new_id
from kiosk.catalogue.kinds import spec_type
from kiosk.catalogue.loader import load
from kiosk.catalogue.model import Limit
from kiosk.catalogue.rules import holds, limits_for
from kiosk.hub_link.client import Answered, Unreachable
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps import produce
from kiosk.journey.steps.form import Spec as Form
from kiosk.machine import Machine
from kiosk.messages.questions import EligibilityAnswer
from kiosk.pages import Settings
from kiosk.payments import PRODUCE
from kiosk.visit import Visit
from tests.kiosk.conftest import Finger, accepted
from tests.kiosk.journey.conftest import ZHAO, words
from tests.waiting import HANG_S, comes_true

DEVICE, WRITER = "licence_printer", "endorsement_writer"


class Shop:
    """A machine with a licence printer, and the person who stands there."""

    def __init__(self, machine: Machine, finger: Finger, sim: Any, kind: str = DEVICE) -> None:
        self.machine, self.finger, self.sim, self.kind = machine, finger, sim, kind
        self.cases: list[str] = []
        self.told: list[str] = []
        self.journey: Any = None

    async def made(
        self,
        old: str = "none",
        *,
        paid: bool = True,
        takes: bool = True,
        puts: str | None = "",
        again: str = "without",
        fields: tuple[str, ...] = (),
    ) -> Outcome:
        """One case's document; the person puts one in (of ``puts``), takes what comes out, and reads what is told."""
        visit = Visit(self.machine, Settings())
        visit.card = ZHAO
        steps = [msgspec.convert({"kind": "pay"}, spec_type("pay"))]
        service = msgspec.structs.replace(self.machine.catalogue.services["T01"], steps=tuple(steps))
        journey = self.journey = Journey(visit, service, new_id())
        self.cases.append(journey.case_id)
        if paid:
            visit.paid.add(journey.case_id)
        pays = "case" if self.kind == WRITER else "making"
        said = {"kind": "produce", "what": self.kind, "old": old, "pays": pays, "fields": list(fields)}
        if fields:
            journey.filed, journey.state, journey.facts = True, CaseState.ACCEPTED, {"expires_on": "2027-03-01"}
        spec: Any = msgspec.convert(said, spec_type("produce"))
        found: list[Outcome] = []
        with trio.fail_after(HANG_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._person, takes, puts, again)
                found.append(await produce.step(journey, spec))
                nursery.cancel_scope.cancel()
        return found[0]

    async def _person(self, takes: bool, puts: str | None, again: str) -> None:
        while True:
            page = self.finger.page
            if page is not None and page.kind in ("not_produced", "produce_again"):
                self.told.append(words(page))
                self.finger.touch("continue" if page.kind == "not_produced" else again)
                puts, again = "", "without"
            state = self.sim.do("state")
            if state["mouth_open"] and puts is None and page is not None and page.kind == "produce_old":
                self.finger.touch("without")
            elif state["mouth_open"] and puts is not None:
                self.sim.do("put", holder=puts)
            if takes and state["place"] == "slot":
                self.sim.do("take")
            await trio.sleep(0.02)

    async def kept_clear(self) -> None:
        """What the machine does beside its visits, until nothing is under way any more."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(production.keep_clear, self.machine)
            await comes_true(lambda: not production._under_way(self.machine), "everything under way has its end")
            nursery.cancel_scope.cancel()

    def held(self) -> list[str | None]:
        return [outcome for _, outcome in self.machine.journal.outcomes(production.HOLD, self.cases[-1])]

    def outcomes(self) -> list[str | None]:
        return [outcome for _, outcome in self.machine.journal.outcomes(PRODUCE, self.cases[-1])]

    def counts(self) -> dict[str, int]:
        return {state: n for state, n in self.machine.stock.counts().get(self.kind, {}).items() if n}


@asynccontextmanager
async def shop(start_sim: Any, config_file: Callable[..., Any], kind: str = DEVICE) -> AsyncIterator[Shop]:
    ready, sim = start_sim(kind, "--write-s", "0")
    with pytest.MonkeyPatch.context() as patient:
        patient.setattr(production, "LOOK_S", HANG_S / 3)
        async with _at_work(ready["port"], sim, config_file, kind) as at:
            yield at


@asynccontextmanager
async def _at_work(port: str, sim: Any, config_file: Callable[..., Any], kind: str) -> AsyncIterator[Shop]:
    # On a busy computer an answer may be late: what is judged here is not how fast it comes.
    device = {"driver": kind, "port": port, "answer_timeout_ms": 20_000}
    finger = Finger()
    machine = Machine(configuration.load(config_file(**{f"devices.{kind}": device})), finger)
    accepted(machine)
    try:
        async with trio.open_nursery() as nursery:
            machine.peripherals.start()
            with trio.fail_after(HANG_S):
                await machine.peripherals.until(kind, frozenset({DeviceState.ONLINE}))
            yield Shop(machine, finger, sim, kind)
            nursery.cancel_scope.cancel()
    finally:
        # A driver that is left would take the next story's emulator for its own: ports come again.
        with trio.CancelScope(shield=True):
            await machine.peripherals.stop()
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


async def test_what_was_drawn_back_just_before_the_machine_died_is_kept_and_not_in_somebody_s_hand(
    start_sim: Any, config_file: Callable[..., Any]
) -> None:
    async with shop(start_sim, config_file) as at:
        at.cases.append(new_id())
        _, made = await production.write(at.machine, DEVICE, at.cases[-1], {}, new_id())
        assert (await at.machine.peripherals.call(DEVICE, "hand_out", 0.3)).error == "retracted"
        assert at.sim.do("state")["place"] == "nowhere", "an empty slot alone does not tell"
        assert await production.clear(at.machine, DEVICE) == ""
        assert (made.end, at.outcomes()) == (MakeEnd.WRITTEN, ["retained"])
        assert at.counts() == {"retained": 1}


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


async def test_the_new_dates_are_the_departments_and_without_its_word_nothing_is_made(
    start_sim: Any, config_file: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(start_sim, config_file) as at:
        reply: list[Any] = [Unreachable("offline")]

        async def ask(*_asked: Any) -> Any:
            await trio.lowlevel.checkpoint()
            return reply[0]

        monkeypatch.setattr(at.machine, "ask", ask)
        assert await at.made(fields=("expires_on",)) is Outcome.NEXT
        assert (at.outcomes(), at.journey.pays_back) == ([], True)
        assert "自动原路退回" in at.told[-1]
        reply[0] = Answered(EligibilityAnswer({"expires_on": "2037-03-01"}, ["window_open"]))
        assert await at.made(fields=("expires_on",)) is Outcome.NEXT
        assert at.outcomes() == ["produced"]
        assert at.sim.do("state")["fields"]["expires_on"] == "2037-03-01"


@pytest.mark.parametrize(
    ("answers", "written"),
    [({"vehicle": "通A·2"}, "2028-03-31"), ({"vehicle": "通A·22"}, None), ({"vehicle": ""}, None), ({}, None)],
)
def test_of_several_cars_the_chosen_one_s_day_is_written_and_no_other_one_s(
    answers: dict[str, str], written: str | None
) -> None:
    inspected = {"name": "inspected_to", "fact": "days", "answer": "vehicle"}
    said = {"kind": "produce", "what": "vehicle_licence_printer", "of_chosen": [inspected]}
    spec: Any = msgspec.convert(said, spec_type("produce"))
    journey: Any = SimpleNamespace(visit=SimpleNamespace(card=None), receipt_number="R", answers=answers)
    fields = produce._fields(journey, spec, {"days": "通A·1=2027-03-31,通A·2=2028-03-31,=2029-01-01"})
    assert fields.get("inspected_to") == written
    assert spec.told_fields == ("days",), "who tells it is asked after the decision"


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
            await at.kept_clear()
        assert at.outcomes() == ["voided"]


async def test_permit_is_written_or_back_in_the_hand_and_the_counter_owes_what_was_paid(
    start_sim: Any, config_file: Callable[..., Any]
) -> None:
    async with shop(start_sim, config_file, WRITER) as at:
        assert await at.made(puts=ZHAO.number) is Outcome.NEXT
        assert (at.outcomes(), at.held(), at.told) == (["produced"], ["returned"], [])
        assert "可以出行" in at.journey.what_next.zh
        # Somebody else's comes back unwritten and uses no number up; then the right one.
        assert await at.made(puts="990101199001010000", again="again") is Outcome.NEXT
        assert (at.outcomes(), at.held()) == (["not_written", "produced"], ["returned", "returned"])
        assert "不是您本人的" in at.told.pop()
        # One who has none there goes without, at once, and pays nothing more.
        assert await at.made(puts=None) is Outcome.LEAVE
        assert (at.outcomes(), at.held(), at.sim.do("state")["mouth_open"]) == ([], ["nothing"], False)
        assert "钱不用再付" in at.told.pop()
        assert not at.journey.pays_back
        # A number is spoiled: the next one is taken on the same permit.
        at.sim.do("spoil")
        assert await at.made() is Outcome.NEXT
        assert (at.outcomes(), at.held()) == (["voided", "produced"], ["returned"])
        # The writer fails with the permit inside: it comes back.
        at.sim.do("spoil", reason="ribbon_out")
        at.machine.peripherals.on_command = lambda device, command, *_: (
            at.sim.do("break_down", fault="ribbon_out") if command == "accept_old" else None
        )
        assert await at.made() is Outcome.LEAVE
        assert at.held() == ["returned"]
        assert at.counts() == {"handed_over": 3, "voided": 1, "loaded": 1}


@pytest.mark.parametrize("kind", [DEVICE, WRITER])
async def test_document_that_a_dead_machine_held_is_kept_for_its_owner(
    start_sim: Any, config_file: Callable[..., Any], kind: str
) -> None:
    """Nobody serves the visit any more in which it was put in: it is drawn into the box, and staff is told whose."""
    async with shop(start_sim, config_file, kind) as at:
        at.cases.append(new_id())
        at.sim.do("attend")
        assert await production.put_in(at.machine, kind, at.cases[0])
        at.machine.is_quiet = True
        with trio.fail_after(HANG_S):
            await at.kept_clear()
        assert at.held() == ["retained"]
        assert (at.sim.do("state")["place"], at.sim.do("state")["retracted"]) == ("nowhere", 1)


@pytest.mark.parametrize(
    ("reason", "has_maker", "is_offered"), [("lost", True, True), ("lost", False, False), ("damaged", True, False)]
)
def test_permit_is_offered_at_once_where_it_can_be_made_and_no_old_card_is_left(
    reason: str, has_maker: bool, is_offered: bool
) -> None:
    service = load().services["H14"]
    options = [each for spec in service.steps if isinstance(spec, Form) for each in spec.fields[0].options]
    known = {"answers.reason": reason, "machine.permit_maker": has_maker, "machine.online": True}
    offered = [each.id for each in options if all(holds(rule, known, date(2027, 1, 12)) for rule in each.conditions)]
    assert ("at_once" in offered, "window" in offered) == (is_offered, True)
    _, promised = limits_for(service, known | {"answers.permit_collection": "at_once"}, date(2027, 1, 12))
    assert promised == Limit(n=0, unit="wd"), "it is decided while the person waits"
    made = [spec for spec in service.steps if isinstance(spec, produce.Spec)]
    assert [(spec.what, spec.old, spec.pays) for spec in made] == [("permit_maker", "cancel", "case")]


def test_step_that_would_put_an_old_card_into_a_maker_without_a_mouth_is_refused() -> None:
    service = load().services["H14"]
    spec = produce.Spec(kind="produce", what="permit_maker", old="swallow")
    assert [finding.path for finding in spec.faults(service, len(service.steps) - 2)] == [("old",)]
