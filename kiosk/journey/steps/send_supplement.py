"""Send what was asked for: a message of its own, bound to the case by its number and to the person by the card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kiosk.cases import unbroken
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Service, StepSpec
from kiosk.journey import second
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps.supplement import CASE
from kiosk.messages.content import FORM_PART, Supplement, encode_content
from kiosk.pages import Action, Fact, Facts, Hero, Page
from kiosk.text import same, text


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(mark="slip", files=True, is_once=True, together="each")

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """There is a case, and a person who was verified."""
        for kind in ("supplement", "verify"):
            if kind not in service.kinds_before(at):
                yield Finding((), "nobody knows whose case it is for", f"put a step {kind} before it")


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Seal and store; the page says no more than that."""
    visit, card = journey.visit, journey.visit.card
    if visit.identity is None or card is None:
        raise RuntimeError("a supplement needs a verified person")
    number = journey.answers[CASE]
    supplement = Supplement(
        receipt_number=number,
        id_number=card.number,
        identity=visit.identity,
        answers={name: said for name, said in journey.answers.items() if name != CASE},
        filed_at=journey.machine.clock.now(),
        catalogue_version=journey.machine.catalogue.version,
    )
    await journey.machine.filing.file(
        kind="supplement",
        key=journey.case_id,
        case_id=journey.case_id,
        receipt_number=None,
        parts={FORM_PART: encode_content(supplement)} | journey.parts | second.part_of(visit),
    )
    journey.filed = True
    await journey.visit.show(_sent_page(journey, number))
    return Outcome.NEXT


def _sent_page(journey: Journey, number: str) -> Page:
    lead = text("supplement.sent_lead" if journey.machine.link.online else "supplement.kept_lead")
    hero = Hero(icon="check-circle", level="ok", title=text("supplement.sent"), lead=lead)
    rows = Facts(rows=(Fact(label=text("supplement.number"), value=same(unbroken(number))),))
    done = Action(id="next", label=text("action.done"), style="primary")
    return journey.page("supplement_sent", journey.service.name, hero, rows, actions=(done,))
