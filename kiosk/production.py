"""Documents that this machine makes: intent and blank before the effect, the maker's own journal after it.

An order whose end is unknown is found by its key before the next one begins, in the same run as after a restart. A
person's own document that is inside is an intent too (``HOLD``): it goes back to the hand, or is kept for its owner.
"""

from __future__ import annotations

from typing import Any

from devices.contract import Completed
from devices.document_making import Made, MakeEnd, MakerState, Order, Place, made_of
from kiosk import hand_outs
from kiosk.machine import Machine
from kiosk.payments import PRODUCE
from kiosk.threads import in_thread
from offline_cache.journal import Intent

HOLD = "hold"
"""Intent: a person's document is inside. It ends ``returned``, ``swallowed``, ``retained``; ``nothing``: none came."""
PUT_IN_S, WRITE_S, LOOK_S, TAKE_S, RETRACT_S = 90.0, 90.0, 5.0, 60.0, 10.0
_ENDS = {MakeEnd.WRITTEN: "used", MakeEnd.VOIDED: "voided", MakeEnd.NOT_WRITTEN: "loaded"}
"""What each end makes of the blank."""
_TOLD = {"produced": "collected", "retained": "retained"}
"""What the department hears of an end."""


async def clear(machine: Machine, device: str) -> str:
    """Before anything is made: every order of before has its end, and nothing of it lies there. "" when so, else why.

    A document that nobody took is drawn back and kept for the one whose case it is.
    """
    for intent in await in_thread(machine.journal.open_intents, PRODUCE):
        if intent.detail["device"] == device and not await _ended_by_journal(machine, device, intent):
            return "in_doubt"
    state = await _maker_state(machine, device)
    if state is None:
        return machine.peripherals.status(device).error or "silent"
    if state.place is not Place.NOWHERE:
        done = await machine.peripherals.call(device, "retract", RETRACT_S)
        if not done.ok:
            return done.error or "document_inside"
    await _let_go(machine, device, "returned" if state.place is Place.NOWHERE else "retained", state)
    return ""


async def put_in(machine: Machine, device: str, case_id: str) -> bool:
    """Wait for the person's own document; it is held when this is True, and the mouth is shut whatever this is."""
    state = await _maker_state(machine, device)
    if state is None:
        return False
    await in_thread(machine.journal.begin, HOLD, case_id, {"device": device, "swallowed": state.swallowed})
    done = await machine.peripherals.call(device, "accept_old", PUT_IN_S)
    if done.error == "nothing_inserted":
        await _let_go(machine, device, "nothing")
    return done.ok


async def swallow(machine: Machine, device: str) -> bool:
    """Keep the old document for good, by the machine's own count."""
    done = await machine.peripherals.call(device, "swallow_old", RETRACT_S)
    if done.ok:
        await _let_go(machine, device, "swallowed")
    return done.ok


async def give_back(machine: Machine, device: str) -> bool:
    """Whether the person's own document is in their hand again; one that nobody takes is kept for its owner."""
    state = await _maker_state(machine, device)
    if state is None:
        return False
    if state.place is Place.NOWHERE:
        await _let_go(machine, device, "nothing")
        return True
    done = await machine.peripherals.call(device, "hand_out", TAKE_S)
    if done.ok or done.error == "retracted":
        await _let_go(machine, device, "returned" if done.ok else "retained")
    return done.ok


async def _let_go(machine: Machine, device: str, outcome: str, now: MakerState | None = None) -> None:
    """What was held of somebody is inside no more, or kept by staff.

    ``now``: nobody saw how it ended; one that the maker's count has more than when it came was swallowed.
    """
    for intent in await in_thread(machine.journal.open_intents, HOLD):
        if intent.detail["device"] != device:
            continue
        is_swallowed = now is not None and now.swallowed > intent.detail.get("swallowed", now.swallowed)
        ended = "swallowed" if is_swallowed else outcome
        await in_thread(machine.journal.resolve, intent.id, ended)
        machine.publish("hold", device=device, outcome=ended)
        if ended == "retained":
            machine.alarm("document_retained", f"a person's own document of case {intent.ref} lies in {device}")
        elif is_swallowed:
            machine.alarm("old_swallowed", f"the old document of case {intent.ref} is in the box of {device}")


async def _ended_by_journal(machine: Machine, device: str, intent: Intent) -> bool:
    """The end of an order by the machine's own journal; False while it does not tell."""
    done = await machine.peripherals.call(device, "find_end", LOOK_S, key=intent.detail["key"])
    made = done.value if isinstance(done.value, Made) else None
    if made is None or made.end is MakeEnd.UNKNOWN:
        return False
    if made.end is MakeEnd.WRITTEN:
        state = await _maker_state(machine, device) or MakerState("", 0, Place.INSIDE)
        # An empty slot alone does not say who has emptied it.
        was_drawn_back = state.retracted > intent.detail.get("retracted", state.retracted)
        is_here = was_drawn_back or state.place is not Place.NOWHERE
        outcome, blank = ("retained", "retained") if is_here else ("produced", "handed_over")
    else:
        outcome, blank = made.end.value, _ENDS[made.end]
    await _resolve(machine, intent.id, intent.ref, intent.detail, outcome, blank)
    return True


