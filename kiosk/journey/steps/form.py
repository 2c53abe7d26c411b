"""Form: what only the person can say, one field under another, checked against the service's patterns."""

from __future__ import annotations

import re
from typing import Any

from kiosk.catalogue.model import FormField, StepSpec
from kiosk.journey.engine import About, Journey, Outcome
from kiosk.pages import Field
from kiosk.text import NOTHING, same
from kiosk.typed import digits

ABOUT = About(mark="fill")


async def step(journey: Journey, spec: StepSpec) -> Outcome:
    """Ask until every field matches; a wrong one says what is wrong and keeps what was typed."""
    values: dict[str, Any] = {f.name: journey.answers.get(f.name, "") for f in spec.fields}
    wrong: set[str] = set()
    while True:
        blocks = tuple(_block(f, str(values[f.name]), f.name in wrong) for f in spec.fields)
        answer = await journey.visit.show(journey.page("form", spec.title, *blocks, lead=spec.lead))
        values |= {f.name: _typed(f, str(answer.values.get(f.name, values[f.name]))) for f in spec.fields}
        if answer.action == "back":
            return Outcome.BACK
        wrong = {f.name for f in spec.fields if not re.fullmatch(f.pattern, values[f.name], re.ASCII)}
        if not wrong:
            for f in spec.fields:
                journey.answers[f.name] = values[f.name]
                journey.labels[f.name] = same(values[f.name])
            return Outcome.NEXT


def _typed(field: FormField, value: str) -> str:
    """A number in the one form that its pattern knows; a text as it was typed."""
    return value.strip() if field.keys == "text" else digits(value).upper()


def _block(field: FormField, value: str, wrong: bool) -> Field:
    return Field(
        name=field.name,
        label=field.label,
        keys=field.keys,
        value=value,
        hint=field.hint,
        error=field.error if wrong else NOTHING,
        max_length=field.max_length,
    )
