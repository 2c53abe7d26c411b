"""Choose: one decision on one page, from the options of the service's data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kiosk.catalogue.finding import Finding, Path
from kiosk.catalogue.model import About, Asked, Condition, Dated, Service, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.fields.together import nothing_offered
from kiosk.pages import Choice, Choices, Fact
from kiosk.text import NOTHING, Text, text


class Option(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to choose; with ``only_if`` it is offered to whom all of it is known to hold.

    ``what_next``: what its slip says in place of the service's own words.
    """

    id: str
    label: Text
    detail: Text = NOTHING
    what_next: Text = NOTHING
    only_if: tuple[Condition, ...] | Condition = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All that must hold for it to be offered."""
        return (self.only_if,) if isinstance(self.only_if, Condition) else self.only_if


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``name`` is the answer's name, ``label`` what the review calls it."""

    about: ClassVar[About] = About(mark="fill", pages=1, taps=2)

    name: str
    label: Text
    title: Text
    options: tuple[Option, ...]
    lead: Text = NOTHING

    def asks_for(self) -> tuple[Asked, ...]:
        """One of the options."""
        return (Asked(self.name, ("name",), tuple(option.id for option in self.options)),)

    def alike(self) -> bytes:
        """The same name with the same options, in whatever words."""
        return repr((self.kind, self.name, sorted(option.id for option in self.options))).encode()

    def conditions_inside(self) -> Iterator[tuple[Path, Condition]]:
        """Of its options."""
        for number, option in enumerate(self.options):
            for rule in option.conditions:
                yield ("options", number, "only_if"), rule

    def offers(self) -> Iterator[tuple[Path, tuple[tuple[Condition, ...], ...]]]:
        """Its options."""
        yield ("options",), tuple(option.conditions for option in self.options)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """A choice is between two at least, each told from the others."""
        del service, at
        ids = [option.id for option in self.options]
        if len(ids) < 2:
            yield Finding((), "a choice needs two options", "add [[steps.options]]")
        for number, each in enumerate(ids):
            if not each:
                said = "is empty: who has touched nothing would have chosen it"
                yield Finding(("options", number, "id"), said, "give it an id")
            if each in ids[:number]:
                yield Finding(("options", number, "id"), f"{each!r} stands there twice", "give each its own id")
        labels = [option.label for option in self.options]
        for number, label in enumerate(labels):
            if label in labels[:number]:
                yield Finding(("options", number, "label"), "another option has the same words", "say what differs")


async def review_rows(journey: Journey, spec: Spec) -> list[Fact]:
    """What was chosen."""
    return [Fact(label=spec.label, value=journey.labels[spec.name])] if spec.name in journey.labels else []


def leads_to(journey: Journey, spec: Spec) -> Text:
    """What is next for who has chosen this, in place of the service's own words."""
    return next((each.what_next for each in spec.options if each.id == journey.answers.get(spec.name)), NOTHING)


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Ask until an option is chosen or the person goes back; one that is the only one for this person is made."""
    error, options = NOTHING, [o for o in spec.options if all(map(journey.is_known, o.conditions))]
    if len(options) == 1:
        journey.keep(spec.name, options[0].id, options[0].label)
        return Outcome.SKIP
    if not options:
        return await nothing_offered(journey)
    while True:
        block = Choices(
            name=spec.name,
            label=NOTHING,
            options=tuple(Choice(id=o.id, label=o.label, detail=o.detail) for o in options),
            selected=journey.answers.get(spec.name, ""),
            error=error,
        )
        answer = await journey.visit.show(journey.page("choose", spec.title, block, lead=spec.lead))
        if answer.action == "back":
            return Outcome.BACK
        chosen = next((o for o in options if o.id == answer.values.get(spec.name)), None)
        if chosen is not None:
            journey.keep(spec.name, chosen.id, chosen.label)
            return Outcome.NEXT
        error = text("choose.none")
