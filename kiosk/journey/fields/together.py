"""Simple fields on one page: what was typed is judged all at once, and what is right stays."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date

from msgspec import structs

from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.fields.kinds import FieldOption, FormField, Wrong
from kiosk.journey.fields.registry import KINDS
from kiosk.journey.fields.vehicles import plates
from kiosk.messages.typed import digits
from kiosk.pages import Choice, Choices, Field
from kiosk.text import NOTHING, Text, plain, same, text
from kiosk.visit import message


async def ask_together(
    journey: Journey, title: Text, lead: Text, fields: list[FormField], some_of: Iterable[Collection[str]] = ()
) -> Outcome:
    """Ask until every field of a page is right; a wrong one says what is wrong and keeps what was typed.

    ``some_of``: groups of names of which one at least is answered.
    """
    fields = [field for field in (_offered(journey, each) for each in fields) if not _is_settled(journey, field)]
    values = {field.name: "" if field.closed else _as_typed(journey, field) for field in fields}
    wrong: dict[str, Wrong] = {}
    if not fields:
        return Outcome.SKIP
    if any(field.kind == "choice" and not field.optional and not field.options for field in fields):
        return await nothing_offered(journey)
    while True:
        blocks = tuple(_block(field, values[field.name], wrong) for field in fields)
        answer = await journey.visit.show(journey.page("form", title, *blocks, lead=lead))
        values |= {f.name: _normal(f, str(answer.values.get(f.name, values[f.name]))) for f in fields}
        if answer.action == "back":
            return Outcome.BACK
        found, wrong = _judged_answers(journey, fields, values, wrong)
        for names in some_of:
            asked = [field.name for field in fields if field.name in names]
            if asked and not any(found.get(name) for name in asked):
                wrong.setdefault(asked[0], Wrong(text("form.some_of")))
        if not wrong:
            for field in fields:
                _keep_answer(journey, field, found[field.name])
            return Outcome.NEXT


async def nothing_offered(journey: Journey) -> Outcome:
    """Of a choice that has to be made nothing is there for this person: a page with nothing to touch leads nowhere."""
    words = text("choose.nothing"), text("choose.nothing_lead")
    await journey.visit.tell(message("nothing_offered", "warning-circle", "warn", *words))
    return Outcome.LEAVE


def _offered(journey: Journey, field: FormField) -> FormField:
    """With the options that are there for this person; ``closed`` stays only where it is the reason for none."""
    if field.fact:
        known = (FieldOption(id=each, label=same(plain(each))) for each in journey.values_of(field.fact))
        return structs.replace(field, options=tuple(known))
    if field.closed_if is not None and journey.is_known(field.closed_if):
        return structs.replace(field, options=())
    options = tuple(o for o in field.options if all(map(journey.is_known, o.conditions)))
    return structs.replace(field, options=options, closed=NOTHING)


def _is_settled(journey: Journey, field: FormField) -> bool:
    """A choice with one option for this person is made, and nobody is asked; of what is not known nothing is asked."""
    if field.kind != "choice" or field.optional or len(field.options) > 1:
        return False
    for only in field.options:
        _keep_answer(journey, field, only.id)
    return bool(field.options or field.fact)


def _judged_answers(
    journey: Journey, fields: list[FormField], values: Mapping[str, str], before: Mapping[str, Wrong]
) -> tuple[dict[str, str], dict[str, Wrong]]:
    """The answers, and what is wrong. What only may be wrong and was pointed out is taken the second time."""
    clock = journey.machine.clock
    found: dict[str, str] = {}
    wrong: dict[str, Wrong] = {}
    for field in fields:
        value = values[field.name]
        try:
            found[field.name] = _judged_answer(field, value, clock.today() if clock.knows_date else None)
        except Wrong as error:
            told = before.get(field.name)
            if error.may_be and told is not None and told.value == value:
                found[field.name] = value
            else:
                error.value = value
                wrong[field.name] = error
    return found, wrong


def _judged_answer(field: FormField, value: str, today: date | None) -> str:
    if field.optional and not value:
        return ""
    if field.kind == "choice":
        if value not in [option.id for option in field.options]:
            raise Wrong(text("choose.none"))
        return value
    answer = KINDS[field.kind].judge(field, value, today)
    if field.kind != "text" and field.pattern and not re.fullmatch(field.pattern, answer, re.ASCII):
        raise Wrong(field.error)
    return answer


def _keep_answer(journey: Journey, field: FormField, answer: str) -> None:
    if not answer and field.optional:
        journey.drop(field.name)
        return
    if field.kind == "choice":
        journey.keep(field.name, answer, next(o.label for o in field.options if o.id == answer))
    else:
        journey.keep(field.name, answer, KINDS[field.kind].shown(answer))


def _as_typed(journey: Journey, field: FormField) -> str:
    answer = journey.answers.get(field.name, "")
    return KINDS[field.kind].typed(answer) if field.kind in KINDS else answer


def _normal(field: FormField, value: str) -> str:
    """A text as it was typed, anything else in the one form that its kind knows."""
    if field.kind == "choice":
        return value
    if field.kind == "text" and field.keys != "text":
        return digits(value).upper()
    return KINDS[field.kind].normal(value)


def longest_of(field: FormField) -> int:
    """How many characters can be typed."""
    if field.max_length is not None:
        return field.max_length
    return KINDS[field.kind].longest if field.kind in KINDS else 40


def _block(field: FormField, value: str, wrong: Mapping[str, Wrong]) -> Field | Choices:
    error = wrong[field.name].words if field.name in wrong else NOTHING
    if field.kind == "choice":
        options = tuple(Choice(id=o.id, label=o.label, detail=o.detail) for o in field.options)
        if field.optional:
            options = (Choice(id="", label=field.neither or text("form.neither"), detail=field.closed), *options)
        return Choices(name=field.name, label=field.label, options=options, selected=value, error=error, columns=2)
    kind = KINDS[field.kind]
    known = plates()
    is_plate = field.kind == "plate"
    return Field(
        name=field.name,
        label=field.label,
        keys=field.keys if field.kind == "text" else kind.keys,
        value=value,
        hint=field.hint or (text(kind.hint) if kind.hint else NOTHING),
        error=error,
        max_length=longest_of(field),
        heads=known.provinces + known.heads if is_plate else "",
        tails=known.tails if is_plate else "",
    )
