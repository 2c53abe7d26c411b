"""A person's own document that a reader has drawn in: it goes back to the hand, whatever breaks off.

The intent is written down before the reader opens its mouth. What was inside when the machine died is given back, or
kept for its owner, before anybody else's is read.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

from devices.contract import Completed
from devices.vocabulary import Completion
from kiosk import hand_outs
from kiosk.machine import Machine
from kiosk.threads import in_thread
from offline_cache.journal import Intent

READER = "travel_document_reader"
INSERTED = "inserted"
"""Intent: a document may be inside. Its ends: ``returned``, ``retained``, ``nothing`` (none was, or on glass)."""
KEEPING = "keeping"
"""Intent: that document is about to fall into the box, which no reader counts. It ends with the one before."""
Ending = Literal["returned", "retained", "nothing"]
READ_S, TAKE_S, KEEP_S = 60.0, 45.0, 10.0
_NOTHING = ("no_feeder", "nothing_inside")


async def read(machine: Machine, device: str, case_id: str) -> Completed:
    """Wait for a document and read it; the value is a ``Zone``. It stays inside until ``give_back``."""
    if not await give_back(machine, device):
        return Completed(Completion.DEVICE_NOT_READY, error="document_inside")
    await in_thread(machine.journal.begin, INSERTED, case_id, {"device": device})
    return await machine.peripherals.call(device, "read_document", READ_S)


async def give_back(machine: Machine, device: str) -> Ending | Literal[""]:
    """How it ended: nobody's document is inside any more, or staff keeps it for its owner; "" while it is inside."""
    waiting = await in_thread(_begun, machine, device, INSERTED)
    if not waiting:
        return "nothing"
    done = await machine.peripherals.call(device, "eject", TAKE_S)
    outcome: Ending | Literal[""] = "returned" if done.ok else "nothing" if done.error in _NOTHING else ""
    if done.error == "not_taken":
        outcome = await _kept(machine, device, waiting[0].ref)
    elif outcome == "nothing" and await in_thread(_begun, machine, device, KEEPING):
        # Nobody saw how that ended, and it is in the slot no more: staff looks into the box.
        outcome = "retained"
    if outcome:
        await in_thread(machine.store.write, partial(_resolve_all, machine, device, outcome))
    for intent in waiting if outcome else ():
        machine.publish("inserted", device=device, outcome=outcome)
        if outcome == "retained":
            machine.alarm("document_retained", f"a person's own document of case {intent.ref} lies in {device}")
    return outcome


async def _kept(machine: Machine, device: str, case_id: str) -> Literal["retained", ""]:
    if not await in_thread(_begun, machine, device, KEEPING):
        await in_thread(machine.journal.begin, KEEPING, case_id, {"device": device})
    return "retained" if (await machine.peripherals.call(device, "retain", KEEP_S)).ok else ""


def _begun(machine: Machine, device: str, kind: str) -> list[Intent]:
    return [each for each in machine.journal.open_intents(kind) if each.detail["device"] == device]


def _resolve_all(machine: Machine, device: str, outcome: str) -> None:
    """In one transaction: what is said of this document is not there for the next one."""
    for kind in (INSERTED, KEEPING):
        for intent in _begun(machine, device, kind):
            machine.journal.resolve(intent.id, outcome)


async def keep_clear(machine: Machine) -> None:
    """Until canceled: what broke off is given back, or kept, as soon as the reader answers."""
    await hand_outs.keep_clear(machine, under_way, _clear)


def under_way(machine: Machine) -> set[str]:
    """The readers in which something may be."""
    return {intent.detail["device"] for intent in machine.journal.open_intents(INSERTED)}


async def _clear(machine: Machine, device: str) -> str:
    return "" if await give_back(machine, device) else "document_inside"
