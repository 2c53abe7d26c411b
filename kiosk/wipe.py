"""The wipe: said only when it is true of everyone who knew something; who does not let go is ended (CONTRACTS §8)."""

from __future__ import annotations

import gc

import structlog
import trio

from kiosk.logs import place_of
from kiosk.machine import Machine
from kiosk.pages import Page
from kiosk.vision.client import VisionWorker
from kiosk.visit import Visit

log = structlog.get_logger()
IN_TIME_S = 1.7
_ON_ITS_WAY_S = 0.005
PATIENCE_S = 1.5
"""How much longer than in time a device may take to let go, with an alarm, before the machine is ended for it."""


async def wipe(machine: Machine, visit: Visit, home: Page | None) -> list[str]:
    """Let everyone forget, and show ``home`` at once; gives the names of those that still hold something.

    For them only the machine's end is left.

    The vision worker is ended when it does not confirm. A thread of a device and the screen live in this process.
    """
    if machine.lookers:
        # They forget in processes of their own, while the screen is drawn anew in this one.
        for looker in machine.lookers:
            looker.begin_forgetting()
        await trio.sleep(_ON_ITS_WAY_S)
    holding = _dropped(machine, visit, home)
    async with trio.open_nursery() as nursery:
        for looker in machine.lookers:
            nursery.start_soon(_vision, machine, looker, holding)
        nursery.start_soon(_devices, machine, holding)
    gc.collect()
    return holding


def let_go_of_frames(error: BaseException | None) -> None:
    """An error that is under way keeps the frames that it came through, and so everything that stands in them.

    They are let go and not cleared: to clear the frame of a coroutine that only waits would end it.
    """
    left, seen = [error], set[int]()
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.__traceback__ = None
        left += [each.__context__, each.__cause__, *(each.exceptions if isinstance(each, BaseExceptionGroup) else ())]


def _dropped(machine: Machine, visit: Visit, home: Page | None) -> list[str]:
    """Drop what hangs on the visit and on the screen, where the home page follows at once."""
    holding = []
    machine.presenter.on_touch = _nobody
    for name, drop in (("visit", visit.forget), ("screen", lambda: machine.presenter.forget(home))):
        try:
            drop()
        except Exception as error:
            # One that cannot forget must not keep the others from it.
            log.error("not_forgotten", part=name, error=type(error).__name__, where=place_of(error))
            holding.append(name)
    return holding


def _nobody() -> None:
    """Who is told of a touch between two visits."""


async def _vision(machine: Machine, looker: VisionWorker, holding: list[str]) -> None:
    with trio.move_on_after(IN_TIME_S) as scope:
        if not await looker.forget():
            machine.alarm("wipe_forced", "the vision process did not confirm that it had forgotten the visit: ended")
    if scope.cancelled_caught:
        holding.append("vision")


async def _devices(machine: Machine, holding: list[str]) -> None:
    late = await machine.peripherals.let_go(IN_TIME_S)
    if late:
        machine.alarm("wipe_late", f"still busy with a command of the visit that has ended: {', '.join(late)}")
        late = await machine.peripherals.let_go(0.0 if machine.is_stopping else PATIENCE_S)
    holding += late
