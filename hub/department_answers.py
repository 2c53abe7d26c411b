"""What a department may answer: it is another system, and what it says goes to machines and into the event log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
import structlog

from hub.department import Decision, Facts
from hub.desk import StageEvent
from kiosk.messages.bills import Bill
from kiosk.messages.bounds import check_values, one_line
from kiosk.messages.encoding import typed
from kiosk.messages.questions import MOST_ITEMS, Document, ViolationsAnswer

_log = structlog.get_logger()
_REASON_CHARACTERS = 64


def plain_facts(told: Any) -> Facts:
    """Facts as machines read them; one in a form that nobody reads is left out, its check fails. Raises TypeError."""
    if not isinstance(told, Mapping):
        raise TypeError("facts are a table")
    facts = {str(name): _plain(value) for name, value in told.items() if value is not None}
    for name in [name for name, value in facts.items() if value is None]:
        del facts[name]
        _log.error("fact_left_out", fact=one_line(name, _REASON_CHARACTERS))
    return facts


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [str(each) for each in value]
    if not isinstance(value, (str, int, float)):
        return None
    try:
        check_values(value)
    except ValueError:
        return None
    return value


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
