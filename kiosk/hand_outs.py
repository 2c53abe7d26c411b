"""What this machine gives out: told to the department with its proof, and brought to an end whatever breaks off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
import trio

from kiosk.hub_link.filing import WrongHubKey
from kiosk.machine import Machine
from kiosk.messages.content import FORM_PART, HandOut, encode_content
from kiosk.threads import in_thread
from offline_cache.errors import StoreError, StoreFull

log = structlog.get_logger()
_LOOK_AGAIN_S = 20.0


def keep_now(machine: Machine, key: str, case_id: str, way: str, end: str, lock: int = 0) -> None:
    """Inside the transaction that writes the end down, so that neither is there without the other.

    ``key``: the effect's own, so that it is told once. What belongs to no case that was filed is told to nobody.
    """
    if machine.outbox.proof(case_id) is None:
        return
    parts = {FORM_PART: encode_content(HandOut(case_id, way, end, lock))}
    try:
        machine.filing.file_now("hand_out", key, case_id, None, parts)
    except (StoreFull, WrongHubKey) as error:
        # The end itself must be written down; a person tells the department.
        log.error("hand_out_untold", case_id=case_id, error=type(error).__name__)
        machine.alarm("hand_out_untold", f"tell the department by hand: case {case_id} {end} ({way})")


async def keep_clear(
    machine: Machine, under_way: Callable[[Machine], set[str]], clear: Callable[[Machine, str], Awaitable[str]]
) -> None:
    """Until canceled: what is under way in a device, and of no visit any more, has its end as soon as that answers.

    ``under_way``: the devices in which something may lie or be done; ``clear`` ends it, and says why it cannot.
    """
    while True:
        try:
            waiting = await in_thread(under_way, machine)
            for device in waiting:
                if machine.is_quiet and device in machine.peripherals.kinds:
                    await clear(machine, device)
            waiting = waiting and await in_thread(under_way, machine)
        except StoreError as error:
            # Undecided is safe: whatever begins next looks again.
            log.error("hand_out_unresolved", error=type(error).__name__)
            waiting = {""}
        with trio.move_on_after(_LOOK_AGAIN_S if waiting else float("inf")):
            await machine.peripherals.until_change()
