"""A person at the real machine: card, face, departments, paper, network. One story per test."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import msgspec
import pytest
import trio

from kiosk import running
from kiosk.citizen import Control, Script
from kiosk.commands.walking import Walking
from tests.kiosk.machine.conftest import World, hub_cases
from tests.kiosk.machine.test_parked import evidence
from tests.waiting import HANG_S, comes_true

WANG = "王𠮷䶮㛃"
BY_GUIDE = {"guide_pin": "284617"}


def number_of(slip: str) -> str:
    """The receipt number on a slip."""
    found = re.search(r"\[CODE128 (\d{24})\]", slip)
    assert found, "every slip of a case carries its number as a barcode"
    return found[1]


async def test_one_tap_a_service_of_each_line_and_two_slips(world: World) -> None:
    walking = await world.walk(world.script("wang", "T01", "H13", "E13", "C01", actions={"rate": "grade:5"}))
    assert walking.unfinished == 0
    read = [line for line in world.of("page") if line["kind"] in ("card", "face")]
    assert [line["kind"] for line in read] == ["face"], "the card is read once, the face is compared once"
    first, second = world.slips()
    assert "驾驶证有效期满换证" in first
    assert "居住证签注" in second
    for slip in (first, second):
        assert "已受理" in slip
        assert "承诺办结    2027-01-12" in slip
        assert "2027.01" in slip
    assert [line["state"] for line in world.of("case")] == 2 * ["stored", "delivered", "accepted"]


async def test_status_lines_name_no_person(world: World) -> None:
    await world.walk(world.script("wang", "T01", actions={"rate": "grade:1", "rate_reason": "next"}))
    said = msgspec.json.encode(world.lines).decode()
    for personal in (WANG, "990102198505060310", "13900000001", "19850506"):
        assert personal not in said
    kinds = [line["type"] for line in world.lines]
    assert kinds.index("visit") < kinds.index("wiped")


async def test_network_pulled_before_the_visit_files_offline_and_is_accepted_by_itself_later(world: World) -> None:
    world.do("network", "cut")
    walking = await world.walk(world.script("zhao", "T01", values={"delivery": "window"}))
    assert walking.unfinished == 0
    (slip,) = world.slips()
    assert "已登记，待网络恢复后受理" in slip or "已登记,待网络恢复后受理" in slip
    assert "承诺办结" not in slip
    assert "已受理" not in slip
    assert [line["state"] for line in world.of("case")] == ["stored"]
    world.do("network", "restore")
    machine = world.machine(Waiting())
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        await comes_true(lambda: "accepted" in [line["state"] for line in world.of("case")], "the acceptance")
        cases = await hub_cases(machine, slip)
        nursery.cancel_scope.cancel()
    assert len(cases) == 1, "at the city once"
    assert cases[0].states[-1].state == "accepted"
    assert cases[0].promised_date is not None
    assert [line["state"] for line in world.of("case")] == ["stored", "delivered", "accepted"]
    assert "photo" in evidence(world), "the photograph that was taken without a network"


async def test_live_service_is_grey_offline_and_says_why(world: World) -> None:
    world.do("network", "cut")
    walking = await world.walk(world.script("zhao", "E13"))
    assert walking.unfinished == 1, "nobody can begin what cannot end"
    assert "documents" not in world.pages()


async def test_network_pulled_in_the_middle_of_a_journey(world: World) -> None:
    cut = Control(page="sign", socket=world.socket("network"), do="cut")
    await world.walk(world.script("wang", "T01", control=(cut,)))
    (slip,) = world.slips()
    assert "承诺办结" not in slip
    assert [line["state"] for line in world.of("case")] == ["stored"]


async def test_paper_out_before_the_job_the_case_is_safe_and_the_slip_comes_after_refill(world: World) -> None:
    printer = world.socket("receipt_printer")
    control = (
        Control(page="result", socket=printer, do="paper", arguments={"state": "out"}),
        Control(page="slip_trouble", socket=printer, do="paper", arguments={"state": "full"}),
    )
    await world.walk(world.script("wang", "H13", control=control))
    outcomes = [line["outcome"] for line in world.of("print")]
    assert outcomes == ["not_printed", "printed"]
    (slip,) = world.slips()
    assert "副本" not in slip, "nothing had come out before, so this is the first"


async def test_silent_printer_is_never_believed_and_the_second_slip_is_marked_as_a_copy(world: World) -> None:
    printer = world.socket("receipt_printer")
    control = (
        Control(page="printing", socket=printer, do="silent"),
        Control(page="slip_trouble", socket=printer, do="silent", arguments={"on": False}),
    )
    await world.walk(world.script("wang", "H13", control=control))
    outcomes = [line["outcome"] for line in world.of("print")]
    assert outcomes[0] in ("unknown", "not_printed")
    assert outcomes[-1] == "printed"
    copies = [slip for slip in world.slips() if "副本" in slip]
    assert len(copies) == outcomes.count("unknown") or outcomes[0] == "not_printed"


async def test_camera_unplugged_leads_to_the_guide_and_never_to_passed(world: World) -> None:
    reader = world.socket("id_card_reader")
    world.do("camera", "unplug")
    control = (
        Control(page="guide", socket=reader, do="place", arguments={"card": "guide"}),
        Control(page="guide_confirm", socket=reader, do="lift"),
    )
    await _with_guide(world)
    script = world.script("wang", "H13", control=control, values=BY_GUIDE)
    walking = await walked_when(world, script, id_card_reader="online", camera="noDevice")
    assert walking.unfinished == 0
    assert "face" not in world.pages()
    assert world.pages().count("guide_confirm") == 1
    assert len(world.slips()) == 1


async def test_wrong_person_before_the_camera_fails_twice_and_then_a_guide_decides(world: World) -> None:
    reader, camera = world.socket("id_card_reader"), world.socket("camera")
    control = (
        Control(page="face_notice", socket=camera, do="person", arguments={"id": "li"}),
        Control(page="guide", socket=reader, do="place", arguments={"card": "guide"}),
        Control(page="guide_confirm", socket=reader, do="lift"),
    )
    await _with_guide(world)
    await world.walk(world.script("wang", "H13", control=control, values=BY_GUIDE, actions={"guide_confirm": "leave"}))
    assert world.pages().count("face") == 2
    assert world.pages().count("guide_confirm") == 1
    assert world.of("case") == [], "the guide said no: nothing is filed"
    assert world.slips() == []


async def test_everything_that_is_missing_is_told_at_once_and_can_be_printed(world: World) -> None:
    walking = await world.walk(world.script("chen", "T01", actions={"not_yet": "print, leave"}))
    assert walking.unfinished == 0
    (sheet,) = world.slips()
    for defect in ("违法", "12 分", "身体条件证明"):
        assert defect in sheet.replace("\n", "")
    assert world.of("case") == []


async def test_card_of_a_kind_that_the_service_does_not_take_is_told_so_before_anything_is_asked(world: World) -> None:
    walking = await world.walk(world.script("smith", "H13"))
    assert walking.unfinished == 1, "the page after the tap does not offer it"
    assert not {"face_notice", "face", "guide", "choose"} & set(world.pages())


async def test_expired_card_is_recognised_and_refused_with_what_to_do(world: World) -> None:
    expired = next(p["id"] for p in world.people() if p["card"]["valid_to"] < "20270112")
    walking = await world.walk(world.script(expired, "T01"))
    assert walking.unfinished == 1, "the page after the tap does not offer it and says why"
    assert world.of("case") == []


async def test_paper_runs_out_during_the_slip_and_after_the_refill_there_is_no_silent_second_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.printing.PRINT_S", 5.0)
    printer = world.socket("receipt_printer")
    control = (
        Control(page="result", socket=printer, do="out_after", arguments={"lines": 6}),
        Control(page="slip_trouble", socket=printer, do="paper", arguments={"state": "full"}),
    )
    await world.walk(world.script("wang", "H13", control=control))
    outcomes = [line["outcome"] for line in world.of("print")]
    slips = world.slips()
    assert len([s for s in slips if "副本" not in s]) <= 1, "one slip that is not marked as a copy"
    assert outcomes[-1] == "printed"


async def test_garbled_reader_is_read_again_without_anybody_noticing(world: World) -> None:
    script = world.script("wang", "E13")
    walking = await walked_when(world, script, ("id_card_reader", "garble", {"count": 2}), id_card_reader="online")
    assert walking.unfinished == 0


async def test_hub_that_answers_nonsense_counts_as_no_hub(world: World) -> None:
    world.do("network", "nonsense")
    await world.walk(world.script("zhao", "T01"))
    assert [line["state"] for line in world.of("case")] == ["stored"]
    assert "承诺办结" not in world.slips()[0]


async def test_hub_that_answers_too_late_still_has_the_case_once(world: World) -> None:
    lose = Control(page="sign", socket=world.socket("network"), do="slow", arguments={"delay_s": 1.5})
    restore = Control(page="result", socket=world.socket("network"), do="restore")
    await world.walk(world.script("wang", "H13", actions={"filing": "next"}, control=(lose, restore)))
    machine = world.machine(Waiting())
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        await comes_true(lambda: machine.link.online and not machine.outbox.depth(), "the hub has what was filed")
        cases = await hub_cases(machine, world.slips()[0])
        nursery.cancel_scope.cancel()
    assert [c.service for c in cases] == ["H13"]


async def walked_when(world: World, script: Script, *first: tuple[str, str, dict[str, Any]], **states: str) -> Walking:
    """A walk whose card is put down when the devices are in these states; ``first`` is done to the emulators before."""
    control = tuple(c for c in script.control if c.do != "place" or c.page != "home")
    walking = Walking(msgspec.structs.replace(script, control=control), None, None)
    machine = world.machine(walking)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(running.run, machine, visits=1))
        seen = machine.peripherals.statuses
        await comes_true(lambda: all(seen[name].device == state for name, state in states.items()), f"{states}")
        for name, verb, arguments in first:
            world.do(name, verb, **arguments)
        world.do("id_card_reader", "place", card="wang")
        with trio.fail_after(HANG_S):
            await machine.ended.wait()
    return walking


class Waiting:
    """Nobody comes: the machine is left alone with its queue."""

    def __init__(self) -> None:
        self.on_touch = lambda: None

    async def run(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await trio.sleep_forever()

    async def show(self, page: Any, settings: Any) -> Any:
        await trio.sleep_forever()

    def update(self, page: Any) -> None:
        """Nobody looks."""

    def values(self) -> dict[str, Any]:
        return {}

    def tick(self, left_s: float, total_s: float) -> None:
        """Nobody looks."""

    def forget(self, then: Any = None) -> None:
        """There is nothing to forget."""


async def _with_guide(world: World) -> None:
    """Make the guide known to this machine, as the demo does by ``kiosk staff add``."""
    machine = world.machine(Waiting())
    machine.staff.enrol("990101199506010428", "guide", "guide-1", BY_GUIDE["guide_pin"])
    machine.store.close()


async def test_a_whole_journey_in_english_with_large_type_and_the_next_citizen_has_chinese_again(world: World) -> None:
    script = world.script("wang", "H13", actions={"home": "set:language, set:elder, wait"})
    # The card comes when the settings are made.
    control = tuple(c for c in script.control if c.do != "place")
    place = Control(page="home", socket=world.socket("id_card_reader"), do="place", arguments={"card": "wang"}, after=2)
    walking = await world.walk(msgspec.structs.replace(script, control=(*control, place)))
    assert walking.unfinished == 0
    (slip,) = world.slips()
    assert "Accepted" in slip
    assert "已受理" not in slip
