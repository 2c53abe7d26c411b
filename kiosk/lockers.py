"""Documents behind doors: intent before the bolt is drawn, and every end by the board's word, never by a guess.

The board feels doors and nothing behind them. So "opened" and "shut" are its word, "taken" the person's; without that
word nobody is told that anything was collected. What was begun and broke off is looked at and never opened again by
itself: staff looks into the compartment.
"""

from __future__ import annotations

from typing import Literal

from devices.contract import Completed
from devices.lock_board.driver import Door, DoorResult
from kiosk import hand_outs
from kiosk.cases import new_id
from kiosk.machine import Machine
from kiosk.payments import LOCKER
from kiosk.threads import in_thread
from offline_cache.journal import Intent

BOARD = "lock_board"
UNLOCK = "unlock"
"""Intent: this door is about to be opened. It ends ``opened``, ``shut``, or ``in_doubt``; that of ``LOCKER``, with
which it begins, ends ``handed_over``, ``not_opened``, ``left_inside`` or ``in_doubt``."""
OPEN_S, LOOK_S, SHUT_S = 8.0, 4.0, 90.0
Ending = Literal["handed_over", "not_opened", "left_inside", "in_doubt"]
_TOLD = {"handed_over": "collected", "in_doubt": "in_doubt"}
"""What the department hears of an end."""


async def clear(machine: Machine, device: str) -> str:
    """Before a door is opened: every hand-out of before has its end. "" when so, else why.

    Nobody stands there any more who could say what was taken.
    """
    for intent in await in_thread(machine.journal.open_intents, LOCKER):
        if intent.detail["device"] != device:
            continue
        standing = await _standing(machine, device)
        if standing is None:
            return machine.peripherals.status(device).error or "silent"
        lock = intent.detail["lock"]
        was_opened = lock in standing or await in_thread(_was_opened, machine, intent)
        if lock in standing:
            machine.alarm("locker_open", f"door {lock} of {device} stands open; look into it and shut it")
        await end(machine, intent, "in_doubt", opened=was_opened)
    return ""


async def keep_clear(machine: Machine) -> None:
    """Until canceled: what broke off has its end as soon as the board answers."""
    await hand_outs.keep_clear(machine, under_way, clear)


async def _standing(machine: Machine, device: str) -> frozenset[int] | None:
    done = await machine.peripherals.call(device, "read_doors", LOOK_S)
    return done.value if done.ok else None


def _was_opened(machine: Machine, intent: Intent) -> bool:
    return "opened" in [outcome for _, outcome in machine.journal.outcomes(UNLOCK, intent.detail["key"])]


async def unlock(machine: Machine, device: str, case_id: str, lock: int) -> tuple[Intent, Door]:
    """Draw one bolt. ``unknown`` stays open in the journal until the board can be asked; nothing is tried again."""
    intent = await in_thread(_begin, machine, device, case_id, lock)
    done = await machine.peripherals.call(device, "open_door", OPEN_S, lock=lock)
    door = door_of(done)
    if door is Door.UNKNOWN and lock in (await _standing(machine, device) or ()):
        door = Door.OPENED
    if door is Door.OPENED and done.error == "stands_open":
        # It stood open before: what lies behind it, nobody knows.
        await end(machine, intent, "in_doubt", opened=True)
        return intent, Door.UNKNOWN
    if door is Door.OPENED:
        await in_thread(_resolve_unlock, machine, intent, "opened")
        machine.publish("locker", device=device, lock=lock, door="opened")
    elif door is Door.SHUT:
        machine.alarm("locker_stuck", f"door {lock} of {device} did not open ({done.error}); open it by hand")
        await end(machine, intent, "not_opened", opened=False)
    return intent, door


def door_of(done: Completed) -> Door:
    """What the board's completion says of the door."""
    if isinstance(done.value, DoorResult):
        return done.value.door
    return Door.UNKNOWN if done.error == "timeOut" else Door.SHUT


def _begin(machine: Machine, device: str, case_id: str, lock: int) -> Intent:
    """Both intents in one transaction."""
    detail = {"key": new_id(), "device": device, "lock": lock}

    def action() -> Intent:
        known = [each for each in machine.journal.open_intents(LOCKER) if each.detail["key"] == detail["key"]]
        if not known:
            machine.journal.begin(LOCKER, case_id, detail)
            machine.journal.begin(UNLOCK, detail["key"], {"device": device, "lock": lock})
        return next(each for each in machine.journal.open_intents(LOCKER) if each.detail["key"] == detail["key"])

    return machine.store.write(action)


async def shut(machine: Machine, device: str, lock: int, timeout_s: float = SHUT_S) -> bool:
    """Wait until the door is shut, by the board's word."""
    return (await machine.peripherals.call(device, "await_shut", timeout_s, lock=lock)).ok


async def end(machine: Machine, intent: Intent, ending: Ending, *, opened: bool) -> None:
    """Write down how it ended; the department is told in the same transaction."""
    is_first = await in_thread(_ended, machine, intent, ending, opened)
    if is_first:
        machine.publish("locker", device=intent.detail["device"], lock=intent.detail["lock"], outcome=ending)
        if ending == "in_doubt":
            where = f"door {intent.detail['lock']} of {intent.detail['device']}"
            machine.alarm("locker_in_doubt", f"look behind {where}; then: hub locker empty, with --still-there if so")
    machine.payments.nudge()
    machine.forwarder.nudge()


def _ended(machine: Machine, intent: Intent, ending: Ending, opened: bool) -> bool:
    def action() -> bool:
        is_first = machine.journal.outcome(intent.id) is None
        _resolve_unlock(machine, intent, "opened" if opened else "shut" if ending == "not_opened" else "in_doubt")
        machine.journal.resolve(intent.id, ending)
        if is_first and ending in _TOLD:
            key, lock = intent.detail["key"], intent.detail["lock"]
            hand_outs.keep_now(machine, key, intent.ref, "locker", _TOLD[ending], lock)
        return is_first

    return machine.store.write(action)


def _resolve_unlock(machine: Machine, intent: Intent, outcome: str) -> None:
    for each in machine.journal.open_intents(UNLOCK):
        if each.ref == intent.detail["key"]:
            machine.journal.resolve(each.id, outcome)


def under_way(machine: Machine) -> set[str]:
    """The boards at which something was begun and has no end."""
    return {intent.detail["device"] for intent in machine.journal.open_intents(LOCKER)}
