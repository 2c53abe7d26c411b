"""A child's travel document: asked for with a guardian, good for five years, and put into the guardian's hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import psycopg
import pytest

from hub.departments.exit_entry.effects import MADE
from kiosk.clock import months_later
from kiosk.messages.envelope import new_key
from tests.hub.fixtures import TODAY
from tests.hub.test_exit_entry import HERE, decide, person, records_of, settle, somebody, works

__all__ = ["works"]


@pytest.mark.parametrize(
    ("birth", "years"),
    [("20190506", (5, 5, 5)), ("20110113", (5, 5, 5)), ("20110112", (10, 10, 5)), ("19580317", (10, 10, 5))],
)
def test_a_document_is_good_as_long_as_the_age_at_its_issue_says(birth: str, years: tuple[int, ...]) -> None:
    number = f"990101{birth}0027"
    found = [MADE[kind].valid_to(number, TODAY) for kind in ("passport", "hk_macao_permit", "taiwan_permit")]
    assert found == [months_later(TODAY, 12 * each) for each in years]


def test_a_childs_passport_from_the_guardians_form_to_the_hand(works: Callable[[Any], Any]) -> None:
    async def story(conn: psycopg.AsyncConnection) -> None:
        child, guardian = somebody(number="990101201905060027", birth="20190506"), somebody(number="9" * 18)
        await settle(conn, child, records_of("E01", person(fingerprints_taken=False)))
        assert (await decide(conn, new_key(), child, "E01")).reasons == ["guardian_missing"]
        old = msgspec.structs.replace(guardian, valid_to="20270111")
        assert (await decide(conn, new_key(), child, "E01", second=old)).reasons == ["second_expired"]
        assert (await HERE.facts(conn, child.number, TODAY))["passports_ordered"] == 0
        assert (await decide(conn, new_key(), child, "E01", paid_fen=12000, second=guardian)).accepted
        await HERE.events(conn, 0, date(2027, 3, 1))
        assert (await decide(conn, new_key(), child, "E14")).reasons == ["guardian_missing"]
        taking = new_key()
        assert (await decide(conn, taking, child, "E14", second=guardian)).accepted
        assert await HERE.handed_out(conn, taking, TODAY)
        assert (await HERE.facts(conn, child.number, TODAY))["passport_expires_on"] == "2032-01-12"

    works(story)
