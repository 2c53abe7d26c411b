"""Choose: one decision on one page, from the options of the service's data."""

from __future__ import annotations

from kiosk.catalogue.model import StepSpec
from kiosk.journey.engine import About, Journey, Outcome
from kiosk.pages import Choice, Choices
from kiosk.text import NOTHING, text

ABOUT = About(mark="fill")


async def step(journey: Journey, spec: StepSpec) -> Outcome:
    """Ask until an option is chosen or the person goes back."""
    error = NOTHING
    while True:
        block = Choices(
            name=spec.name,
            label=NOTHING,
            options=tuple(Choice(id=o.id, label=o.label, detail=o.detail) for o in spec.options),
            selected=journey.answers.get(spec.name, ""),
            error=error,
        )
        answer = await journey.visit.show(journey.page("choose", spec.title, block, lead=spec.lead))
        if answer.action == "back":
            return Outcome.BACK
        chosen = next((o for o in spec.options if o.id == answer.values.get(spec.name)), None)
        if chosen is not None:
            journey.answers[spec.name] = chosen.id
            journey.labels[spec.name] = chosen.label
            return Outcome.NEXT
        error = text("choose.none")
