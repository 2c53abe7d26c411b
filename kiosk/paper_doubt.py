"""Paper whose end is not known: the printer is asked for it, and brought to a known state before the next sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from devices.contract import Completed
from devices.receipt_printer.job import Outcome, result_of

if TYPE_CHECKING:
    from kiosk.machine import Machine

SETTLE_S = 25.0
_LATE_S = 3600.0


async def settle(machine: Machine, timeout_s: float = SETTLE_S) -> str:
    """Before anything is printed: nothing of an earlier sheet hangs in the printer. "" when so, else why not.

    The printer may say now that the sheet in doubt has come out.
    """
    if not machine.paper_in_doubt:
        return ""
    done = await machine.peripherals.call("receipt_printer", "reset", timeout_s)
    if not done.ok:
        return done.error
    await _settled(machine, done)
    return ""


async def late_end(machine: Machine) -> None:
    """Until the printer says that the sheet in doubt has come out; for ever if it says that nobody will know."""
    while machine.slip_in_doubt:
        done = await machine.peripherals.call("receipt_printer", "await_end", _LATE_S)
        if done.ok and await _settled(machine, done):
            return
        if not done.ok:
            await machine.peripherals.until_change()
    await trio.sleep_forever()


async def _settled(machine: Machine, done: Completed) -> bool:
    """The printer is in a known state; whether the sheet that was in doubt is out."""
    machine.paper_in_doubt = False
    doubted, machine.slip_in_doubt = machine.slip_in_doubt, None
    if doubted is None or result_of(done).outcome is not Outcome.PRINTED:
        return False
    intent, ref = doubted
    await machine.resolve_intent(intent, "printed")
    machine.publish("print", ref=ref, outcome="printed", error="")
    return True


async def is_printed(machine: Machine, intent: int) -> bool:
    """Whether the printer has said so."""
    return await trio.to_thread.run_sync(machine.journal.outcome, intent) == "printed"
