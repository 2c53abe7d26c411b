"""Form: what only the person can say. Simple fields stand together on a page, the others ask on pages of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar

from msgspec import structs

from kiosk.catalogue.finding import AGAIN, Finding, Path, one_of
from kiosk.catalogue.model import About, Asked, Condition, Offline, Service, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.fields.faults import field_faults
from kiosk.journey.fields.kinds import FormField
from kiosk.journey.fields.registry import PAGES
from kiosk.journey.fields.together import ask_together
from kiosk.pages import Fact
from kiosk.text import NOTHING, Text, text

_PROVED = "code"


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of one page, or of a few that follow each other; of each of ``some_of`` one at least is answered."""

    about: ClassVar[About] = About(mark="fill", together="once")

    title: Text
    fields: tuple[FormField, ...]
    lead: Text = NOTHING
    some_of: tuple[tuple[str, ...], ...] = ()

    def offline_in(self, service: Service) -> Offline:
        """It asks the city where a field does: an address of its register, a code by message."""
        if not any(field.kind in PAGES and PAGES[field.kind].asks_city for field in self.fields):
            return "local"
        return "ends" if service.offline == "live" else "goes_on"

    def asks_for(self) -> tuple[Asked, ...]:
        """One answer for each field, and what its kind has to say besides."""
        return tuple(asked for at, field in enumerate(self.fields) for asked in _data_of_field(field, at))

    def named(self) -> Iterator[tuple[Path, str]]:
        """What the department knows of this person, to choose from."""
        yield from ((("fields", at, "fact"), field.fact) for at, field in enumerate(self.fields) if field.fact)

    def divisions_within(self) -> Iterator[tuple[Path, str]]:
        """Of its regions."""
        for at, field in enumerate(self.fields):
            if field.kind == "region":
                yield ("fields", at, "within" if field.within else "kind"), field.within

    def toil(self) -> tuple[int, int]:
        """A page for simple fields that stand together, one for each of the others; a choice is a touch more."""
        pages = len(pages_of(self))
        return pages, pages + sum(field.kind == "choice" for field in self.fields)

    def conditions_inside(self) -> Iterator[tuple[Path, Condition]]:
        """Of its choices and their options."""
        for at, field in enumerate(self.fields):
            if field.closed_if is not None:
                yield ("fields", at, "closed_if"), field.closed_if
            for number, option in enumerate(field.options):
                for rule in option.conditions:
                    yield ("fields", at, "options", number, "only_if"), rule

    def offers(self) -> Iterator[tuple[Path, tuple[tuple[Condition, ...], ...]]]:
        """Of its choices that are not left empty; what the department knows of is asked only where there is some."""
        for at, field in enumerate(self.fields):
            if field.kind == "choice" and not field.optional and not field.fact:
                yield ("fields", at, "options"), tuple(option.conditions for option in field.options)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """Something is asked, and what is typed can match."""
        if any(field.fact for field in self.fields) and "eligibility" not in service.kinds_before(at):
            yield Finding(("fields",), "nobody has asked the department yet", "put a step eligibility before it")
        if not self.fields:
            yield Finding((), "a form asks something", "add [[steps.fields]]")
        for number, field in enumerate(self.fields):
            for path, what, fix in field_faults(field):
                yield Finding(("fields", number, *path), what, fix)
        optional = [field.name for field in self.fields if field.optional]
        for number, names in enumerate(self.some_of):
            for name in [name for name in names if name not in optional]:
                yield Finding(("some_of", number), f"no field {name!r} that may be left out", one_of(optional, name))


def _data_of_field(field: FormField, at: int) -> Iterator[Asked]:
    none = ("",) if field.optional and field.options else ()
    yield Asked(field.name, ("fields", at, "name"), (*none, *(option.id for option in field.options)))
    for more in PAGES[field.kind].adds if field.kind in PAGES else ():
        yield Asked(f"{field.name}_{more}", ("fields", at, "name"))


def joined_spec(specs: Sequence[Spec], before: Sequence[Spec]) -> tuple[Spec, list[dict[str, str]]]:
    """One form with every field of several, those that ask the same once; what each calls its answers in it.

    What the forms ``before`` ask is not asked again.
    """
    known = [field for spec in before for field in spec.fields]
    fields: list[FormField] = []
    names: list[dict[str, str]] = []
    for spec in specs:
        called: dict[str, str] = {}
        for field in spec.fields:
            alike = [f for f in (*known, *fields) if f.name.partition(AGAIN)[0] == field.name]
            there = next((f for f in alike if _is_same(f, field)), None)
            if there in fields and field.kind == _PROVED:
                fields[fields.index(there)] = there = structs.replace(field, name=there.name)
            if there is None:
                there = structs.replace(field, name=f"{field.name}{AGAIN}{len(alike)}" if alike else field.name)
                fields.append(there)
            called[field.name] = there.name
        names.append({a.name: called[_field_of(spec, a)] + a.name[len(_field_of(spec, a)) :] for a in spec.asks_for()})
    fields.sort(key=lambda field: field.kind != "choice")  # first what is touched, then what is typed
    alone = len({spec.title for spec in specs}) == 1
    title = specs[0].title if alone else text("together.form")
    lead = specs[0].lead if alone else text("together.form_lead")
    some_of = tuple(tuple(names[at][n] for n in group) for at, spec in enumerate(specs) for group in spec.some_of)
    return Spec(kind=specs[0].kind, title=title, lead=lead, fields=tuple(fields), some_of=some_of), names


def _is_same(one: FormField, other: FormField) -> bool:
    """Whether an answer to the one is one to the other; a number that is proved is one that others want to know."""
    if _PROVED in (one.kind, other.kind):
        return _is_phone(one) and _is_phone(other)
    asked = [
        (each.kind, each.keys, each.closed_if, each.younger_than, {option.id for option in each.options})
        for each in (one, other)
    ]
    return asked[0] == asked[1]


def _is_phone(field: FormField) -> bool:
    return field.kind in (_PROVED, "phone") or (field.kind, field.keys) == ("text", "phone")


def _field_of(spec: Spec, asked: Asked) -> str:
    return spec.fields[int(asked.place[1])].name


def pages_of(spec: Spec) -> list[list[FormField]]:
    """The fields of each page."""
    return [list(group) for _, group in groupby(spec.fields, lambda f: f.name if f.kind in PAGES else "")]


async def review_rows(journey: Journey, spec: Spec) -> list[Fact]:
    """What was typed and chosen."""
    return [Fact(label=f.label, value=journey.labels[f.name]) for f in spec.fields if f.name in journey.labels]


async def step(journey: Journey, spec: Spec) -> Outcome:
    """One page after the other; "back" goes back to the one that was shown before."""
    pages, at, shown = pages_of(spec), 0, list[int]()
    while at < len(pages):
        first = pages[at][0]
        own = PAGES.get(first.kind)
        outcome = await (
            own.ask(journey, spec.title, first)
            if own
            else ask_together(journey, spec.title, spec.lead, pages[at], spec.some_of)
        )
        if outcome is Outcome.BACK and shown:
            at = shown.pop()
            continue
        if outcome not in (Outcome.NEXT, Outcome.SKIP):
            return outcome
        if outcome is Outcome.NEXT:
            shown.append(at)
        at += 1
    return Outcome.NEXT if shown else Outcome.SKIP
