"""After a restart: what was under way is judged by evidence, never guessed; what stays doubtful is offered again."""

from __future__ import annotations

from functools import partial

import msgspec
import structlog

from kiosk.machine import Machine
from kiosk.roster import PRINTER
from kiosk.slips.intents import HANDED_OVER, PRINT
from kiosk.threads import in_thread
from offline_cache.errors import StoreError
from offline_cache.journal import Intent

log = structlog.get_logger()
_SENT_NOTHING = ("not_printed", HANDED_OVER)
_NAMESPACE, _JUDGED = "recovery", "judged"


class Decision(msgspec.Struct, frozen=True):
    """``outcome``: ``not_printed``, or ``doubt`` for a person to decide. ``evidence`` is what it rests on."""

    intent: Intent
    outcome: str
    evidence: str


def judge(intent: Intent) -> Decision:
    """A printer cannot tell about a job of the past, so only what was never handed to it is certain."""
    if intent.kind == PRINT and intent.detail.get("handed") is False:
        return Decision(intent, "not_printed", "never_handed_over")
    return Decision(intent, "doubt", "no_device_can_tell")


async def recover(machine: Machine) -> None:
    """Judge every open intent before the first visit. Decisions are audited once and said as ``recovered`` lines."""
    try:
        decisions = await in_thread(_judge_all, machine)
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


def _judge_all(machine: Machine) -> list[Decision]:
    decisions = [judge(intent) for intent in machine.journal.open_intents()]
    # A person's word on a slip says nothing of what hangs in the printer.
    # Which printer it was is not written down.
    is_doubtful = machine.journal.last_outcome(PRINT, besides=_SENT_NOTHING) not in ("printed", "")
    machine.paper_in_doubt = set(machine.peripherals.of_kind(PRINTER)) if is_doubtful else set()
    for decision in decisions:
        machine.store.write(partial(_keep_decision, machine, decision))
    return decisions


def _keep_decision(machine: Machine, decision: Decision) -> None:
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
