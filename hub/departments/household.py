"""Household registration 户政: residence permits (H13)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from psycopg import AsyncConnection

from hub.department import Application, Department, Facts, Person, in_window
from kiosk.catalogue.model import Service
from kiosk.messages.questions import DueFact


class Household(Department):
    """Holds one residence permit per person; an endorsement adds a year at once and lifts a suspension."""

    line = "household"
    tables = """
        create table residence_permit (
            id_number text primary key, number text not null, state text not null, valid_to date not null,
            still_resident boolean not null, address text not null);
    """

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

    async def facts(self, conn: AsyncConnection, service: str, id_number: str, today: date) -> Facts:
        rows = await conn.execute(
            "select state, valid_to, still_resident from household.residence_permit where id_number = %s", [id_number]
        )
        row = await rows.fetchone()
        if row is None:
            return {}
        return {"permit_state": row[0], "permit_valid_to": row[1].isoformat(), "still_resident": row[2]}

    async def due(
        self, conn: AsyncConnection, services: Iterable[Service], id_number: str, today: date
    ) -> list[DueFact]:
        found = []
        for service in services:
            facts = await self.facts(conn, service.key, id_number, today)
            if in_window(service, facts, today):
                valid_to = str(facts["permit_valid_to"])
                found.append(DueFact(service.key, {"permit_valid_to": valid_to}, date.fromisoformat(valid_to)))
        return found

    async def carry_out(self, conn: AsyncConnection, service: str, application: Application) -> None:
        # 居住证暂行条例 art. 10: one more year; a late endorsement restores the permit's functions.
        await conn.execute(
            "update household.residence_permit set valid_to = valid_to + interval '1 year', state = 'normal' "
            "where id_number = %s",
            [application.applicant.number],
        )


DEPARTMENT = Household()
