"""Household registration 户政: residents, ID cards, residence registrations and permits, certificates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from hub.certificates import Asked, Sealed
from hub.department import Department, Facts, Person
from hub.departments.household.certificates import certificate
from hub.departments.household.effects import EFFECTS, collected, drop, end_permit
from hub.departments.household.records import seed_records
from kiosk.clock import full_months, full_years, months_later
from kiosk.messages.encoding import to_text
from kiosk.messages.register import RegisterAnswer

_FACTS = (
    "select birth, household_kind, household_role, address_kind, is_local, is_registered, numbers_held, "
    "name_can_be_written, fingerprints, book_state, times_issued, id_card.state as card_state, "
    "id_card.valid_to as card_valid_to, residence.since, residence.state as residence_state, "
    "permit.state as permit_state, permit.valid_to as permit_valid_to, permit.still_resident, "
    "(select count(*) from household.id_case where id_case.id_number = asked.id_number and state = 'in_work') as open, "
    "(select count(*) from household.id_case where id_case.id_number = asked.id_number and state = 'ready') as ready, "
    "(select reason from household.id_case where id_case.id_number = asked.id_number and state = 'ready' "
    " and paid_on is null order by applied_on limit 1) as owed_for, "
    "(select count(*) from household.temporary_card as temporary where temporary.id_number = asked.id_number "
    " and temporary.valid_to >= %(today)s) as temporary "
    "from (select %(id_number)s::text as id_number) as asked left join household.resident using (id_number) "
    "left join household.id_card using (id_number) left join household.residence using (id_number) "
    "left join household.residence_permit as permit using (id_number)"
)


class Household(Department):
    """The register of residents and what hangs on it."""

    key = "household"

    async def facts(self, conn: AsyncConnection, id_number: str, today: date) -> Facts:
        async with conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_FACTS, {"id_number": id_number, "today": today})
            row = await cursor.fetchone() or {}
        return {**_of_resident(row, today), **_of_residence(row, today), **_of_permit(row)}

    async def reached(self, conn: AsyncConnection, case_key: str, state: str) -> None:
        if state == "decided":
            # The card is made: it lies in the locker, and its person is told.
            await conn.execute(
                "update household.id_case set state = 'ready' where case_key = %s and state = 'in_work'", [case_key]
            )
            await end_permit(conn, case_key)
        elif state == "collected":
            await collected(conn, case_key)
        elif state in ("refused", "withdrawn"):
            await drop(conn, case_key)

    async def ready(self, conn: AsyncConnection, id_number: str) -> list[str]:
        rows = await conn.execute(
            "select case_key::text from household.id_case where id_number = %s and state = 'ready' order by applied_on",
            [id_number],
        )
        return [key for (key,) in await rows.fetchall()]

    async def name_count(self, conn: AsyncConnection, name: str) -> int:
        rows = await conn.execute("select count(*) from household.resident where name = %s", [name])
        return (await rows.fetchone() or (0,))[0]

    async def register_card(self, conn: AsyncConnection, id_number: str) -> RegisterAnswer | None:
        rows = await conn.execute("select card, picture from household.last_card where id_number = %s", [id_number])
        row = await rows.fetchone()
        if row is None:
            return None
        return RegisterAnswer(True, **row[0], picture=to_text(row[1]))

    async def addresses(self, conn: AsyncConnection, words: Sequence[str], most: int) -> list[str]:
        rows = await conn.execute(
            "select address from household.standard_address "
            "where not exists (select from unnest(%s::text[]) as word where strpos(address, word) = 0) "
            "order by address limit %s",
            [list(words), most],
        )
        return [address for (address,) in await rows.fetchall()]

    async def certificate(self, conn: AsyncConnection, asked: Asked) -> Sealed | None:
        return await certificate(conn, asked)

    async def seed(self, conn: AsyncConnection, people: Iterable[Person]) -> None:
        await seed_records(conn, people)


def _of_resident(row: dict[str, Any], today: date) -> Facts:
    """Register and ID card; nothing for who is not in the register."""
    if row.get("birth") is None:
        return {}
    facts: Facts = {
        "age": full_years(row["birth"], today),
        "household_kind": row["household_kind"],
        "household_role": row["household_role"],
        "address_kind": row["address_kind"],
        "local_household": row["is_local"],
        "is_registered": row["is_registered"],
        "numbers_held": row["numbers_held"],
        "name_can_be_written": row["name_can_be_written"],
        "fingerprints_on_file": row["fingerprints"],
        "book_state": row["book_state"],
        "local_tie": row["is_local"] or row["residence_state"] == "registered",
        "id_cards_issued": row["times_issued"] or 0,
        "id_card_state": row["card_state"] or "none",
        "id_cases_open": row["open"],
        "id_cards_to_collect": row["ready"],
        "temporary_cards": row["temporary"],
    }
    if row["owed_for"]:
        facts["id_card_fee_owed"] = row["owed_for"]
    # A card for life has no last day, so nothing that hangs on one is ever due.
    return facts | ({"id_card_valid_to": row["card_valid_to"].isoformat()} if row["card_valid_to"] else {})


PERMIT_MONTHS = 6
"""居住证暂行条例 art. 2: so long after the residence was registered."""


def _of_residence(row: dict[str, Any], today: date) -> Facts:
    if row.get("birth") is None:
        return {}
    is_registered = row["residence_state"] == "registered"
    return {
        "residences_registered": int(is_registered),
        "residence_months": full_months(row["since"], today) if is_registered else 0,
        "permit_possible_on": months_later(row["since"] if is_registered else today, PERMIT_MONTHS).isoformat(),
        "permits_held": int(row["permit_state"] in ("normal", "suspended")),
    }


def _of_permit(row: dict[str, Any]) -> Facts:
    if row.get("permit_state") is None:
        return {}
    return {
        "permit_state": row["permit_state"],
        "permit_valid_to": row["permit_valid_to"].isoformat(),
        "still_resident": row["still_resident"],
    }


DEPARTMENT = Household(effects=EFFECTS)
