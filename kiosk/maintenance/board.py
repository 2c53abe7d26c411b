"""The board: every device with its state and last fault, and the way to everything else."""

from __future__ import annotations

from functools import partial

from kiosk.maintenance import device, doubts, facts, queue, service_state
from kiosk.maintenance.stay import LEAVE, Stay
from kiosk.pages import Action, Board, Notice, Page, Tile, Tiles
from kiosk.text import NOTHING, Text, text
from kiosk.threads import in_thread

_ROOMS = {"queue": queue.show, "doubts": doubts.show, "service_state": service_state.show, "facts": facts.show}


async def show(stay: Stay) -> None:
    """Until VisitEnded: the technician leaves by the exit button."""
    while True:
        answer = await stay.show_live(partial(_page, stay))
        what, _, name = answer.action.partition(":")
        if what == "device":
            await device.show(stay, name)
        elif what in _ROOMS:
            await _ROOMS[what](stay)


async def _page(stay: Stay) -> Page:
    machine = stay.machine
    numbers = await in_thread(
        lambda: (machine.outbox.depth(), machine.outbox.held(), len(machine.journal.open_intents()))
    )
    rows = tuple(device.row(stay, name, _opener(name)) for name in machine.config.devices)
    blocks = [Board(title=text("maintenance.devices"), rows=rows), _rooms(stay, *numbers)]
    if not stay.badge.noticeable:
        warning = text("maintenance.unnoticeable")
        blocks.insert(0, Notice(level="warn", icon="identification-card", text=warning))
    return stay.page("maintenance", text("maintenance.title"), *blocks, lead=text("maintenance.lead"), actions=(LEAVE,))


def _opener(name: str) -> Action:
    return Action(id=f"device:{name}", label=text("maintenance.open"), style="secondary")


def _rooms(stay: Stay, depth: int, held: int, doubtful: int) -> Tiles:
    reason = stay.machine.out_of_service
    state = text(f"maintenance.closed_{reason}") if reason else text("maintenance.in_service")
    return Tiles(
        title=text("maintenance.machine"),
        columns=2,
        wide=True,
        tiles=(
            _tile("queue", "stack", text("maintenance.queue_short", depth=depth, held=held), bool(held)),
            _tile("doubts", "question", text("maintenance.doubts_short", n=doubtful), bool(doubtful)),
            _tile("service_state", "prohibit", state, bool(reason)),
            _tile("facts", "info", text("maintenance.facts_short")),
        ),
    )


def _tile(room: str, icon: str, lead: Text, needs_hand: bool = False) -> Tile:
    badge = text("maintenance.needs_hand") if needs_hand else NOTHING
    return Tile(action=Action(id=room, label=text(f"maintenance.{room}"), icon=icon), lead=lead, badge=badge)
