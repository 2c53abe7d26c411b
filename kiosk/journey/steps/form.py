"""Form: what only the person can say, one field under another, checked against the service's patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from kiosk.catalogue.check.patterns import pattern_fault
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Dated, Service, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Fact, Field
from kiosk.text import NOTHING, Text, same
from kiosk.typed import digits


class FormField(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One typed field. ``pattern`` must match the whole value; ``masked`` hides it on paper."""

    name: str
    label: Text
    keys: Literal["digits", "phone", "receipt", "id_number", "text"]
    pattern: str
    error: Text
    hint: Text = NOTHING
    max_length: int = 40
    masked: bool = False


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of one page."""

    about: ClassVar[About] = About(mark="fill")

    title: Text
    fields: tuple[FormField, ...]
    lead: Text = NOTHING

    def asks_for(self) -> tuple[Asked, ...]:
        """One answer for each field."""
        return tuple(Asked(field.name, ("fields", at, "name")) for at, field in enumerate(self.fields))

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """Something is asked, and what is typed can match."""
        del service, at
        if not self.fields:
            yield Finding((), "a form asks something", "add [[steps.fields]]")
        for number, field in enumerate(self.fields):
            if field.max_length < 1:
                yield Finding(("fields", number, "max_length"), "nothing can be typed", "write how many characters")
            elif fault := pattern_fault(field.pattern, field.max_length):
                yield Finding(("fields", number, "pattern"), *fault)


async def review_rows(journey: Journey, spec: Spec) -> list[Fact]:
    """What was typed."""
    return [Fact(label=f.label, value=journey.labels[f.name]) for f in spec.fields if f.name in journey.labels]


async def step(journey: Journey, spec: Spec) -> Outcome:
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
                journey.keep(f.name, values[f.name], same(values[f.name]))
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
