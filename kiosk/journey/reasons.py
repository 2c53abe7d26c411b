"""Reasons in words: what a department's code means to the person, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kiosk.catalogue.model import Check, Service
from kiosk.catalogue.rules import check_named, unfit_elements
from kiosk.pages import Fact
from kiosk.text import LANGUAGES, Text, plain, text, worded


def reason(service: Service | None, code: str, facts: Mapping[str, Any] | None = None) -> Fact:
    """What is wrong and what to do. A code that nobody here knows stands there as it came."""
    check = check_named(service, code) if service else None
    if service is not None and check is not None:
        return Fact(
            label=_with_values(check, (facts or {}).get(check.fact)), value=_what_to_do(service, check, facts or {})
        )
    return Fact(
        label=worded("reason.", code, text("reason.other", code=plain(code))),
        value=worded("reason.todo_", code, text("reason.todo_other")),
    )


def _what_to_do(service: Service, check: Check, facts: Mapping[str, Any]) -> Text:
    """What to do, what to bring and where, and the rule behind it: all that one way less needs."""
    said = [check.what_to_do]
    day = facts.get(check.from_day)
    said += [text("reason.from_day", day=plain(day))] if isinstance(day, str) and day else []
    said += [text("reason.bring", what=check.bring)] if check.bring else []
    said += [text("reason.where", place=check.where)] if check.where else []
    rule = check.basis or next((f"{basis.law} {basis.clause}".strip() for basis in service.basis), "")
    said += [text("reason.basis", rule=rule)] if rule else []
    return Text(*(" ".join(each.in_language(language) for each in said) for language in LANGUAGES))


def _with_values(check: Check, fact: object) -> Text:
    """Of several values that are held, those that are in the way are named."""
    found = unfit_elements(check, fact) if check.op == "each_one_of" and check.code and fact else []
    return text("reason.which", what=check.public, which=plain(" ".join(found))) if found else check.public


def sentence(service: Service | None, code: str, facts: Mapping[str, Any] | None = None) -> Text:
    """The same as one sentence."""
    fact = reason(service, code, facts)
    return text("notice.line", what=fact.label, todo=fact.value)
