"""A reason is offered to whom it fits by the record: nobody renews as expiring what is good for years."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec import structs

from kiosk.catalogue.kinds import spec_type
from kiosk.catalogue.loader import load
from kiosk.catalogue.rules import failed_checks, said_as_facts
from kiosk.journey.whole import whole_of_bundle
from kiosk.messages.questions import EligibilityAnswer
from kiosk.pages import Choices
from tests.kiosk.journey.conftest import ZHAO, Counter

CATALOGUE = load()
TODAY = date(2027, 1, 12)
SOON, LATER = "2027-07-12", "2027-07-13"
NOBODY_BARS = {"consent_needed": False, "exit_barred": False, "identity_changed": False, "fingerprints_needed": False}


def record(kind: str, state: str = "", to: str = "") -> dict[str, Any]:
    """What the department says of whom nothing bars, with one document or none."""
    own = {f"{kind}_state": state, f"{kind}_expires_on": to} if state else {}
    return {**NOBODY_BARS, f"{kind}s_issued": len(own) // 2, f"{kind}s_ordered": 0, **own}


def asks_the_reason(counter: Counter, key: str) -> None:
    """Of its steps the service has those that are looked at here."""
    counter.visit.card = ZHAO
    counter.online()
    services = counter.machine.catalogue.services
    own = tuple(spec for spec in services[key].steps if spec.kind in ("eligibility", "choose"))
    services[key] = structs.replace(services[key], steps=(*own, spec_type("review")(kind="review")))


@pytest.mark.parametrize(
    ("key", "kind", "state", "to", "offered"),
    [
        ("E02", "passport", "valid", SOON, ["expiry", "pages", "damaged"]),
        ("E02", "passport", "valid", LATER, ["pages", "damaged"]),
        ("E05", "hk_macao_permit", "valid", LATER, ["damaged", "lost"]),
        ("E05", "hk_macao_permit", "expired", "2026-12-01", ["expiry", "damaged", "lost"]),
        ("E10", "taiwan_permit", "valid", SOON, ["expiry", "damaged", "lost"]),
    ],
)
async def test_only_reasons_that_fit_the_record_are_offered(
    counter: Counter, key: str, kind: str, state: str, to: str, offered: list[str]
) -> None:
    asks_the_reason(counter, key)
    counter.answers["eligibility"] = EligibilityAnswer(record(kind, state, to), [])
    async with counter.doing(key):
        page = await counter.first("choose")
        assert [each.id for block in page.blocks if isinstance(block, Choices) for each in block.options] == offered
        counter.last("back")


@pytest.mark.parametrize(("state", "said"), [("", "首次申领"), ("lost", "遗失或被盗")])
async def test_where_one_reason_is_left_nobody_is_asked(counter: Counter, state: str, said: str) -> None:
    asks_the_reason(counter, "E10")
    counter.answers["eligibility"] = EligibilityAnswer(record("taiwan_permit", state, LATER), [])
    async with counter.doing("E10"):
        page = await counter.first("review")
        assert said in str(page.blocks)
        counter.last("next")


def test_before_anything_was_said_no_reason_is_refused_and_later_it_is() -> None:
    service, facts = CATALOGUE.services["E02"], record("passport", "valid", LATER)
    assert failed_checks(service, facts, TODAY) == []
    assert failed_checks(service, facts | said_as_facts({"reason": "pages"}), TODAY) == []
    assert failed_checks(service, facts | said_as_facts({"reason": "expiry"}), TODAY) == ["ends_soon"]


@pytest.mark.parametrize(("to", "refused"), [(SOON, []), (LATER, ["E02"])])
async def test_what_a_bundle_says_for_the_person_is_judged_with_the_rest(
    counter: Counter, to: str, refused: list[str]
) -> None:
    whole = whole_of_bundle(counter.visit, CATALOGUE.bundles["B04"], ("H01", "E02"))
    at = next(at for at, part in enumerate(whole.parts_of) if part.service.key == "E02")
    whole.judge(at, record("passport", "valid", to), [])
    assert [service.key for service in whole.refused] == refused
