"""Reasons in words: what a department's code means to the person, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kiosk.catalogue.model import Check, Service
from kiosk.catalogue.rules import check_named, unfit_elements
from kiosk.pages import Fact
from kiosk.text import Text, plain, text, worded


def reason(service: Service | None, code: str, facts: Mapping[str, Any] | None = None) -> Fact:
    """What is wrong and what to do. A code that nobody here knows stands there as it came."""
    check = check_named(service, code) if service else None
    if check is not None:
        return Fact(label=_with_values(check, (facts or {}).get(check.fact)), value=check.what_to_do)
    return Fact(
        label=worded("reason.", code, text("reason.other", code=plain(code))),
        value=worded("reason.todo_", code, text("reason.todo_other")),
    )


def _with_values(check: Check, fact: object) -> Text:
    """Of several values that are held, those that are in the way are named."""
    found = unfit_elements(check, fact) if check.op == "each_one_of" and check.code and fact else []
    return text("reason.which", what=check.public, which=plain(" ".join(found))) if found else check.public


def sentence(service: Service | None, code: str, facts: Mapping[str, Any] | None = None) -> Text:
    """The same as one sentence."""
    fact = reason(service, code, facts)
    return text("notice.line", what=fact.label, todo=fact.value)
