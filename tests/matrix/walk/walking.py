"""One scripted citizen for one service or bundle, and the row that tells what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import trio

from kiosk import running
from kiosk.citizen import Citizen, Control, Script
from kiosk.commands.walking import Walking
from kiosk.pages import Answer, Choices, DueList, Page
from tests.kiosk.machine.conftest import World
from tests.waiting import HANG_S

MAKERS = ("licence_printer", "vehicle_licence_printer", "plate_printer", "endorsement_writer", "card_dispenser")
"""Devices at which a person puts a document in and takes one out."""
INSERTED = {"E09": "hk_macao_permit", "E11": "taiwan_permit"}
"""Which document is put into the reader for which service."""
ACTIONS = {
    "rate": "grade:5",
    "guide_confirm": "next",
    "guide_list": "guide_line:traffic, guide_of:T01",
    "violations": "print,",
    "not_yet": "print,",
}
"""What is touched where nothing is obvious; what can be printed is printed, then the obvious follows."""
_BY_ITSELF = ("paid", "slip", "rate", "rated", "printed")
"""Pages that go on by themselves, or may be left alone once the paper is in the hand."""
_AS_ON_CARD = "as_on_card"
"""What stands on the card nobody types, and no key of the screen writes an address."""
_AGAIN = 5
"""A page that is answered so often without getting on is left."""
_LOOK_S = 1.0


class Row(NamedTuple):
    """What one walk came to. ``pages`` and ``taps`` of the journey, without the way to it, typing and rating.

    ``seconds`` is machine time: nobody needs time to think.
    """

    key: str
    person: str
    pages: int
    taps: int
    seconds: float
    result: str
    slip: str = ""


class Persistent(Citizen):
    """Goes on as long as it gets on, and counts its taps."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.kinds: list[str] = []
        self.pages = self.taps = 0
        self._ticked: set[str] = set()

    def decide(self, page: Page) -> Answer | None:
        """As any scripted citizen, who wants all of a bundle; a page that comes back for ever is left."""
        if tick := self._next_tick(page):
            self._ticked.add(tick)
            return Answer(action=tick)
        as_on_card = next((action.id for action in page.actions if action.id == _AS_ON_CARD), "")
        answer = Answer(action=as_on_card) if as_on_card else super().decide(page)
        if answer is None:
            return None
        self.kinds.append(page.kind)
        if page.service and page.kind not in _BY_ITSELF:
            self.pages += 1
            self.taps += 1 + sum(isinstance(b, Choices) and not b.selected for b in page.blocks)
        stuck = len(self.kinds) > _AGAIN and set(self.kinds[-_AGAIN:]) == {page.kind}
        return Answer(action="exit") if stuck and page.kind != "confirm_exit" else answer

    def _next_tick(self, page: Page) -> str:
        """A part of the bundle that could be done together and was not ticked yet."""
        items = [i for b in page.blocks if isinstance(b, DueList) for i in b.items] if page.kind == "bundle" else []
        open_ones = [item.tick.id for item in items if item.tick and item.tick.enabled and item.tick.icon == "square"]
        return next((tick for tick in open_ones if tick not in self._ticked), "")


class Walker(Walking):
    """A scripted citizen who can be asked what they are waiting for: ``sought`` is what they would touch next."""

    sought = ""


def by_script(script: Script) -> Walker:
    """No window: the script's answer is the answer."""
    return Walker(script, None, None)


def at_the_machine(world: World, key: str, person: str) -> tuple[Control, ...]:
    """What a person lays down and takes away."""
    papers = world.socket("document_camera")
    return (
        Control(page="capture", socket=papers, do="lay"),
        *(Control(page="todo", socket=world.socket(made), do="attend") for made in (*MAKERS, "lock_board")),
        *_inserted(world, key, person),
    )


def _inserted(world: World, key: str, person: str) -> Iterator[Control]:
    """The person's own document of the kind that the service reads."""
    who = next(each for each in world.people() if each["id"] == person)
    for document in who.get("records", {}).get("documents", []):
        if document["kind"] == INSERTED.get(key) and document["state"] == "valid":
            zone = {"number": document["number"], "birth": who["card"]["birth"][2:], "expiry": "310101"}
            reader = world.socket("travel_document_reader")
            yield Control(page="todo", socket=reader, do="attend", arguments=zone)


async def walk(
    world: World, key: str, person: str, values: dict[str, Any], by: Callable[[Script], Walker] = by_script
) -> Row:
    """One visit of ``person`` for ``key``, from the home page to the wipe; ``by``: who answers the pages."""
    script = world.script(person, key, values=values, actions=ACTIONS, control=at_the_machine(world, key, person))
    walking = by(script)
    citizen = Persistent(script)
    walking.citizen = citizen
    before = set(world.stage.slips.glob("*.png"))
    world.lines = []
    machine = world.machine(walking)
    with trio.CancelScope() as patience:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_while_it_gets_on, world, patience)
            await running.run(machine, visits=1)
            nursery.cancel_scope.cancel()
    new = sorted(set(world.stage.slips.glob("*.png")) - before)
    seconds = sum(each.seconds for each in walking.times if each.kind not in ("home", "todo", "line"))
    result = _hanging(world, walking) if patience.cancelled_caught else _result(world, citizen)
    return Row(key, person, citizen.pages, citizen.taps, round(seconds, 1), result, _name(new))


async def _while_it_gets_on(world: World, patience: trio.CancelScope) -> None:
    """A busy computer may take its time for the visit; what ends it is a page after which no other one comes.

    To be asked whether one is still there, and to say so, is no getting on.
    """
    seen = -1
    while True:
        if (pages := len(_pages(world))) != seen:
            seen, patience.deadline = pages, trio.current_time() + HANG_S
        await trio.sleep(_LOOK_S)


def _pages(world: World) -> list[str]:
    return [kind for kind in world.pages() if kind != "still_there"]


def _hanging(world: World, walking: Walker) -> str:
    """At which page, and what would have been touched there."""
    page = next(reversed(_pages(world)), "no page")
    return f"hangs at {page}: " + (f"sought {walking.sought}" if walking.sought else "it should go on by itself")


def _name(slips: list[Path]) -> str:
    return slips[-1].name if slips else ""


def _result(world: World, citizen: Persistent) -> str:
    if citizen.refused:
        return "not offered: grey, with the reason"
    if world.of("step_crashed"):
        return "crashed in " + ", ".join(sorted({line["step"] for line in world.of("step_crashed")}))
    states: dict[str, str] = {line["case_id"]: line["state"] for line in world.of("case")}
    if states:
        return ", ".join(f"{state} x{list(states.values()).count(state)}" for state in sorted(set(states.values())))
    ended = [kind for kind in citizen.kinds if kind not in ("rate", "rated", "todo", "line", "home")] or citizen.kinds
    return f"ended at {ended[-1]}" if ended else "nothing was begun"
