"""A complaint: with a contact it names the case it is about, anonymous it names nobody."""

from __future__ import annotations

from typing import Any

from kiosk.catalogue.loader import load
from kiosk.journey.complaint import said
from kiosk.journey.engine import Journey
from kiosk.pages import Settings
from kiosk.visit import FiledCase, Visit


def journey(machine: Any) -> Journey:
    visit = Visit(machine, Settings())
    visit.filed.append(FiledCase("a-case", "9" * 24, "T01"))
    return Journey(visit, load().services["C03"], "complaint-id", "8" * 24)


def test_an_anonymous_complaint_names_no_case_of_the_person(machine: Any) -> None:
    content = said(journey(machine), "complaint", "delay", "")
    assert (content.anonymous, content.contact, content.receipt_number) == (True, None, "")


def test_a_complaint_with_a_contact_names_the_case_it_is_about(machine: Any) -> None:
    content = said(journey(machine), "complaint", "delay", "13900000001")
    assert (content.anonymous, content.receipt_number) == (False, "9" * 24)
