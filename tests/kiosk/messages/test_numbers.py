"""A number or a key of something goes into tables, addresses and pages: it has letters, digits and three signs."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from kiosk.messages import bills, content, envelope, hall, handover, parked, plates, questions
from kiosk.messages.encoding import InvalidMessage, decode
from kiosk.messages.envelope import new_key
from tests.hub.fixtures import case_form
from tests.hub.test_bounds import BAD_TEXTS, NO_NUMBERS

_CASE = json.loads(case_form("zhao", "E13", "1"))
_RATING = {"receipt_number": "1", "service": "E13", "grade": 5}
_COMPLAINT = {"text": "x", "kind": "complaint"}
_SUPPLEMENT = {key: _CASE[key] for key in ("receipt_number", "identity", "answers", "filed_at")} | {"id_number": "1"}
_HEADER = {"version": 1, "suite": "std", "kiosk_id": "K-1", "seq": 1, "key": new_key(), "kind": "case", "case_id": "1"}
_HEADER |= {"created_at": "2027-01-12T00:00:00Z", "parts": [], "prev_sha256": "0" * 64}
_OF = {"id_number": "1", "service": "E13"}
FIELDS: dict[str, tuple[type[msgspec.Struct], dict[str, Any], tuple[str, ...]]] = {
    "case": (content.CaseForm, _CASE, ("service", "receipt_number", "code", "bundle", "bundle_key")),
    "rating": (content.Rating, _RATING, ("receipt_number", "service", "slip_code")),
    "complaint": (content.Complaint, _COMPLAINT, ("complaint_number", "receipt_number", "slip_code")),
    "supplement": (content.Supplement, _SUPPLEMENT, ("receipt_number",)),
    "progress": (questions.ProgressQuestion, {}, ("receipt_number",)),
    "eligibility": (questions.EligibilityQuestion, _OF, ("service",)),
    "certificate": (questions.CertificateQuestion, {**_OF, "key": new_key()}, ("service",)),
    "bills": (bills.BillsQuestion, _OF, ("service", "receipt_number")),
    "slots": (hall.SlotsQuestion, {**_OF, "action": "offer", "counter": "traffic"}, ("service",)),
    "plates": (plates.PlatesQuestion, {"service": "E13", "action": "offer", "key": new_key()}, ("service",)),
    "leave": (handover.HandoverQuestion, {**_OF, "action": "keep"}, ("service",)),
    "park": (parked.ParkQuestion, {**_OF, "checks": ["late"]}, ("service",)),
    "envelope": (envelope.Header, _HEADER, ("case_id",)),
}
NAMED = [(kind, field) for kind, (_, _, fields) in FIELDS.items() for field in fields]


@pytest.mark.parametrize(("kind", "field"), NAMED, ids=[f"{kind} {field}" for kind, field in NAMED])
def test_a_number_of_a_message_is_one_at_every_door(kind: str, field: str) -> None:
    """A rightly signed machine could send any line of text as the number of a case."""
    message, good, _ = FIELDS[kind]
    for number in ("990100000120270112000019", "T01", "licence_photo", "X-1.2"):
        decode(msgspec.json.encode({**good, field: number}), message)
    for text in (*BAD_TEXTS.values(), *NO_NUMBERS.values()):
        with pytest.raises(InvalidMessage):
            decode(msgspec.json.encode({**good, field: text}), message)
