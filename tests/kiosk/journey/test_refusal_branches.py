"""Every check of every service refuses somebody of the made-up population on its page, with its words and the way out.

What the departments know comes from their own tables on PostgreSQL, the pages are the machine's; between them stands
only the rule that both sides share. Who is too young, or has a card of another kind, is told before the service begins.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
import trio

from devices.id_card_reader.card import IdCard
from hub.department import Facts as Known
from kiosk.catalogue.model import Check, Service
from kiosk.catalogue.rules import failed_checks
from kiosk.journey import engine
from kiosk.lobby.offers import tile
from kiosk.messages.content import Identity
from kiosk.messages.questions import EligibilityAnswer, ProgressAnswer
from kiosk.pages import Facts, Page, Settings
from kiosk.text import Text
from kiosk.visit import Visit
from tests.hub.fixtures import TODAY, cluster, database
from tests.hub.test_population import CATALOGUE, JUDGED, is_about_what_is_said, known, who_may_ask
from tests.kiosk.journey.conftest import Counter

__all__ = ["cluster", "database", "known"]
ASKING = [service for service in JUDGED if service.has_step("eligibility")]
ARRIVING = ("identify", "verify", "eligibility")


def refused_by(service: Service, check: Check, facts: dict[str, Known]) -> tuple[dict[str, Any], list[str]]:
    """Somebody whom this check refuses, with everything that speaks against them; the fewest other reasons first."""
    everybody = [
        (person, failed_checks(service, facts[person["card"]["number"]], TODAY)) for person in who_may_ask(service)
    ]
    return min(((person, failed) for person, failed in everybody if check.id in failed), key=lambda each: len(each[1]))


async def page_for(counter: Counter, service: Service, person: dict[str, Any], answer: EligibilityAnswer) -> Page:
    """The page at which the person stands who has tapped the card and was recognised."""
    card = person["card"]
    counter.visit = Visit(counter.machine, Settings())
    counter.visit.card = IdCard(
        kind=card["kind"], name=card["name"], number=card["number"], birth=date.fromisoformat(_iso(card["birth"]))
    )
    counter.visit.identity = Identity("guide", "confirmed", guide_ref="guide-1")
    counter.answers |= {"eligibility": answer, "progress": ProgressAnswer([])}
    counter.finger.page = None
    counter.finger.history.clear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run, counter.visit, service)
        page = await counter.first("not_yet")
        counter.last("leave")
    return page


def _iso(day: str) -> str:
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"


def told(page: Page) -> list[tuple[Text, Text]]:
    return [(row.label, row.value) for block in page.blocks if isinstance(block, Facts) for row in block.rows]


async def test_every_check_refuses_somebody_on_its_page_in_words_that_lead_on(
    counter: Counter, known: dict[str, dict[str, Known]], record_property: pytest.FixtureRequest
) -> None:
    counter.online()
    wrong, walked = [], 0
    for service in ASKING:
        steps = tuple(step for step in service.steps if step.kind in ARRIVING)
        for check in (each for each in service.checks if not is_about_what_is_said(each)):
            person, failed = refused_by(service, check, known[service.department])
            facts = known[service.department][person["card"]["number"]]
            page = await page_for(
                counter, msgspec.structs.replace(service, steps=steps), person, EligibilityAnswer(dict(facts), failed)
            )
            rows, walked = told(page), walked + 1
            lead = [todo for what, todo in rows if check.public.zh in what.zh and check.public.en in what.en]
            if len(rows) != len(failed) or not any(check.what_to_do.zh in each.zh for each in lead):
                wrong.append(f"{service.key} {check.id}: {rows}")
    assert not wrong
    said = [check for service in ASKING for check in service.checks if is_about_what_is_said(check)]
    assert walked == sum(len(service.checks) for service in ASKING) - len(said) > 150
    record_property("branches", walked)  # type: ignore[operator]


def test_an_answer_that_a_check_would_refuse_is_not_offered() -> None:
    wrong = []
    for service in ASKING:
        options = {
            (f"answers.{step.name}", option.id): option.only_if
            for step in service.steps
            if step.kind == "choose"
            for option in step.options
        }
        for rule in (each.only_if for each in service.checks if is_about_what_is_said(each)):
            values = rule.value if isinstance(rule.value, list) else [rule.value]
            wrong += [(service.key, rule.fact, value) for value in values if not options[rule.fact, value]]
    assert not wrong


def _card(kind: str, years: int, valid_to: date | None = None) -> IdCard:
    birth = TODAY.replace(year=TODAY.year - years)
    return IdCard(kind=kind, name="测试甲", number="990101199003070027", birth=birth, valid_to=valid_to)  # type: ignore[arg-type]


async def test_who_is_too_young_or_has_another_card_is_told_before_the_service_begins(counter: Counter) -> None:
    counter.online()
    counter.machine.peripherals.is_usable = lambda _kind: True  # type: ignore[method-assign]
    offered = []
    for service in (each for each in CATALOGUE.services.values() if each.reads_card):
        who = service.applicant
        strangers = [_card("resident", who.min_age - 1)] if who.min_age else []
        strangers += [_card("resident", who.max_age + 1)] if who.max_age < 150 else []
        if "foreigner_2023" not in who.cards:
            strangers.append(_card("foreigner_2023", 40))
        if not who.expired_card:
            strangers.append(_card("resident", max(who.min_age, 40), TODAY - timedelta(days=1)))
        for card in strangers:
            shown = tile(counter.machine, service, card).action
            if shown.enabled or not (shown.reason.zh and shown.reason.en):
                offered.append((service.key, card.kind, card.birth, card.valid_to))
    assert not offered
