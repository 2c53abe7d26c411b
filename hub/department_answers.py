"""What a department may answer: it is another system, and what it says goes to machines and into the event log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import isfinite
from typing import Any

import msgspec
import structlog

from hub.department import Decision, Facts
from hub.desk import StageEvent
from kiosk.messages.bills import Bill
from kiosk.messages.bounds import check_values, one_line
from kiosk.messages.encoding import typed
from kiosk.messages.questions import MOST_FACTS, MOST_ITEMS, Document
from kiosk.messages.violations import ViolationsAnswer

_log = structlog.get_logger()
_REASON_CHARACTERS = _NAME_CHARACTERS = 64
_NAMES_TOLD = 5
_MOST_VALUES = 10_000
"""Of all facts together; a machine reads twice as many."""


def plain_facts(told: Any) -> Facts:
    """Facts as machines read them; one in a form that nobody reads is left out, its check fails. Raises TypeError."""
    if not isinstance(told, Mapping):
        raise TypeError("facts are a table")
    facts: Facts = {}
    left, left_out = _MOST_VALUES, list[str]()
    for name, value in told.items():
        if value is None:
            continue
        fact, shown = _plain(value), one_line(str(name), _NAME_CHARACTERS)
        size = _size(fact)
        if fact is None or shown != name or size > left or len(facts) == MOST_FACTS:
            left_out.append(shown)
            continue
        facts[shown] = fact
        left -= size
    if left_out:
        _log.error("facts_left_out", facts=left_out[:_NAMES_TOLD], count=len(left_out))
    return facts


def _size(fact: Any) -> int:
    return 1 + len(fact) if isinstance(fact, list) else 1


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    plain = [str(each) for each in value[:_MOST_VALUES]] if isinstance(value, (list, tuple)) else value
    if not isinstance(plain, (list, str, int, float)) or (isinstance(plain, float) and not isfinite(plain)):
        return None
    try:
        check_values(plain)
    except ValueError:
        return None
    return plain


def plain_documents(told: Any) -> list[Document]:
    """Documents as machines read them. Raises InvalidMessage, TypeError: half a list would mislead."""
    return typed(msgspec.to_builtins(told), list[Document])


def plain_violations(told: Any) -> ViolationsAnswer:
    """Violations as machines read them. Raises InvalidMessage, TypeError: half a list would mislead."""
    return typed(msgspec.to_builtins(told), ViolationsAnswer)


def plain_bills(told: Any) -> list[Bill]:
    """Bills as machines read them. Raises InvalidMessage, TypeError: half a list would mislead."""
    return typed(msgspec.to_builtins(told), list[Bill])


def plain_stage(told: StageEvent) -> StageEvent:
    """A stage as it is shown; what it says is judged where it is written down, each alone."""
    words = {name: one_line(str(getattr(told, name)), _REASON_CHARACTERS) for name in _WORDS}
    return msgspec.structs.replace(told, reasons=_reasons(told.reasons), **words)


_WORDS = ("case_key", "state", "officer", "promised_by")


def plain_decision(told: Decision) -> Decision:
    """A decision as it is shown: a reason that nobody knows stays, as one line."""
    promised_by = one_line(str(told.promised_by), _REASON_CHARACTERS)
    return msgspec.structs.replace(told, reasons=_reasons(told.reasons), promised_by=promised_by)


def _reasons(told: list[str]) -> list[str]:
    return [one_line(str(reason), _REASON_CHARACTERS) for reason in told[:MOST_ITEMS]]
