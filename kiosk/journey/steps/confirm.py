"""Confirm: the loud last question before what cannot be undone.

Two touches at two places: the row in the page, then the button. A finger that is still where the page before had its
button does nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Asked, Service, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Choice, Choices, Hero, Notice, Page
from kiosk.text import NOTHING, Text, text

YES = "yes"


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``warn`` says what is lost and cannot be got back, ``agree`` stands on the button."""

    about: ClassVar[About] = About(mark="confirm", pages=1, taps=2)

    name: str
    title: Text
    warn: tuple[Text, ...]
    agree: Text

    def asks_for(self) -> tuple[Asked, ...]:
        """One answer; without it the journey does not go on."""
        return (Asked(self.name, ("name",), (YES,), is_reviewed=False),)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """What cannot be undone is named."""
        del service, at
        if not self.warn:
            yield Finding(("warn",), "nobody is warned of anything", "write what cannot be undone")


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Ask until the row is marked and the button touched, or the person goes back. It is asked anew each time."""
    error = NOTHING
    while True:
        answer = await journey.visit.show(_page(journey, spec, error))
        # A mark of before is no confirmation of now.
        journey.visit.typed.get(journey.service.key, {}).pop(spec.name, None)
        if answer.action == "back":
            return Outcome.BACK
        if answer.values.get(spec.name) == YES:
            journey.keep(spec.name, YES, spec.agree)
            return Outcome.NEXT
        error = text("confirm.not_marked")


def _page(journey: Journey, spec: Spec, error: Text) -> Page:
    hero = Hero(icon="warning-octagon", level="error", title=text("confirm.last"), lead=text("confirm.lead"))
    warn = tuple(Notice(level="warn", icon="warning", text=each) for each in spec.warn)
    mark = Choice(id=YES, label=text("confirm.mark"), detail=text("confirm.mark_detail"))
    row = Choices(name=spec.name, label=NOTHING, options=(mark,), error=error)
    return journey.page("confirm", spec.title, hero, *warn, row, actions=journey.bar(spec.agree))
