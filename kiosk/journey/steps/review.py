"""Review: everything that will be filed on one page, each answer with a way to change it."""

from __future__ import annotations

from typing import ClassVar

from kiosk.catalogue.model import About, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.steps.slip import fee_words
from kiosk.journey.whole import Whole
from kiosk.pages import Block, Fact, Facts, Notice
from kiosk.text import text


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own."""

    about: ClassVar[About] = About(mark="confirm", is_once=True, together="once")


async def step(journey: Journey, _spec: Spec) -> Outcome:
    """Show it; "change" goes to the step that asked."""
    return await _shown(journey, await everything(journey))


async def together(whole: Whole, _spec: Spec) -> Outcome:
    """The same for a plan."""
    return await _shown(whole, await everything_of_parts(whole))


async def everything(journey: Journey) -> tuple[Block, ...]:
    """What will be filed, with its fee."""
    return await _blocks(journey, [Fact(label=text("review.service"), value=journey.service.name)])


async def everything_of_parts(whole: Whole) -> tuple[Block, ...]:
    """The same of a plan: each part with its own fee, what was said once, and the sum."""
    parts = (Fact(label=part.service.name, value=fee_words(part.service, part.fees_due())) for part in whole.going)
    return await _blocks(whole, list(parts))


async def _blocks(journey: Journey, what: list[Fact]) -> tuple[Block, ...]:
    fee = Fact(label=text("review.fee"), value=fee_words(journey.service, journey.fees_due()))
    facts = Facts(rows=(*what, *await journey.review_rows(), fee))
    if not journey.offline:
        return (facts,)
    return Notice(level="warn", icon="wifi-slash", text=text("offline.banner")), facts


async def _shown(journey: Journey, blocks: tuple[Block, ...]) -> Outcome:
    page = journey.page(
        "review", text("review.title"), *blocks, lead=text("review.lead"), actions=journey.bar(text("review.confirm"))
    )
    answer = await journey.visit.show(page)
    if journey.change(answer.action):
        return Outcome.SKIP
    return Outcome.BACK if answer.action == "back" else Outcome.NEXT
