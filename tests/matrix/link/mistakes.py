"""Mistakes that the chaos run must find, built into the child process from outside; no product code reads this."""

from __future__ import annotations

import os

from kiosk.hub_link.carriers import HttpsCarrier, Outgoing
from kiosk.hub_link.outcome import Outcome
from offline_cache.outbox import Outbox

VARIABLE = "TONGBAN_CHAOS_MISTAKE"


def chosen() -> str:
    return os.environ.get(VARIABLE, "")


def build_in() -> None:
    """Replaces what the chosen mistake is about; ``new key`` is read where keys are made."""
    match chosen():
        case "ack first":
            _ack_first()
        case "no order":
            Outbox._next = _next_of_any_case


def _ack_first() -> None:
    """What was sent counts as delivered, whatever comes back."""
    deliver, claim, delivered = HttpsCarrier.deliver, Outbox.claim, Outbox.delivered
    seqs: dict[str, tuple[Outbox, int]] = {}

    def noted(self: Outbox, *values, **named):
        claimed = claim(self, *values, **named)
        if claimed is not None:
            seqs[claimed.key] = self, claimed.seq
        return claimed

    async def at_once(self: HttpsCarrier, envelope: Outgoing) -> Outcome:
        outcome = await deliver(self, envelope)
        outbox, seq = seqs[envelope.key]
        delivered(outbox, seq, outcome.receipt)
        return outcome

    Outbox.claim, HttpsCarrier.deliver = noted, at_once


def _next_of_any_case(self: Outbox, now_mono: float, avoid=()) -> int | None:
    self._execute("UPDATE outbox SET due = NULL WHERE due IS NOT NULL AND due <= ?", now_mono)
    skip = ",".join(map(str, avoid)) or "0"
    found = self._one(
        f"SELECT seq FROM outbox WHERE state = 'stored' AND due IS NULL AND seq NOT IN ({skip}) "
        "ORDER BY priority, seq LIMIT 1"
    )
    return found["seq"] if found else None