async def _maker_state(machine: Machine, device: str) -> MakerState | None:
    done = await machine.peripherals.call(device, "read_stock", LOOK_S)
    return done.value if isinstance(done.value, MakerState) else None


async def write(machine: Machine, device: str, case_id: str, fields: dict[str, str], key: str) -> tuple[int, Made]:
    """One document on the next blank: its intent, 0 where none was begun, and its end. ``unknown`` stays open."""
    state = await _maker_state(machine, device)
    if state is None or state.left <= 0:
        return 0, Made(MakeEnd.NOT_WRITTEN, key, reason="stock_out" if state else "silent")
    kind = machine.peripherals.kinds[device]
    detail = {"key": key, "serial": state.next_serial, "device": device, "kind": kind, "retracted": state.retracted}
    intent = await in_thread(_begin, machine, case_id, detail)
    order = Order(key, state.next_serial, fields)
    made = made_of(await machine.peripherals.call(device, "write", WRITE_S, order=order), order)
    if made.end is MakeEnd.UNKNOWN:
        again = await machine.peripherals.call(device, "find_end", LOOK_S, key=key)
        made = again.value if isinstance(again.value, Made) else made
    if made.end in (MakeEnd.VOIDED, MakeEnd.NOT_WRITTEN):
        await _resolve(machine, intent, case_id, detail, made.end.value, _ENDS[made.end])
    elif made.end is MakeEnd.WRITTEN:
        await in_thread(machine.stock.mark, kind, state.next_serial, "used", case_id)
    return intent, made


def _begin(machine: Machine, case_id: str, detail: dict[str, Any]) -> int:
    """One transaction: the intent, and a blank that nobody announced is in the book from now on."""

    def action() -> int:
        if not machine.stock.knows(detail["kind"], detail["serial"]):
            machine.audit_log.append(
                "machine", "stock_unannounced", {"kind": detail["kind"], "serial": detail["serial"]}
            )
            machine.stock.load(detail["kind"], [detail["serial"]])
        known = [each for each in machine.journal.open_intents(PRODUCE) if each.detail["key"] == detail["key"]]
        return known[0].id if known else machine.journal.begin(PRODUCE, case_id, detail)

    return machine.store.write(action)


async def hand_out(machine: Machine, device: str, intent: int, case_id: str) -> str:
    """Give it out and wait: ``produced`` when it was taken, ``retained`` when it was drawn back, else ``unknown``."""
    done: Completed = await machine.peripherals.call(device, "hand_out", TAKE_S)
    found = next((each for each in await in_thread(machine.journal.open_intents, PRODUCE) if each.id == intent), None)
    if found is None or not (done.ok or done.error == "retracted"):
        return "unknown"
    outcome, blank = ("produced", "handed_over") if done.ok else ("retained", "retained")
    await _resolve(machine, intent, case_id, found.detail, outcome, blank)
    await _let_go(machine, device, "returned" if done.ok else "retained")
    return outcome


async def _resolve(machine: Machine, intent: int, ref: str, detail: dict[str, Any], outcome: str, blank: str) -> None:
    await in_thread(_ended, machine, intent, ref, detail, outcome, blank)
    machine.publish("produce", device=detail["device"], serial=detail["serial"], outcome=outcome)
    if outcome == "retained":
        machine.alarm("document_retained", f"blank {detail['serial']} was not taken; give it to the person of the case")
    machine.payments.nudge()
    machine.forwarder.nudge()


def _ended(machine: Machine, intent: int, ref: str, detail: dict[str, Any], outcome: str, blank: str) -> None:
    def action() -> None:
        is_first = machine.journal.outcome(intent) is None
        machine.journal.resolve(intent, outcome)
        machine.stock.mark(detail["kind"], detail["serial"], blank, "" if blank == "loaded" else ref)
        if is_first and outcome in _TOLD:
            hand_outs.keep_now(machine, detail["key"], ref, "made", _TOLD[outcome])

    machine.store.write(action)


async def keep_clear(machine: Machine) -> None:
    """Until canceled: what is under way in a maker, and of no visit any more, has its end as soon as it answers."""
    await hand_outs.keep_clear(machine, _under_way, clear)


def _under_way(machine: Machine) -> set[str]:
    """The devices in which something may lie or be made."""
    return {intent.detail["device"] for kind in (PRODUCE, HOLD) for intent in machine.journal.open_intents(kind)}
