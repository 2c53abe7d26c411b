"""What an answer to an envelope means (CONTRACTS §6): one pure function, no state."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

from kiosk.hub_link.http import Answer
from kiosk.messages.bounds import SHA256
from kiosk.messages.encoding import InvalidMessage, decode_json
from kiosk.messages.receipts import HELD, Refusal, parse_receipt, refusal_in

Meaning = Literal["receipt", "sent", "no_answer", "retry", "missing", "held", "paused"]
_RETRY = {408, 425, 429}
_PAUSED = {401, 403, 404}
_TOO_LARGE = "413: larger than the hub, or a gateway before it, lets through"
_LONGEST_DATE = 64


class Outcome(NamedTuple):
    """One try's end, seen from the envelope.

    ``receipt``: a receipt came, not yet verified · ``sent``: on its way, the receipt comes later · ``no_answer``:
    something answered, but no hub · ``retry``: later · ``missing``: send these parcels, then again · ``held``: a
    person decides; ``refusal`` came, not yet verified · ``paused``: nothing more to this destination.
    ``server_error``: the hub failed on this very envelope (5xx in its own form).
    """

    meaning: Meaning
    reason: str = ""
    receipt: bytes = b""
    retry_after_s: float | None = None
    missing: frozenset[str] = frozenset()
    server_error: bool = False
    refusal: Refusal | None = None


def outcome_of(answer: Answer, now: datetime) -> Outcome:
    """The meaning of a whole answer. ``now`` (wall, aware) reads a ``Retry-After`` that is a date."""
    status = answer.status
    if 200 <= status < 300:
        return _of_success(answer)
    if status in _RETRY or status >= 500:
        wait_s = retry_after_s(answer.headers.get("retry-after", ""), now)
        return Outcome("retry", answer.problem, retry_after_s=wait_s, server_error=status >= 500 and answer.is_problem)
    if status == 424:
        return Outcome("missing", answer.problem, missing=_missing(answer.body))
    if status in HELD:
        return _of_refusal(answer)
    if status in _PAUSED:
        return Outcome("paused", answer.problem)
    return Outcome("no_answer", f"{status} is no answer of a hub")


def _of_success(answer: Answer) -> Outcome:
    try:
        parse_receipt(answer.body)
    except InvalidMessage:
        return Outcome("no_answer", f"{answer.status} without a receipt")
    return Outcome("receipt", receipt=answer.body)


def _of_refusal(answer: Answer) -> Outcome:
    """Anybody on the way can answer with such a status; only the hub can sign what it means."""
    said = refusal_in(answer.body)
    if said is None or said.status not in HELD:
        unsigned = f"{answer.problem}: no refusal signed by the hub"
        return Outcome("no_answer", _TOO_LARGE if answer.status == 413 else unsigned)
    return Outcome("held", f"{said.status} {said.reason}", refusal=said)


def _missing(body: bytes) -> frozenset[str]:
    """Every digest that the problem names, wherever it names it; empty means: not told."""
    try:
        decode_json(body)
    except InvalidMessage:
        return frozenset()
    return frozenset(re.findall(SHA256, body.decode()))


def retry_after_s(value: str, now: datetime) -> float | None:
    """Seconds of a ``Retry-After`` (RFC 9110 §10.2.3: a number or a date); None for none or nonsense.

    As it was asked for: how long is waited at most is for whoever waits.
    """
    value = value.strip()[:_LONGEST_DATE]
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
