"""One device: what it says of itself, and the tests that it has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from devices.vocabulary import DeviceStatus
from kiosk.maintenance import camera, printer, reader, self_test, words
from kiosk.maintenance.stay import Stay
from kiosk.pages import Action, Board, BoardRow, Fact, Facts, Page
from kiosk.text import same, text

Test = Callable[[Stay, str], Awaitable[None]]
_TESTS: dict[str, tuple[str, Test]] = {
    "test_read": ("identification-card", reader.read),
    "test_print": ("printer", printer.print_page),
    "look": ("camera", camera.look),
    "self_test": ("check-circle", self_test.show),
}
_ICONS = {"id_card_reader": "identification-card", "receipt_printer": "printer", "camera": "camera"}
_OFFERED = {
    "id_card_reader": ("test_read", "self_test"),
    "receipt_printer": ("test_print",),
    "camera": ("look",),
}


async def show(stay: Stay, name: str) -> None:
    """Until "back"."""
    while (answer := await stay.show_live(partial(_page, stay, name))).action != "back":
        await _TESTS[answer.action][1](stay, name)


def row(stay: Stay, name: str, *actions: Action) -> BoardRow:
    """One device: state in words with its sign, since when, and its latest fault."""
    status = stay.machine.peripherals.status(name)
    return BoardRow(
        icon=_ICONS.get(name, "plugs"),
        name=words.device(name),
        state=words.state(status),
        level=words.level(status),
        detail=text("maintenance.since", when=words.moment(status.since), fault=words.last_fault(stay, name)),
        actions=actions,
    )


async def _page(stay: Stay, name: str) -> Page:
    offered = _OFFERED.get(name, ("self_test",))
    tests = tuple(Action(id=t, label=text(f"maintenance.{t}"), style="secondary", icon=_TESTS[t][0]) for t in offered)
    status = stay.machine.peripherals.status(name)
    return stay.page(
        "maintenance_device",
        words.device(name),
        Board(rows=(row(stay, name, *tests),)),
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
    fault = words.fault(status.error) if status.error else text("maintenance.no_fault_now")
    return (*rows, Fact(label=text("maintenance.fault"), value=fault))
