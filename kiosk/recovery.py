"""After a restart: what was under way is judged by evidence, never guessed; what stays doubtful is offered again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec
import structlog
import trio

from kiosk.paper_doubt import SlipInDoubt
from kiosk.roster import PRINTER
from offline_cache.errors import StoreError
from offline_cache.journal import Intent

if TYPE_CHECKING:
    from kiosk.machine import Machine

log = structlog.get_logger()
PRINT, HANDED_OVER = "print", "handed_over"
WITH_SLIP = ("case", "complaint")
"""What is filed that a slip belongs to."""

_SENT_NOTHING = ("not_printed", HANDED_OVER)
_NAMESPACE, _JUDGED = "recovery", "judged"


class Slip(msgspec.Struct, frozen=True, kw_only=True):
    """What an intent to print remembers of its sheet: no person. ``number`` is "" for a sheet that names no case.

    ``handed`` is False until just before the printer gets the job.
    """

    number: str = ""
    service: str = ""
    copy: int = 0
    handed: bool = False


class Decision(msgspec.Struct, frozen=True):
    """``outcome``: ``not_printed``, or ``doubt`` for a person to decide. ``evidence`` is what it rests on."""

    intent: Intent
    outcome: str
    evidence: str


class OpenSlip(msgspec.Struct, frozen=True):
    """A slip that is owed; the next one to print is the copy number ``copy``.

    Of copy 1 and more nobody knows whether the one before came out; of copy 0 it is known that none ever did.
    """

    case_id: str
    number: str
    service: str
    copy: int


def judge(intent: Intent) -> Decision:
    """A printer cannot tell about a job of the past, so only what was never handed to it is certain."""
    if intent.kind == PRINT and intent.detail.get("handed") is False:
        return Decision(intent, "not_printed", "never_handed_over")
    return Decision(intent, "doubt", "no_device_can_tell")


async def recover(machine: Machine) -> None:
    """Judge every open intent before the first visit. Decisions are audited once and said as ``recovered`` lines."""
    try:
        decisions = await trio.to_thread.run_sync(_judge_all, machine)
    except StoreError as error:
        # Undecided is safe: what is open stays a doubt.
        log.error("recovery_failed", error=type(error).__name__)
        machine.paper_in_doubt = set(machine.peripherals.of_kind(PRINTER))
        return
    for decision in decisions:
        intent = decision.intent
        machine.publish(
            "recovered",
            intent=intent.id,
            kind=intent.kind,
            ref=intent.ref,
            outcome=decision.outcome,
            evidence=decision.evidence,
        )


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
    for intent in await trio.to_thread.run_sync(partial(machine.journal.open_intents, PRINT)):
        slip = msgspec.convert(intent.detail, Slip)
        if slip.handed and slip.number in numbers:
            found[slip.number] = OpenSlip(intent.ref, slip.number, slip.service, slip.copy + 1)
    return list(found.values())


async def missing_slips(machine: Machine, services: dict[str, str]) -> list[OpenSlip]:
    """The slips of these cases that have never come out here. ``services``: receipt number to service, "" if unknown.

    Only for cases that this machine has filed itself.
    """
    found = [
        await trio.to_thread.run_sync(_missing_slip, machine, number, service) for number, service in services.items()
    ]
    return [slip for slip in found if slip is not None]


def _missing_slip(machine: Machine, number: str, service: str) -> OpenSlip | None:
    case = next((row for row in machine.outbox.find(receipt_number=number) if row.kind in WITH_SLIP), None)
    if case is None or case.case_id is None:
        return None
    tries = machine.journal.outcomes(PRINT, case.case_id)
    if any(outcome not in ("not_printed", HANDED_OVER) for _, outcome in tries):
        return None
    named = [msgspec.convert(detail, Slip).service for detail, _ in tries]
    service = service or next(iter(named), "")
    return OpenSlip(case.case_id, number, service, 0) if service else None


def _judge_all(machine: Machine) -> list[Decision]:
    decisions = [judge(intent) for intent in machine.journal.open_intents()]
    # A person's word on a slip says nothing of what hangs in the printer.
    # Which printer it was is not written down.
    is_doubtful = machine.journal.last_outcome(PRINT, besides=_SENT_NOTHING) not in ("printed", "")
    machine.paper_in_doubt = set(machine.peripherals.of_kind(PRINTER)) if is_doubtful else set()
    for decision in decisions:
        machine.store.write(partial(_keep, machine, decision))
    return decisions


def _keep(machine: Machine, decision: Decision) -> None:
    """One transaction: the outcome, its audit row, and how far has been judged (a doubt is not audited again)."""
    intent = decision.intent
    if intent.id <= int(machine.values.get(_NAMESPACE, _JUDGED) or b"0"):
        return
    if decision.outcome != "doubt":
        machine.journal.resolve(intent.id, decision.outcome)
    detail = {"intent": intent.id, "kind": intent.kind, "ref": intent.ref}
    machine.audit_log.append(
        "machine", "recovered", detail | {"outcome": decision.outcome, "evidence": decision.evidence}
    )
    machine.values.put(_NAMESPACE, _JUDGED, str(intent.id).encode())
