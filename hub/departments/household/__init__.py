"""Household registration 户政: residence permits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from psycopg import AsyncConnection

from hub.department import Application, Department, Facts, Person


class Household(Department):
    """Holds one residence permit per person."""

    key = "household"

    async def facts(self, conn: AsyncConnection, id_number: str, today: date) -> Facts:
        rows = await conn.execute(
            "select state, valid_to, still_resident from household.residence_permit where id_number = %s", [id_number]
        )
        row = await rows.fetchone()
        if row is None:
            return {}
        return {"permit_state": row[0], "permit_valid_to": row[1].isoformat(), "still_resident": row[2]}

    async def seed(self, conn: AsyncConnection, people: Iterable[Person]) -> None:
        for person in people:
            permit = person.get("records", {}).get("residence_permit")
            if permit is None:
                continue
            number = person["card"]["number"]
            await conn.execute("delete from household.residence_permit where id_number = %s", [number])
            await conn.execute(
                "insert into household.residence_permit values (%s, %s, %s, %s, %s, %s)",
                [
                    *(number, permit["number"], permit["state"], permit["valid_to"]),
                    *(permit["still_resident"], permit["address"]),
                ],
            )


async def _endorse_permit(conn: AsyncConnection, application: Application) -> None:
    # 居住证暂行条例 art. 10: one more year; a late endorsement restores the permit's functions.
    await conn.execute(
        "update household.residence_permit set valid_to = valid_to + interval '1 year', state = 'normal' "
        "where id_number = %s",
        [application.applicant.number],
    )


DEPARTMENT = Household(effects={"permit_endorsed": _endorse_permit})
