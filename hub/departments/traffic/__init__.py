"""Traffic 交管: driving licences."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from psycopg import AsyncConnection

from hub.department import Application, Department, Facts, Person, day_of
from kiosk.clock import full_years


class Traffic(Department):
    """Holds one licence per person."""

    key = "traffic"

    async def facts(self, conn: AsyncConnection, id_number: str, today: date) -> Facts:
        rows = await conn.execute(
            "select class, state, expires_on, points, violations_unsettled, medical_on, ability_test_passed, birth "
            "from traffic.licence where id_number = %s",
            [id_number],
        )
        row = await rows.fetchone()
        if row is None:
            return {}
        facts: Facts = {
            "licence_class": row[0],
            "licence_state": row[1],
            "expires_on": row[2].isoformat(),
            "points": row[3],
            "violations_unsettled": row[4],
            "ability_test_passed": row[6],
        }
        if row[5]:
            facts["medical_on"] = row[5].isoformat()
        if birth := day_of(row[7]):
            facts["age"] = full_years(birth, today)
        return facts

    async def seed(self, conn: AsyncConnection, people: Iterable[Person]) -> None:
        for person in people:
            licence = person.get("records", {}).get("licence")
            if licence is None:
                continue
            number, birth = person["card"]["number"], person["card"]["birth"]
            await conn.execute("delete from traffic.licence where id_number = %s", [number])
            await conn.execute(
                "insert into traffic.licence values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    *(number, birth, licence["class"], licence["state"], licence["expires_on"], licence["points"]),
                    *(licence["violations_unsettled"], licence.get("medical_on")),
                    licence.get("ability_test_passed", False),
                ],
            )


async def _renew_licence(conn: AsyncConnection, application: Application) -> None:
    # 公安部令162号: the second licence is valid for ten years from the end of the first.
    await conn.execute(
        "update traffic.licence set expires_on = expires_on + interval '10 years' where id_number = %s",
        [application.applicant.number],
    )


DEPARTMENT = Traffic(effects={"licence_renewed": _renew_licence})
