"""What is asked of the tables: one query for a person's licence and its records, one for cars with theirs."""

from __future__ import annotations

from datetime import date
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from hub.departments.traffic.records import Car, Record, Violation
from hub.departments.traffic.self_handling import Driver
from kiosk import shapes
from kiosk.clock import months_later

ABILITY_PASS = 90

_PERSON: LiteralString = """
select licence.*, licence.id_number is not null as has_licence,
    greatest(licence.medical_on,
        (select max(taken_on) from traffic.medical where id_number = asked.id)) as last_medical,
    (select count(*) from traffic.ability_test where id_number = asked.id
        and date_part('year', taken_on) = date_part('year', asked.today)) as ability_tries,
    exists(select from traffic.ability_test where id_number = asked.id
        and score >= asked.ability_pass and taken_on + interval '1 year' >= asked.today) as has_passed_ability,
    (select count(*) from traffic.full_point_study where id_number = asked.id) as studies,
    (select count(*) from traffic.accident where id_number = asked.id and not is_settled) as accidents_open,
    (select coalesce(json_agg(booking.what), '[]') from traffic.booking
        where id_number = asked.id and state = 'booked') as booked,
    (select row_to_json(learner) from traffic.learner where id_number = asked.id) as learner,
    (select coalesce(json_agg(recorded_vehicle), '[]') from traffic.recorded_vehicle
        where id_number = asked.id) as records,
    (select coalesce(json_agg(violation), '[]') from traffic.violation where driver = asked.id) as answered_for
from (select %(id)s::text as id, %(today)s::date as today, %(pass)s::integer as ability_pass) as asked
left join traffic.licence on licence.id_number = asked.id
"""

_CARS: LiteralString = """
select vehicle.*,
    (select coalesce(json_agg(violation order by violation.at), '[]') from traffic.violation
        where violation.plate = vehicle.plate) as violations,
    (select count(*) from traffic.accident where accident.plate = vehicle.plate and not is_settled) as accidents,
    (select coalesce(json_agg(distinct violation.driver), '[]') from traffic.violation
        where violation.plate = vehicle.plate and driver is not null and decided_on > %(year_ago)s) as drivers,
    (select coalesce(json_agg(recorded_vehicle), '[]') from traffic.recorded_vehicle
        where recorded_vehicle.plate = vehicle.plate) as records,
    (select count(*) from traffic.temporary_plate where temporary_plate.vin = vehicle.vin) as temporary_plates,
    (select max(valid_to) from traffic.temporary_plate where temporary_plate.vin = vehicle.vin) as temporary_to,
    (select number from traffic.plate_number where plate_number.vin = vehicle.vin and kept_to >= %(today)s) as chosen
from traffic.vehicle
where vehicle.vin in (
    select vin from traffic.vehicle where owner = %(id)s
    union select vin from traffic.vehicle join traffic.recorded_vehicle using (plate) where id_number = %(id)s)
order by vehicle.plate, vehicle.vin
"""


class Known(msgspec.Struct, frozen=True):
    """All of one person. ``licence`` is the row of the licence with what hangs on it, {} without one."""

    id_number: str
    licence: dict[str, Any]
    more: dict[str, Any]
    records: list[Record]
    answered_for: list[Violation]
    cars: list[Car]

    @property
    def own(self) -> list[Car]:
        """The person's cars, but not those that are on record."""
        return [car for car in self.cars if car.owner == self.id_number]

    @property
    def registered(self) -> list[Car]:
        """Of those, the ones with a plate."""
        return [car for car in self.own if car.plate]

    def learner(self, today: date) -> dict[str, Any]:
        """The row of the learner's certificate while it is valid; {} without one."""
        row = self.more["learner"]
        return row if row and date.fromisoformat(row["valid_to"]) >= today else {}

    def driver(self, today: date) -> Driver:
        """As the rules for violations see the person."""
        since = _a_year_before(today)
        plates = {each.plate for each in self.answered_for if each.decided_on and each.decided_on > since}
        state, points = self.licence.get("state", ""), self.licence.get("points", 0)
        return Driver(self.id_number, state, points, self.more["studies"], self.records, frozenset(plates))


def _a_year_before(today: date) -> date:
    return months_later(today, -12)


async def known_of(conn: AsyncConnection, id_number: str, today: date) -> Known:
    """Everything that is known of a person, in two queries."""
    values = {"id": id_number, "today": today, "year_ago": _a_year_before(today), "pass": ABILITY_PASS}
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_PERSON, values)
        person = await cursor.fetchone() or {}
        await cursor.execute(_CARS, values)
        cars = await cursor.fetchall()
    return Known(
        id_number,
        person if person["has_licence"] else {},
        person,
        shapes.convert(person["records"], list[Record]),
        shapes.convert(person["answered_for"], list[Violation]),
        [shapes.convert(car, Car) for car in cars],
    )
