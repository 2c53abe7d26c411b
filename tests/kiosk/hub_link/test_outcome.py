"""CONTRACTS §6, what an answer means, row by row."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kiosk.hub_link.http import Answer
from kiosk.hub_link.outcome import outcome_of
from kiosk.messages.encoding import canonical_json
from kiosk.messages.envelope import new_key

NOW = datetime(2027, 1, 12, 1, 0, 0, tzinfo=UTC)
FORM = {"key": new_key(), "sha256": "a" * 64, "hub_seq": 1, "received_at": "2027-01-12T00:00:00Z", "signature": "x"}
RECEIPT = canonical_json(FORM)
REFUSAL = {"key": new_key(), "sha256": "a" * 64, "status": 422, "reason": "told to", "signature": "x"}
REFUSED = canonical_json({"title": "Unprocessable", "refusal": REFUSAL})
HTML = b"<!doctype html><title>Sign in to the network</title>"


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        *[(status, RECEIPT, "receipt") for status in (200, 201)],
        *[(status, b"", "no_answer") for status in (200, 201, 202, 204)],
        *[(200, body, "no_answer") for body in (HTML, b"{}", b"null", b'"ok"', RECEIPT[:-1], b"\xff\xfe", b"[" * 5000)],
        *[(status, HTML, "no_answer") for status in (301, 302, 303, 304, 307, 308)],
        *[(status, b"", "retry") for status in (408, 425, 429, 500, 501, 502, 503, 504, 507, 599)],
        (502, HTML, "retry"),
        (424, b'{"missing":[]}', "missing"),
        *[(status, body, "no_answer") for status in (400, 409, 413, 422) for body in (b"", b"{}", HTML, RECEIPT)],
        *[(status, REFUSED, "held") for status in (400, 409, 413, 422)],
        *[(status, canonical_json(REFUSAL), "held") for status in (400, 409, 413, 422)],
        (422, canonical_json({"refusal": REFUSAL | {"status": 424}}), "no_answer"),
        (403, REFUSED, "paused"),
        *[(status, b"{}", "paused") for status in (401, 403, 404)],
        (404, HTML, "paused"),
        *[(status, HTML, "no_answer") for status in (402, 405, 407, 411, 418, 451)],
    ],
)
def test_what_an_answer_means(status: int, body: bytes, meaning: str) -> None:
    assert outcome_of(Answer(status, {}, body), NOW).meaning == meaning


def test_only_a_5xx_speaks_against_this_very_envelope() -> None:
    own = {"content-type": "application/problem+json"}
    told = [outcome_of(Answer(status, own, b"{}"), NOW).server_error for status in (500, 503, 408, 429)]
    assert told == [True, True, False, False]
    assert not outcome_of(Answer(502, {"content-type": "text/html"}, HTML), NOW).server_error, "not the hub's own"


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Tue, 12 Jan 2027 01:00:30 GMT", 30.0),
        ("Tue, 12 Jan 2027 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("9" * 400, None),
        ("", None),
    ],
)
def test_retry_after_as_seconds_or_date(header: str, wait_s: float | None) -> None:
    assert outcome_of(Answer(503, {"retry-after": header}, b""), NOW).retry_after_s == wait_s


@pytest.mark.parametrize("member", ["missing", "digests", "detail"])
def test_missing_parcels_are_found_whatever_names_them(member: str) -> None:
    body = canonical_json({"title": "x", member: ["a" * 64, "b" * 64]})
    assert outcome_of(Answer(424, {}, body), NOW).missing == {"a" * 64, "b" * 64}
    assert outcome_of(Answer(424, {}, HTML), NOW).missing == frozenset()


def test_the_hubs_words_reach_the_technician() -> None:
    own = {"content-type": "application/problem+json"}
    body = canonical_json({"title": "Forbidden", "field": "code", "detail": "not enrolled"})
    assert outcome_of(Answer(403, own, body), NOW).reason == "403 Forbidden code not enrolled"
    assert outcome_of(Answer(422, own, REFUSED), NOW).reason == "422 told to"
