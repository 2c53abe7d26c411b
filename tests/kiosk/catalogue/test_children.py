"""A child is served with a guardian where the catalogue says so, gives no fingerprint, and adults notice nothing."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kiosk.catalogue import loader
from kiosk.catalogue.check import faults
from kiosk.catalogue.model import Service
from kiosk.catalogue.overlay import overlaid
from kiosk.catalogue.rules import is_asked, unfit
from kiosk.journey.whole import service_of
from kiosk.planning.plan import data_asked, plan_of
from kiosk.planning.toil import toil_of, toil_of_bundle

CATALOGUE = loader.load()
TODAY = date(2027, 1, 12)
CHILDREN = ["E01", "E02", "E03", "E04", "E05", "E06", "E07", "E09", "E10", "E11", "E14"]
CHILD, ADULT = date(2011, 1, 13), date(2011, 1, 12)
"""Sixteen tomorrow, and today."""


def age_of(service: Service, birth: date) -> list[str]:
    return unfit(service, card_kind="resident", birth=birth, valid_to=None, today=TODAY)


def kinds(service: Service, **known: Any) -> list[str]:
    facts = {name.replace("__", "."): value for name, value in known.items()}
    return [spec.kind for spec in service.steps if is_asked(spec, facts, TODAY)]


@pytest.mark.parametrize("key", CHILDREN)
def test_a_guardians_card_comes_before_the_look_at_a_face_and_their_statement_after_it(key: str) -> None:
    service = CATALOGUE.services[key]
    assert (service.guardian_below, age_of(service, date(2026, 1, 1)), age_of(service, CHILD)) == (16, [], [])
    alone, led = kinds(service), kinds(service, fingerprints_needed=False, answers__second_card="guardian")
    assert led[:5] == ["identify", "second_card", "verify", "eligibility", "notice"]
    assert led.count("notice") == alone.count("notice") + 1
    assert "fingerprint" not in led
    assert ("fingerprint" in alone) == ("fingerprint" in {spec.kind for spec in service.steps})
    assert any("监护人" in each.zh for each in service.conditions)
    assert [each.source for each in service.materials if "监护" in each.name.zh] == ["card", "commitment"]


def test_no_other_service_lets_a_child_come_alone_by_mistake() -> None:
    led = [s.key for s in CATALOGUE.services.values() if s.guardian_below > s.applicant.min_age]
    assert led == [s.key for s in CATALOGUE.services.values() if s.has_step("second_card")]
    assert sorted(led) == ["C07", *CHILDREN], "and what is missing in a case of theirs"


def test_who_comes_for_themselves_has_no_page_more() -> None:
    assert {key: toil_of(CATALOGUE.services[key]).effort[5:] for key in ("E01", "E04", "E11", "E14")} == {
        "E01": (9, 9), "E04": (9, 9), "E11": (9, 9), "E14": (7, 8),
    }  # fmt: skip
    assert toil_of_bundle(CATALOGUE.bundles["B07"], CATALOGUE).effort[5:] == (6, 10)


def test_for_several_documents_the_guardian_is_asked_once() -> None:
    parts = [CATALOGUE.services[key] for key in ("E01", "E04", "E10")]
    plan = plan_of(parts)
    assert {each.name: n for each, n in Counter(data_asked(plan)).items() if n > 1} == {}
    assert [step.kind for step in plan.steps].count("second_card") == 1
    assert service_of(plan, parts[0], parts).guardian_below == 16


def test_a_city_closes_its_machines_to_children_with_one_number() -> None:
    own = {
        "overlay.toml": b'version = "1"\nfor = "2027.01"',
        "parts/exit_entry.toml": b"[applicant.exit_entry_document]\nmin_age = 16",
    }
    base = loader.read_folder(loader.shipped())
    both = overlaid(Path("base"), base, Path("city"), own)
    assert [*both.faults, *faults(both.files, day=TODAY, origins=both.origins)] == []
    found = loader.parse(Path("base"), dict(both.files), day=TODAY)
    for key in CHILDREN:
        assert (age_of(found.services[key], CHILD), age_of(found.services[key], ADULT)) == (["age"], []), key
