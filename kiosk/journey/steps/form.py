"""Form: what only the person can say, one field under another, checked against the service's patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from msgspec import structs

from kiosk.catalogue.check.patterns import pattern_fault
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Dated, Service, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Fact, Field
from kiosk.text import NOTHING, Text, same, text
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

    about: ClassVar[About] = About(mark="fill", together="once")

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


def joined_spec(specs: Sequence[Spec]) -> tuple[Spec, list[dict[str, str]]]:
    """One form with every field of several, those that ask the same once; what each calls its answers in it."""
    fields: list[FormField] = []
    names: list[dict[str, str]] = []
    for spec in specs:
        called: dict[str, str] = {}
        for field in spec.fields:
            there = next((f for f in fields if f.name.partition("__")[0] == field.name and f.keys == field.keys), None)
            if there is None:
                taken = sum(f.name.partition("__")[0] == field.name for f in fields)
                there = structs.replace(field, name=f"{field.name}__{taken}" if taken else field.name)
                fields.append(there)
            called[field.name] = there.name
        names.append({a.name: called[_field_of(spec, a)] + a.name[len(_field_of(spec, a)) :] for a in spec.asks_for()})
    alone = len({spec.title for spec in specs}) == 1
    title = specs[0].title if alone else text("together.form")
    lead = specs[0].lead if alone else text("together.form_lead")
    return Spec(kind=specs[0].kind, title=title, lead=lead, fields=tuple(fields)), names


def _field_of(spec: Spec, asked: Asked) -> str:
    return spec.fields[int(asked.place[1])].name


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
