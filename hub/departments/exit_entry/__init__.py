"""Exit and entry 出入境: passports, permits and their endorsements, border records, recorded firms, bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from psycopg import AsyncConnection

from hub.certificates import Asked, Sealed
from hub.department import Department, Facts, Person
from hub.departments.exit_entry.certificates import certificate
from hub.departments.exit_entry.effects import EFFECTS, approve, collected, drop, ready
from hub.departments.exit_entry.fees import bills
from hub.departments.exit_entry.records import facts_of, is_child, records, told
from hub.departments.exit_entry.seeding import write_person
from kiosk.messages.bills import Bill
from kiosk.messages.questions import Document


class ExitEntry(Department):
    """Holds any number of documents per person, each with its endorsements."""

    key = "exit_entry"

    async def facts(self, conn: AsyncConnection, id_number: str, today: date) -> Facts:
        return facts_of(await records(conn, id_number, today), today, is_child=is_child(id_number, today))

    async def documents(self, conn: AsyncConnection, id_number: str) -> list[Document]:
        return [told(held) for held in (await records(conn, id_number, date.max)).documents]

    async def bills(self, conn: AsyncConnection, id_number: str, numbers: Sequence[str], today: date) -> list[Bill]:
        return await bills(conn, id_number, numbers)

    async def certificate(self, conn: AsyncConnection, asked: Asked) -> Sealed | None:
        return await certificate(conn, asked)

    async def reached(self, conn: AsyncConnection, case_key: str, state: str) -> None:
        if state == "decided":
            await approve(conn, case_key)
        elif state == "collected":
            await collected(conn, case_key)
        elif state in ("refused", "withdrawn"):
            await drop(conn, case_key)

    async def ready(self, conn: AsyncConnection, id_number: str) -> list[str]:
        return await ready(conn, id_number)

    async def seed(self, conn: AsyncConnection, people: Iterable[Person]) -> None:
        for person in people:
            await write_person(conn, person["card"]["number"], person.get("records", {}))


DEPARTMENT = ExitEntry(EFFECTS)
