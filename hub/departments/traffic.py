"""Traffic 交管: driving licences (T01)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from psycopg import AsyncConnection

from hub.department import Application, Department, Facts, Person, day_of, in_window
from kiosk.catalogue.model import Service
from kiosk.catalogue.rules import failed_checks
from kiosk.clock import full_years
from kiosk.messages.questions import DueFact


class Traffic(Department):
    """Holds one licence per person; a renewal is carried out at once."""

    line = "traffic"
    tables = """
        create table licence (
            id_number text primary key, birth text not null, class text not null, state text not null,
            expires_on date not null, points integer not null, violations_unsettled integer not null,
            medical_on date, ability_test_passed boolean not null);
    """

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

    async def facts(self, conn: AsyncConnection, service: str, id_number: str, today: date) -> Facts:
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

    async def due(
        self, conn: AsyncConnection, services: Iterable[Service], id_number: str, today: date
    ) -> list[DueFact]:
        found = []
        for service in services:
            facts = await self.facts(conn, service.key, id_number, today)
            if in_window(service, facts, today) and "licence_normal" not in failed_checks(service, facts, today):
                expires_on = str(facts["expires_on"])
                found.append(DueFact(service.key, {"expires_on": expires_on}, date.fromisoformat(expires_on)))
        return found

    async def carry_out(self, conn: AsyncConnection, service: str, application: Application) -> None:
        # 公安部令162号: the second licence is valid for ten years from the end of the first.
        await conn.execute(
            "update traffic.licence set expires_on = expires_on + interval '10 years' where id_number = %s",
            [application.applicant.number],
        )


DEPARTMENT = Traffic()
