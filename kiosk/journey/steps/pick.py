"""Pick: one of what the department knows of this person, such as a car; with one only nothing is asked.

The options are the values of a list fact, told with the eligibility. Without the city none is known, nothing is asked,
and the department takes the one that can be served.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Service, StepSpec
from kiosk.catalogue.rules import elements
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Choice, Choices, Fact
from kiosk.text import NOTHING, Text, plain, same, text

_MOST = 20


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``fact``: whose values are the options; ``name`` is the answer's name, ``label`` what the review calls it."""

    about: ClassVar[About] = About(mark="fill")

    name: str
    fact: str
    label: Text
    title: Text
    lead: Text = NOTHING

    def asks_for(self) -> tuple[Asked, ...]:
        """One of the values."""
        return (Asked(self.name, ("name",)),)

    def alike(self) -> bytes:
        """One car of several is named once in a visit; a department that cannot take it for a service says why."""
        return repr((self.kind, self.name)).encode()

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """The department has been asked."""
        if "eligibility" not in service.kinds_before(at):
            yield Finding(("fact",), "nobody has asked the department yet", "put a step eligibility before it")


async def review_rows(journey: Journey, spec: Spec) -> list[Fact]:
    """Which one."""
    return [Fact(label=spec.label, value=journey.labels[spec.name])] if spec.name in journey.labels else []


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Ask where there are several."""
    known = elements(journey.facts.get(spec.fact, ""))[:_MOST]
    if len(known) < 2:
        for only in known:
            journey.keep(spec.name, only, same(plain(only)))
        return Outcome.SKIP
    error = NOTHING
    while True:
        options = tuple(Choice(id=each, label=same(plain(each))) for each in known)
        selected = journey.answers.get(spec.name, "")
        block = Choices(name=spec.name, label=NOTHING, options=options, selected=selected, error=error)
        answer = await journey.visit.show(journey.page("pick", spec.title, block, lead=spec.lead))
        if answer.action == "back":
            return Outcome.BACK
        chosen = str(answer.values.get(spec.name) or "")
        if chosen in known:
            journey.keep(spec.name, chosen, same(plain(chosen)))
            return Outcome.NEXT
        error = text("choose.none")
