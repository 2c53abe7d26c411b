"""Review: everything that will be filed on one page, each answer with a way to change it."""

from __future__ import annotations

from typing import ClassVar

from kiosk.catalogue.model import About, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps.slip import fee_words
from kiosk.journey.whole import Whole
from kiosk.pages import Fact, Facts, Notice
from kiosk.text import text


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(mark="confirm", is_once=True, together="once")


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Show it; "change" goes to the step that asked."""
    service = Fact(label=text("review.service"), value=journey.service.name)
    return await _shown(journey, [service])


async def together(whole: Whole, _spec: Spec) -> Outcome:
    """The same for a plan: each part with its own fee, what was said once, and the sum."""
    parts = (Fact(label=part.service.name, value=fee_words(part.service, part.fees_due())) for part in whole.going)
    return await _shown(whole, list(parts))


async def _shown(journey: Journey, what: list[Fact]) -> Outcome:
    fee = Fact(label=text("review.fee"), value=fee_words(journey.service, journey.fees_due()))
    blocks = [Facts(rows=(*what, *await journey.review_rows(), fee))]
    if journey.offline:
        blocks.insert(0, Notice(level="warn", icon="wifi-slash", text=text("offline.banner")))  # type: ignore[arg-type]
    page = journey.page(
        "review", text("review.title"), *blocks, lead=text("review.lead"), actions=journey.bar(text("review.confirm"))
    )
    answer = await journey.visit.show(page)
    if journey.change(answer.action):
        return Outcome.SKIP
    return Outcome.BACK if answer.action == "back" else Outcome.NEXT
