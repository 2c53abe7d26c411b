"""Given: an answer that follows from what the person came for. A bundle's ``said`` becomes it; no service writes it."""

from __future__ import annotations

from typing import ClassVar

from kiosk.catalogue.model import About, Asked, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Fact
from kiosk.text import NOTHING, Text


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer ``name`` is ``value``; on the review ``words`` stand beside ``label``, on the slip ``what_next``."""

    about: ClassVar[About] = About(mark="fill", pages=0, taps=0)

    name: str
    value: str
    label: Text
    words: Text
    what_next: Text = NOTHING

    def asks_for(self) -> tuple[Asked, ...]:
        """What it says."""
        return (Asked(self.name, ("name",), (self.value,)),)

    def alike(self) -> bytes:
        """What a person came for is said once for all services that it is said of, in whatever words."""
        return repr((self.kind, self.name, self.value)).encode()


async def review_rows(_journey: Journey, spec: Spec) -> list[Fact]:
    """What was taken for said."""
    return [Fact(label=spec.label, value=spec.words)]


def leads_to(_journey: Journey, spec: Spec) -> Text:
    """What is next, in place of the service's own words."""
    return spec.what_next


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Nothing is asked."""
    journey.keep(spec.name, spec.value, spec.words)
    return Outcome.SKIP
