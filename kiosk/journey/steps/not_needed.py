"""Not needed 无需开具: the machine says honestly that no certificate is needed, what does instead, and ends there.

公通字〔2016〕21号 lists what the police no longer certify; each such notice is counted, so that a city sees who still
sends people for papers that nobody needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Service, StepSpec, Use
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Action, Hero, Paragraph
from kiosk.printing import print_sheet
from kiosk.slips.model import Section
from kiosk.text import Text, text


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``words``: what serves instead, and by which rule."""

    about: ClassVar[About] = About(
        mark="result", devices=(Use(device="receipt_printer", lost="goes_on"),), is_free=True, together="each"
    )

    title: Text
    words: tuple[Text, ...]

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """Somebody is told something, and others go on."""
        del service, at
        if not self.words:
            yield Finding(("words",), "nothing is told", "write what serves instead, and by which rule")
        if not self.conditions:
            yield Finding(("only_if",), "the service ends here for everybody", "add only_if")


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Tell it, print it on request, and leave: nothing was filed."""
    journey.machine.publish("not_needed", service=journey.service.key)
    hero = Hero(icon="check-circle", level="ok", title=spec.title, lead=text("not_needed.lead"))
    print_it = Action(id="print", label=text("not_needed.print"), style="secondary", icon="printer")
    leave = Action(id="leave", label=text("action.understood"), style="primary")
    while True:
        page = journey.page(
            "not_needed",
            spec.title,
            hero,
            *(Paragraph(text=each, size="large") for each in spec.words),
            actions=(*journey.bar()[:2], print_it, leave),
        )
        answer = await journey.visit.show(page)
        if answer.action == "back":
            return Outcome.BACK
        if answer.action != "print":
            return Outcome.LEAVE
        told = Section(sentences=(spec.title, *spec.words))
        await print_sheet(journey.visit, text("not_needed.sheet"), journey.service, [told])
