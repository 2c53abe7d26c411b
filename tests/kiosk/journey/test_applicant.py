"""Who is filed: the card as it was read, with the address that counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import trio

from kiosk.journey.applicant import applicant_of
from kiosk.messages.content import FOR_LIFE, Applicant
from kiosk.pages import Settings
from kiosk.visit import Visit
from tests.kiosk.journey.conftest import ZHAO

CARD = replace(ZHAO, address="第一处", valid_from=date(2020, 1, 20), valid_to=date(2040, 1, 20))


@pytest.fixture
def filed(machine: Any) -> Any:
    async def of(added: tuple[str, ...] | None, **changes: Any) -> Applicant:
        visit = Visit(machine, Settings())
        visit.card = replace(CARD, **changes)

        async def told() -> tuple[str, ...] | None:
            await trio.lowlevel.checkpoint()
            return added

        visit.added_addresses = told  # type: ignore[method-assign]
        return await applicant_of(visit)

    return of


async def test_the_last_appended_address_counts_and_the_first_one_is_kept_beside_it(filed: Any) -> None:
    applicant = await filed(("第二处", "第三处"))
    assert (applicant.address, applicant.first_address) == ("第三处", "第一处")
    assert applicant.added_addresses == ("第二处", "第三处")
    assert not applicant.added_addresses_unread


async def test_without_an_appended_address_the_cards_own_counts_alone(filed: Any) -> None:
    applicant = await filed(())
    assert (applicant.address, applicant.first_address, applicant.added_addresses) == ("第一处", "", ())
    assert not applicant.added_addresses_unread


@pytest.mark.parametrize(("kind", "is_doubtful"), [("resident", True), ("foreigner_2023", False)])
async def test_what_could_not_be_read_is_said_of_the_cards_that_have_it(
    filed: Any, kind: str, is_doubtful: bool
) -> None:
    applicant = await filed(None, kind=kind)
    assert (applicant.address, applicant.added_addresses_unread) == ("第一处", is_doubtful)


async def test_days_are_written_as_the_register_has_them_and_a_card_for_life_says_so(filed: Any) -> None:
    applicant = await filed(())
    assert (applicant.birth, applicant.valid_from, applicant.valid_to) == ("19580120", "20200120", "20400120")
    assert (await filed((), valid_to=None)).valid_to == FOR_LIFE
