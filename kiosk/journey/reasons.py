"""Reasons in words: what a department's code means to the person, and what to do about it. Not a step kind."""

from __future__ import annotations

from kiosk.catalogue.model import Service
from kiosk.catalogue.rules import check_named
from kiosk.pages import Fact
from kiosk.text import Text, plain, text, worded


def reason(service: Service | None, code: str) -> Fact:
    """What is wrong and what to do. A code that nobody here knows stands there as it came."""
    check = check_named(service, code) if service else None
    if check is not None:
        return Fact(label=check.public, value=check.what_to_do)
    return Fact(
        label=worded("reason.", code, text("reason.other", code=plain(code))),
        value=worded("reason.todo_", code, text("reason.todo_other")),
    )


def sentence(service: Service | None, code: str) -> Text:
    """The same as one sentence."""
    fact = reason(service, code)
    return text("notice.line", what=fact.label, todo=fact.value)
