"""What this machine has put into a person's hand is told to the department: a fact of its own, kept with its proof."""

from __future__ import annotations

import structlog

from kiosk.hub_link.filing import WrongHubKey
from kiosk.machine import Machine
from kiosk.messages.content import FORM_PART, HandOut, encode_content
from offline_cache.errors import StoreFull

log = structlog.get_logger()


def keep_now(machine: Machine, key: str, case_id: str, way: str, end: str) -> None:
    """Inside the transaction that writes the end down, so that neither is there without the other.

    ``key``: the effect's own, so that it is told once. What belongs to no case that was filed is told to nobody.
    """
    if machine.outbox.proof(case_id) is None:
        return
    parts = {FORM_PART: encode_content(HandOut(case_id, way, end))}
    try:
        machine.filing.file_now("hand_out", key, case_id, None, parts)
    except (StoreFull, WrongHubKey) as error:
        # The end itself must be written down; a person tells the department.
        log.error("hand_out_untold", case_id=case_id, error=type(error).__name__)
        machine.alarm("hand_out_untold", f"tell the department by hand: case {case_id} {end} ({way})")
