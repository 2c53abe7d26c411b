"""The records of 交管 as they are kept: people's tables of a demonstration are written here, and rows read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import msgspec
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from hub.department import Person

NORMAL = "normal"
_OF_PERSON = ("licence", "medical", "ability_test", "full_point_study", "learner", "booking")
_VEHICLE = {
    "kind": "small_car",
    "used": "private",
    "seats": 5,
    "state": NORMAL,
    "is_barred": False,
    "tax_paid": True,
    "purchase_tax_paid": True,
}
_VIOLATION = {"is_off_site": True, "source": "traffic", "over_speed_percent": 0}
_LICENCE = {"violations_unsettled": 0, "points": 0, "state": NORMAL, "ability_test_passed": False}


_NO_DRAWS = "delete from traffic.plate_draw where vin in (select vin from traffic.vehicle where owner = %s)"
_NO_NUMBERS = """
update traffic.plate_number set vin = null, case_key = null, held_until = null, kept_to = null
where vin in (select vin from traffic.vehicle where owner = %s)"""


class Record(msgspec.Struct, frozen=True):
    """A car of somebody else that a driver has on record (备案), since when."""

    id_number: str
    plate: str
    recorded_on: date


class Violation(msgspec.Struct, frozen=True):
    """One violation as the record has it; ``at`` is local time, ``driver`` who has answered for it."""

    number: str
    plate: str
    at: datetime
    place: str
    act: str
    article: str
    is_off_site: bool
    source: str
    over_speed_percent: int
    fine_fen: int
    points: int
    driver: str | None = None
    decision_number: str | None = None
    decided_on: date | None = None
    paid_on: date | None = None
    pays_by: str | None = None


class Car(msgspec.Struct, frozen=True):
    """A vehicle with what hangs on its plate. ``drivers``: who has answered for its violations in the last year.

    ``chosen``: the number that is kept for a new one.
    """

    vin: str
    plate: str | None
    owner: str
    kind: str
    used: str
    seats: int
    state: str
    registered_on: date | None = None
    inspection_due_on: date | None = None
    inspected_on: date | None = None
    label_to: date | None = None
    insured_to: date | None = None
    tax_paid: bool = False
    is_barred: bool = False
    phone: str = ""
    copies: int = 0
    violations: list[Violation] = []
    accidents: int = 0
    drivers: list[str] = []
    records: list[Record] = []
    temporary_plates: int = 0
    temporary_to: date | None = None
    purchase_tax_paid: bool = False
    chosen: str | None = None

    def unsettled(self) -> int:
        """Violations that are not settled or not paid, and accidents that are not settled."""
        return sum(each.paid_on is None for each in self.violations) + self.accidents


async def seed(conn: AsyncConnection, people: Iterable[Person]) -> None:
    """Writes what the people's tables say, in the place of what they had."""
    for person in people:
        records, card = person.get("records", {}), person["card"]
        number = card["number"]
        await _forget(conn, number)
        if licence := records.get("licence"):
            fields = {**_LICENCE, "medical_on": None, **licence, "id_number": number, "birth": card["birth"]}
            await _insert(conn, "licence", fields)
        for table in _OF_PERSON[1:]:
            for row in _rows(records, table):
                await _insert(conn, table, {**row, "id_number": number})
        for row in _rows(records, "accident"):
            await _insert(conn, "accident", {**row, "id_number": number})
        for row in _rows(records, "recorded_vehicle"):
            await _insert(conn, "recorded_vehicle", {**row, "id_number": number})
        for row in _rows(records, "vehicle"):
            await _seed_vehicle(conn, number, row)


def _rows(records: Mapping[str, Any], table: str) -> list[Mapping[str, Any]]:
    found = records.get(table, [])
    return [found] if isinstance(found, Mapping) else found


async def _forget(conn: AsyncConnection, number: str) -> None:
    await conn.execute(
        "delete from traffic.violation where driver = %s or plate in "
        "(select plate from traffic.vehicle where owner = %s)",
        [number, number],
    )
    await conn.execute(
        "delete from traffic.temporary_plate where vin in (select vin from traffic.vehicle where owner = %s)", [number]
    )
    for forgotten in (_NO_DRAWS, _NO_NUMBERS):
        await conn.execute(forgotten, [number])
    await conn.execute("delete from traffic.vehicle where owner = %s", [number])
    for table in (*_OF_PERSON, "accident", "recorded_vehicle"):
        await conn.execute(SQL("delete from traffic.{} where id_number = %s").format(Identifier(table)), [number])


async def _seed_vehicle(conn: AsyncConnection, owner: str, row: Mapping[str, Any]) -> None:
    inside = ("violation", "temporary_plate", "plate_number")
    vehicle = {name: value for name, value in row.items() if name not in inside}
    await _insert(conn, "vehicle", {**_VEHICLE, **vehicle, "owner": owner})
    for each in row.get("violation", []):
        await _insert(conn, "violation", {**_VIOLATION, **each, "plate": row["plate"]})
    for each in row.get("temporary_plate", []):
        await _insert(conn, "temporary_plate", {**each, "vin": row["vin"]})
    for each in row.get("plate_number", []):
        await conn.execute("delete from traffic.plate_number where number = %s", [each["number"]])
        await _insert(conn, "plate_number", {**each, "kind": "", "vin": row["vin"]})


async def _insert(conn: AsyncConnection, table: str, fields: Mapping[str, Any]) -> None:
    names = SQL(", ").join(map(Identifier, fields))
    places = SQL(", ").join([SQL("%s")] * len(fields))
    statement = SQL("insert into traffic.{} ({}) values ({})").format(Identifier(table), names, places)
    await conn.execute(statement, list(fields.values()))
