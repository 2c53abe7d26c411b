"""Paper whose end is not known: the printer is asked for it, and brought to a known state before the next sheet."""

from __future__ import annotations

import trio

from devices.contract import Completed
from devices.receipt_printer.job import Outcome, result_of
from kiosk.machine import Machine
from kiosk.threads import in_thread

CLEAR_S = 25.0
_LATE_S = 3600.0


async def clear_doubt(machine: Machine, printer: str, timeout_s: float = CLEAR_S) -> str:
    """Before anything is printed: nothing of an earlier sheet hangs in this printer. "" when so, else why not.

    The printer may say now that the sheet in doubt has come out.
    """
    if printer not in machine.paper_in_doubt:
        return ""
    done = await machine.peripherals.call(printer, "reset", timeout_s)
    if not done.ok:
        return done.error
    await _is_known(machine, printer, done)
    return ""


async def look_again(machine: Machine, timeout_s: float) -> None:
    """The printers may know by now how what was in doubt has ended."""
    for printer in sorted(machine.paper_in_doubt):
        await clear_doubt(machine, printer, timeout_s)


async def late_end(machine: Machine) -> None:
    """Until the printer says that the sheet in doubt has come out; for ever if it says that nobody will know."""
    while doubted := machine.slip_in_doubt:
        done = await machine.peripherals.call(doubted.printer, "await_end", _LATE_S)
        if done.ok and await _is_known(machine, doubted.printer, done):
            return
        if not done.ok:
            await machine.peripherals.until_change()
    await trio.sleep_forever()


async def _is_known(machine: Machine, printer: str, done: Completed) -> bool:
    """The printer is in a known state; whether the sheet that was in doubt is out."""
    machine.paper_in_doubt.discard(printer)
    doubted = machine.slip_in_doubt
    if doubted is None or doubted.printer != printer:
        return False
    machine.slip_in_doubt = None
    result = result_of(done)
    # A job that never reached the printer leaves the word on the one before it; not every driver names what it says.
    if result.outcome is not Outcome.PRINTED or result.key not in ("", str(doubted.intent)):
        return False
    await machine.resolve_intent(doubted.intent, "printed")
    machine.publish("print", ref=doubted.ref, outcome="printed", error="")
    return True


async def is_printed(machine: Machine, intent: int) -> bool:
    """Whether the printer has said so."""
    return await in_thread(machine.journal.outcome, intent) == "printed"
