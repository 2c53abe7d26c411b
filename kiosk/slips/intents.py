"""What the journal remembers of papers: a sheet is wanted, it was handed to the printer, it is owed."""

from __future__ import annotations

import msgspec

from kiosk import shapes
from kiosk.machine import Machine, SlipInDoubt
from kiosk.threads import in_thread

PRINT, HANDED_OVER = "print", "handed_over"
STAFF_SAW = {"printed": "seen by staff", "not_printed": "missed by staff"}
"""How a person's word on a slip is written: of what hangs in the printer it says nothing."""

NEVER_OUT = ("not_printed", HANDED_OVER, STAFF_SAW["not_printed"])
WITH_SLIP = ("case", "complaint")
"""What is filed that a slip belongs to."""


class Slip(msgspec.Struct, frozen=True, kw_only=True):
    """What an intent to print remembers of its sheet: no person. ``number`` is "" for a sheet that names no case.

    ``handed`` is False until just before the printer gets the job.
    """

    number: str = ""
    service: str = ""
    copy: int = 0
    handed: bool = False


class OpenSlip(msgspec.Struct, frozen=True):
    """A slip that is owed; the next one to print is the copy number ``copy``.

    Of copy 1 and more nobody knows whether the one before came out; of copy 0 it is known that none ever did.
    """

    case_id: str
    number: str
    service: str
    copy: int


def begin_slip(machine: Machine, ref: str, slip: Slip) -> int:
    """The first moment: a sheet is wanted. Durable when it returns; no byte of it may have left."""
    return machine.journal.begin(PRINT, ref, msgspec.to_builtins(slip))


def hand_over(machine: Machine, printer: str, intent: int, ref: str, slip: Slip) -> int:
    """The second moment, just before this printer gets the job: from now on only its own word resolves it.

    One transaction exchanges the intent; gives the number of the new one. Until then its paper is in doubt, also when
    whoever asked for it is gone.
    """
    journal, detail = machine.journal, msgspec.to_builtins(slip) | {"handed": True, "after": intent}

    def exchange() -> int:
        journal.resolve(intent, HANDED_OVER)
        # A second run after a disk error finds what the first one may have kept.
        known = [found.id for found in journal.open_intents(PRINT) if found.detail.get("after") == intent]
        return known[0] if known else journal.begin(PRINT, ref, detail)

    handed = machine.store.write(exchange)
    machine.paper_in_doubt.add(printer)
    machine.slip_in_doubt = SlipInDoubt(handed, ref, printer)
    return handed


async def open_slips(machine: Machine, numbers: set[str]) -> list[OpenSlip]:
    """The slips of these receipt numbers that may or may not have come out, one per case."""
    found: dict[str, OpenSlip] = {}
    for intent in await in_thread(machine.journal.open_intents, PRINT):
        slip = shapes.convert(intent.detail, Slip)
        if slip.handed and slip.number in numbers:
            found[slip.number] = OpenSlip(intent.ref, slip.number, slip.service, slip.copy + 1)
    return list(found.values())


async def missing_slips(machine: Machine, services: dict[str, str]) -> list[OpenSlip]:
    """The slips of these cases that have never come out here. ``services``: receipt number to service, "" if unknown.

    Only for cases that this machine has filed itself.
    """
    found = [await in_thread(_missing_slip, machine, number, service) for number, service in services.items()]
    return [slip for slip in found if slip is not None]


def next_copy(machine: Machine, number: str, service: str) -> OpenSlip:
    """One sheet more of this case, whoever has filed it; its copy number counts what may have come out before.

    The first sheet of a case of another machine has come out there.
    """
    case = next((row for row in machine.outbox.find(receipt_number=number) if row.kind in WITH_SLIP), None)
    ref = case.case_id if case and case.case_id else number
    out = [end for _, end in machine.journal.outcomes(PRINT, ref) if end not in NEVER_OUT]
    return OpenSlip(ref, number, service, len(out) + (case is None))


def _missing_slip(machine: Machine, number: str, service: str) -> OpenSlip | None:
    case = next((row for row in machine.outbox.find(receipt_number=number) if row.kind in WITH_SLIP), None)
    if case is None or case.case_id is None:
        return None
    tries = machine.journal.outcomes(PRINT, case.case_id)
    if any(outcome not in NEVER_OUT for _, outcome in tries):
        return None
    named = [shapes.convert(detail, Slip).service for detail, _ in tries]
    service = service or next(iter(named), "")
    return OpenSlip(case.case_id, number, service, 0) if service else None
