"""A reason that does not fit the record is refused by the department, whatever a machine has offered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import psycopg
import pytest

from hub.departments.exit_entry.records import Ordered, facts_of
from hub.departments.exit_entry.records import Records as Kept
from kiosk.catalogue.rules import failed_checks, is_due
from kiosk.messages.envelope import new_key
from tests.hub.answered import judges_answer
from tests.hub.test_exit_entry import (
    CATALOGUE,
    FILED,
    HERE,
    TODAY,
    Records,
    decide,
    of,
    records_of,
    settle,
    somebody,
    without,
    works,
)

__all__ = ["works"]
SOON, LATER = date(2027, 7, 12), date(2027, 7, 13)


def as_it_is(_records: Records) -> None:
    """A document that is valid for four years yet."""


STORIES: list[tuple[str, str, Callable[[Records], None], str]] = [
    # service, reason, the record, the check that refuses it ("": none)
    ("E02", "expiry", of("passport", expires_on=SOON), ""),
    ("E02", "expiry", of("passport", expires_on=LATER), "ends_soon"),
    ("E02", "pages", as_it_is, ""),
    ("E05", "expiry", of("hk_macao_permit", expires_on=SOON), ""),
    ("E05", "expiry", as_it_is, "ends_soon"),
    ("E05", "damaged", of("hk_macao_permit", state="lost"), "permit_in_hand"),
    ("E05", "lost", of("hk_macao_permit", state="lost"), ""),
    ("E10", "first", without("taiwan_permit"), ""),
    ("E10", "first", as_it_is, "no_permit_before"),
    ("E10", "lost", without("taiwan_permit"), "permit_before"),
    ("E10", "expiry", as_it_is, "ends_soon"),
    ("E10", "damaged", as_it_is, ""),
    ("E10", "damaged", of("taiwan_permit", state="lost"), "permit_in_hand"),
]


def test_every_check_of_a_reason_has_its_story() -> None:
    checks = {(service.key, check.id) for service in FILED for check in service.checks if judges_answer(check)}
    assert checks == {(service, check) for service, _, _, check in STORIES if check}


@pytest.mark.parametrize(("service", "reason", "record", "refused"), STORIES)
def test_a_reason_is_judged_by_the_record(
    works: Callable[[Any], Any], service: str, reason: str, record: Callable[[Records], None], refused: str
) -> None:
    async def story(conn: psycopg.AsyncConnection) -> None:
        applicant = somebody()
        await settle(conn, applicant, records_of(service, record))
        before = await HERE.facts(conn, applicant.number, TODAY)
        decision = await decide(conn, new_key(), applicant, service, {"reason": reason})
        assert (decision.accepted, decision.reasons) == (not refused, [refused] if refused else [])
        assert (await HERE.facts(conn, applicant.number, TODAY) == before) is bool(refused)

    works(story)


def test_a_paid_document_is_collected_while_another_one_is_still_made_and_to_be_paid() -> None:
    """Nothing is handed out unpaid; what is paid and ready does not wait for the money of something else."""
    passport, permit = Ordered("passport", "ready"), Ordered("taiwan_permit", "in_review", unpaid_fen=6000)
    for ordered, said in (([passport, permit], []), ([Ordered("passport", "ready", unpaid_fen=12000)], ["all_paid"])):
        facts = facts_of(Kept([], [], 0, 0, ordered), TODAY)
        assert failed_checks(CATALOGUE.services["E14"], facts, TODAY) == said
        assert is_due(CATALOGUE.services["E14"], facts, TODAY) is not bool(said)
        assert is_due(CATALOGUE.services["E15"], facts, TODAY), "the other one is still owed"
