"""The machine's life: everything that runs beside the visits, from the start to the stop."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog
import trio

from kiosk import doctor, inserted, lockers, orders, production, recovery
from kiosk.logs import place_of
from kiosk.machine import Machine
from kiosk.standing import standing
from kiosk.upkeep import Upkeep
from kiosk.visits import Visits

log = structlog.get_logger()
_DEVICES_STOP_S = 4.0


async def run(machine: Machine, *, visits: int | None = None, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
    """Serve visits until canceled, or ``visits`` of them. Everything built is taken down again."""
    machine.status.questions.update(doctor.questions(machine) | orders.questions(machine))
    doctor.say_whether_memory_is_safe(machine)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(machine.status.run)
            await nursery.start(partial(_present, machine))
            machine.peripherals.start()
            _start_what_runs_beside(machine, nursery)
            task_status.started()
            with machine.serving:
                await recovery.recover(machine)
                nursery.start_soon(production.keep_clear, machine)
                nursery.start_soon(lockers.keep_clear, machine)
                nursery.start_soon(inserted.keep_clear, machine)
                await Visits(machine).serve(visits)
            await machine.status.drained()
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(_DEVICES_STOP_S):
            await machine.peripherals.stop()
        machine.store.close()
        machine.ended.set()


def _start_what_runs_beside(machine: Machine, nursery: trio.Nursery) -> None:
    parts = (
        *(machine.timekeeper, machine.link, machine.forwarder, machine.watch, machine.payments),
        *(machine.holds, machine.catalogue_in_force, machine.nearby, Upkeep(machine)),
    )
    for part in (*parts, *machine.lookers):
        nursery.start_soon(standing, type(part).__name__, part.run, machine.alarm)


async def _present(machine: Machine, *, task_status: Any) -> None:
    """Draw; when the window is closed by hand, or fails, the visit is wiped and the machine ends."""
    try:
        await machine.presenter.run(task_status=task_status)
    except Exception as error:
        # The boundary of the screen: without one nobody can be served, but what was begun is ended in order.
        log.error("screen_failed", error=type(error).__name__, where=place_of(error))
        machine.alarm("screen", f"the screen failed: {type(error).__name__}")
        machine.failure = f"the screen failed ({type(error).__name__}); see the log"
    machine.stop()
