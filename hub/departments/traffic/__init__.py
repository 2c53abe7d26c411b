"""Traffic 交管: licences and drivers, vehicles, violations and fines.

``records`` are the tables, ``asked`` the two queries, ``facts`` what services are told, ``self_handling`` the rules for
violations, ``plate_numbers`` the pool of free numbers, ``…_effects`` what acceptance changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from psycopg import AsyncConnection

from hub.certificates import Asked, Sealed
from hub.department import Department, Facts, Person
from hub.departments.traffic import plate_numbers, records, violations
from hub.departments.traffic.asked import known_of
from hub.departments.traffic.certificates import ask_record, certificate
from hub.departments.traffic.facts import facts_of
from hub.departments.traffic.licence_effects import LICENCE_EFFECTS
from hub.departments.traffic.vehicle_effects import VEHICLE_EFFECTS
from kiosk.messages.bills import Bill
from kiosk.messages.plates import PlatesAnswer, PlatesQuestion
from kiosk.messages.violations import ViolationsAnswer


class Traffic(Department):
    """Holds one licence per person and any number of vehicles, violations, accidents and medical results."""

    key = "traffic"

    async def facts(self, conn: AsyncConnection, id_number: str, today: date) -> Facts:
        return facts_of(await known_of(conn, id_number, today), today)

    async def violations(
        self, conn: AsyncConnection, id_number: str, decision_number: str, today: date
    ) -> ViolationsAnswer:
        return await violations.told(conn, id_number, decision_number, today)

    async def bills(self, conn: AsyncConnection, id_number: str, numbers: Sequence[str], today: date) -> list[Bill]:
        return await violations.bills(conn, id_number, numbers, today)

    async def plates(self, conn: AsyncConnection, asked: PlatesQuestion, now: datetime) -> PlatesAnswer:
        return await plate_numbers.told(conn, asked, now)

    async def certificate(self, conn: AsyncConnection, asked: Asked) -> Sealed | None:
        return await certificate(conn, asked)

    async def seed(self, conn: AsyncConnection, people: Iterable[Person]) -> None:
        await records.seed(conn, people)


DEPARTMENT = Traffic(
    effects={
        **LICENCE_EFFECTS,
        **VEHICLE_EFFECTS,
        **violations.VIOLATION_EFFECTS,
        **plate_numbers.PLATE_EFFECTS,
        "record_asked": ask_record,
    }
)
