"""Review: everything that will be filed on one page, each answer with a way to change it."""

from __future__ import annotations

from kiosk.catalogue.model import StepSpec
from kiosk.journey.applicant import applicant_of
from kiosk.journey.engine import About, Journey, Outcome
from kiosk.journey.steps.slip import fee_words
from kiosk.messages.content import Applicant
from kiosk.messages.masking import mask_name, mask_number
from kiosk.pages import Action, Fact, Facts, Notice
from kiosk.text import same, text

ABOUT = About(mark="confirm")


async def step(journey: Journey, _spec: StepSpec) -> Outcome:
    """Show it; "change" goes to the step that asked."""
    person = [*_person(journey), *_address(await applicant_of(journey.visit))] if journey.visit.card else []
    blocks = [Facts(rows=(*person, *_answers(journey), *_fees(journey)))]
    if journey.offline:
        blocks.insert(0, Notice(level="warn", icon="wifi-slash", text=text("offline.banner")))  # type: ignore[arg-type]
    page = journey.page(
        "review", text("review.title"), *blocks, lead=text("review.lead"), actions=journey.bar(text("review.confirm"))
    )
    answer = await journey.visit.show(page)
    if answer.action.startswith("change:"):
        journey.goto = answer.action.removeprefix("change:")
        return Outcome.SKIP
    return Outcome.BACK if answer.action == "back" else Outcome.NEXT


def _person(journey: Journey) -> list[Fact]:
    card = journey.visit.card
    if card is None:
        return []
    return [
        Fact(label=text("review.service"), value=journey.service.name),
        Fact(label=text("review.name"), value=same(mask_name(card.shown_name))),
        Fact(label=text("review.number"), value=same(mask_number(card.number))),
    ]


def _address(applicant: Applicant) -> list[Fact]:
    """Which address is filed, where that is not plain; never the address itself on a public screen."""
    which = "added" if applicant.added_addresses else "unread" if applicant.added_addresses_unread else ""
    return [Fact(label=text("review.address"), value=text(f"review.address_{which}"))] if which else []


def _answers(journey: Journey) -> list[Fact]:
    rows = []
    for spec in journey.service.steps:
        change = Action(id=f"change:{spec.kind}:{spec.name}", label=text("review.change"))
        if spec.kind == "choose":
            rows.append(Fact(label=spec.label, value=journey.labels[spec.name], action=change))
        for f in spec.fields:
            rows.append(Fact(label=f.label, value=journey.labels[f.name], action=change))
    return rows


def _fees(journey: Journey) -> list[Fact]:
    return [Fact(label=text("review.fee"), value=fee_words(journey.service))]
