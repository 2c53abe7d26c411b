"""Two people, one after the other, at a machine whose printer fails: each holds their own paper and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio

from kiosk import orders, running
from kiosk.citizen import Citizen, Control, Script
from kiosk.commands.walking import Walking
from kiosk.machine import Machine
from kiosk.pages import Page
from kiosk.slips.intents import Slip, missing_slips, next_copy
from tests.kiosk.machine.conftest import World
from tests.kiosk.machine.test_end_to_end import number_of
from tests.kiosk.machine.test_restart import COPY, filed_without_paper, left_open, started_and_ended
from tests.waiting import HANG_S, comes_true

FIRST, SECOND = "wang", "zhao"
HIDDEN = {FIRST: "王", SECOND: "赵"}


class OneAfterTheOther(Walking):
    """Each visit's citizen has a script of their own."""

    def __init__(self, *scripts: Script) -> None:
        super().__init__(scripts[0], None, None)
        self._next = list(scripts[1:])
        self.between: Callable[[], None] = lambda: None

    def forget(self, then: Page | None = None) -> None:
        super().forget(then)
        self.between()
        if self._next:
            self.citizen = Citizen(self._next.pop(0))


async def visits(world: World, *scripts: Script, between: Callable[[], None] = lambda: None) -> Machine:
    """One process that serves them all."""
    citizens = OneAfterTheOther(*scripts)
    citizens.between = between
    machine = world.machine(citizens)
    with trio.fail_after(HANG_S):
        await running.run(machine, visits=len(scripts))
    return machine


def first(world: World, service: str, *control: Control, **actions: str) -> Script:
    return world.script(FIRST, service, control=control, actions=actions)


def at(world: World, page: str, verb: str, **arguments: Any) -> Control:
    """What happens to the printer when ``page`` is shown."""
    return Control(page=page, socket=world.socket("receipt_printer"), do=verb, arguments=arguments)


def assert_own_paper(world: World) -> None:
    """The second person's slip is whole; nothing of the first stands on it, nothing of it on another sheet."""
    sheets = world.slips()
    (second,) = [sheet for sheet in sheets if HIDDEN[SECOND] in sheet]
    assert HIDDEN[FIRST] not in second
    assert number_of(second)
    numbers = {row for sheet in sheets if sheet is not second for row in [number_of(second)] if row in sheet}
    assert numbers == set()
    assert world.of("print")[-1]["outcome"] == "printed"


def settled_by_a_technician(world: World) -> None:
    """What nobody knows of is said by a person in the end; other stories begin with nothing open."""
    machine = world.machine(None)
    for intent in machine.journal.open_intents():
        machine.journal.resolve(intent.id, "not_printed")
    machine.store.close()


@pytest.mark.parametrize(
    ("fails", "mended"),
    [
        (("lose", {"after_bytes": 2500}), ("lose", {"count": 1})),
        (("stall", {"after_bytes": 2500}), ("stall", {"on": False})),
    ],
    ids=["line dead after 2,500 bytes", "stops reading"],
)
async def test_slip_that_broke_off_takes_nothing_of_the_next_persons(
    world: World, monkeypatch: pytest.MonkeyPatch, fails: tuple[str, Any], mended: tuple[str, Any]
) -> None:
    monkeypatch.setattr("kiosk.printing.PRINT_S", 12.0)

    def between() -> None:
        # The first one's time is short so that it runs out; a whole slip takes what this computer lets it take.
        monkeypatch.setattr("kiosk.printing.PRINT_S", HANG_S / 2)

    trouble = (at(world, "result", fails[0], **fails[1]), at(world, "slip_trouble", mended[0], **mended[1]))
    machine = await visits(
        world, first(world, "T01", *trouble, slip_trouble="came"), world.script(SECOND, "T01"), between=between
    )
    assert world.of("print")[0]["outcome"] == "unknown"
    assert_own_paper(world)
    assert not machine.paper_in_doubt


async def test_visit_that_is_broken_off_in_the_middle_of_its_slip(world: World) -> None:
    """Whoever asked for the print is gone; what hangs in the printer is cut off before the next start's first slip."""
    stall = at(world, "result", "stall", after_bytes=2500)
    machine = world.machine(OneAfterTheOther(first(world, "T01", stall)))
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        await comes_true(lambda: world.do("receipt_printer", "state")["stalled"], "the printer takes no more")
        machine.stop()
    assert machine.paper_in_doubt
    world.do("receipt_printer", "stall", on=False)
    await visits(world, world.script(SECOND, "T01"))
    assert_own_paper(world)
    settled_by_a_technician(world)


async def test_slip_that_comes_late_is_known_to_be_out_and_no_copy_follows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.printing.PRINT_S", 12.0)
    out = at(world, "result", "out_after", lines=6)
    refilled = at(world, "slip_trouble", "paper", state="full")
    await visits(world, first(world, "T01", out, refilled, slip_trouble="wait"))
    assert [line["outcome"] for line in world.of("print")] == ["unknown", "printed"]
    (slip,) = world.slips()
    assert COPY not in slip
    assert "slip" in world.pages(), "the page has said so by itself"
    case_id = next(line["case_id"] for line in world.of("case"))
    machine = world.machine(None)
    outcomes = [outcome for _, outcome in machine.journal.outcomes("print", case_id)]
    machine.store.close()
    assert outcomes == ["handed_over", "printed"]


async def test_persons_word_on_a_slip_says_nothing_of_what_hangs_in_the_printer(world: World) -> None:
    """The citizen saw the half slip and went; then the machine was switched off."""
    case_id, number = await filed_without_paper(world)
    await left_open(world, case_id, Slip(number=number, service="H13"), handed=True)
    machine = world.machine(None)
    (intent,) = [intent for intent in machine.journal.open_intents() if intent.ref == case_id]
    machine.journal.resolve(intent.id, "seen by the citizen")
    machine.store.close()
    assert (await started_and_ended(world)).paper_in_doubt


@pytest.mark.parametrize("word", ["printed", "not_printed"])
async def test_technicians_word_on_a_slip_says_nothing_of_it_either(world: World, word: str) -> None:
    case_id, number = await filed_without_paper(world)
    await left_open(world, case_id, Slip(number=number, service="H13"), handed=True)
    machine = world.machine(None)
    (intent,) = [intent for intent in machine.journal.open_intents() if intent.ref == case_id]
    await orders.carry_out(machine, orders.OPERATOR, "settle_doubt", {"intent": intent.id, "outcome": word})
    came = word == "printed"
    assert not machine.journal.open_intents()
    assert len(await missing_slips(machine, {number: "H13"})) == (not came)
    assert next_copy(machine, number, "H13").copy == came
    machine.store.close()
    assert (await started_and_ended(world)).paper_in_doubt
