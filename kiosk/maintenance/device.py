"""One device: what it says of itself, and the tests that it has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from devices.vocabulary import DeviceStatus
from kiosk.maintenance import camera, printer, reader, self_test, words
from kiosk.maintenance.stay import Stay
from kiosk.pages import Action, Board, BoardRow, Fact, Facts, Page
from kiosk.text import same, text

Room = Callable[[Stay, str], Awaitable[None]]
_ROOMS: dict[str, Room] = {
    "test_read": reader.read,
    "test_print": printer.print_page,
    "look": camera.look,
}
"""Tests that take more than a command: the machine has a room for each, whichever driver declares them."""


async def show(stay: Stay, name: str) -> None:
    """Until "back"."""
    while (answer := await stay.show_live(partial(_page, stay, name))).action != "back":
        if answer.action == "restart":
            await stay.order("restart_device", device=name)
            continue
        room = _ROOMS.get(answer.action, partial(self_test.show, test=answer.action))
        await room(stay, name)


def row(stay: Stay, name: str, *actions: Action) -> BoardRow:
    """One device: state in words with its sign, since when, and its latest fault."""
    status, declared = stay.machine.peripherals.status(name), stay.machine.peripherals.declaration(name)
    return BoardRow(
        icon=declared.icon,
        name=words.device(name, stay.machine.peripherals.kinds[name]),
        state=words.state(status),
        level=declared.level(status),
        detail=text("maintenance.since", when=words.moment(status.since), fault=words.last_fault(stay, name)),
        actions=actions,
    )


async def _page(stay: Stay, name: str) -> Page:
    kind, status = stay.machine.peripherals.kinds[name], stay.machine.peripherals.status(name)
    offered = stay.machine.peripherals.declaration(name).tests
    tests = tuple(Action(id=t.name, label=words.test(t.name, kind), style="secondary", icon=t.icon) for t in offered)
    again = Action(id="restart", label=text("maintenance.restart"), style="secondary", icon="arrow-clockwise")
    anew = (again,) if stay.machine.peripherals.can_restart(name) else ()
    return stay.page(
        "maintenance_device",
        words.device(name, kind),
        Board(rows=(row(stay, name, *tests, *anew),)),
        Facts(rows=_facts(stay, name, status)),
    )


def _facts(stay: Stay, name: str, status: DeviceStatus) -> tuple[Fact, ...]:
    driver = stay.machine.config.devices[name].get("driver", "")
    rows = [
        Fact(label=text("maintenance.driver"), value=same(driver)),
        Fact(label=text("maintenance.state"), value=text(f"maintenance.state_{status.device}")),
    ]
    if status.media:
        rows.append(Fact(label=text("maintenance.media"), value=text(f"maintenance.media_{status.media}")))
    if status.supply:
        rows.append(Fact(label=text("maintenance.supply"), value=text(f"maintenance.supply_{status.supply}")))
    kind = stay.machine.peripherals.kinds[name]
    fault = words.fault(status.error, kind) if status.error else text("maintenance.no_fault_now")
    return (*rows, Fact(label=text("maintenance.fault"), value=fault))
