"""Card validity: tells before the person confirms how long the new ID card will be valid (居民身份证法 art. 5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.id_card_years import card_years
from kiosk.catalogue.model import About, Service, StepSpec
from kiosk.journey.engine import Journey, Outcome
from kiosk.pages import Fact
from kiosk.text import Text, text


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No data of its own: it shows nothing but a row of the review."""

    about: ClassVar[About] = About(is_once=True, pages=0, taps=0)

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """It hangs on the age, and is told where everything is checked."""
        if "identify" not in service.kinds_before(at):
            yield Finding((), "nobody's age is known", "put a step identify before it")
        if "review" in service.kinds_before(at):
            yield Finding((), "comes after review, which tells it", "put it before review")


async def review_rows(journey: Journey, _spec: Spec) -> list[Fact]:
    """As if the card were issued today: the age of the day of issue counts."""
    card, clock = journey.visit.card, journey.machine.clock
    if card is None or not clock.knows_date:
        return []
    return [Fact(label=text("card_validity.label"), value=_words(card_years(card.birth, clock.today())))]


def _words(years: int) -> Text:
    return text("card_validity.years", years=years) if years else text("card_validity.for_life")


async def step(_journey: Journey, _spec: Spec) -> Outcome:
    """Nothing is asked."""
    return Outcome.SKIP
