"""What acceptance changes in the records of a car: the one that was chosen, or the one that can be served."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import LiteralString

from psycopg import AsyncConnection

from hub.department import Application, Effect, Unfit
from hub.departments.traffic.asked import known_of
from hub.departments.traffic.facts import LABEL_MONTHS, inspections_due, label_reasons, temporary_reasons
from hub.departments.traffic.paid_ahead import MEANWHILE, require_paid
from hub.departments.traffic.records import NORMAL, Car
from kiosk.clock import months_later

CHOSEN = "vehicle"
"""The answer that names a car by its plate, a new one by its VIN."""
_TEMPORARY_DAYS = 30

Judge = Callable[[Car], list[str]]


async def _label_issued(conn: AsyncConnection, application: Application) -> None:
    car = await car_of(conn, application, lambda car: label_reasons(car, application.day))
    first = car.inspection_due_on or application.day
    due = months_later(first, len(inspections_due(first, application.day)) * LABEL_MONTHS)
    await _change(
        *(conn, car, "inspected_on = %s, inspection_due_on = %s, label_to = %s, copies = copies + 1"),
        *(application.day, due, due),
    )


async def _label_replaced(conn: AsyncConnection, application: Application) -> None:
    def judge(car: Car) -> list[str]:
        return [] if car.label_to and car.label_to >= application.day else ["label_valid"]

    await _change(conn, await car_of(conn, application, judge), "copies = copies + 1")


async def _papers_replaced(conn: AsyncConnection, application: Application) -> None:
    require_paid(application)
    car = await car_of(conn, application, lambda car: [] if car.state == NORMAL else ["car_free"])
    await _change(conn, car, "copies = copies + 1")


async def _plates_ordered(conn: AsyncConnection, application: Application) -> None:
    """For who drives meanwhile with a temporary plate, which is paid like the others. Raises Unfit."""
    car = await car_of(conn, application, lambda car: [] if car.state == NORMAL else ["car_free"])
    require_paid(application)
    await _change(conn, car, "copies = copies + 1")
    if application.answers.get("delivery") == MEANWHILE:
        await _give_temporary(conn, car, application)


async def _contact(conn: AsyncConnection, application: Application) -> None:
    car = await car_of(conn, application, lambda _car: [])
    await _change(conn, car, "phone = %s", str(application.answers.get("phone", "")))


async def _temporary_plate(conn: AsyncConnection, application: Application) -> None:
    def judge(car: Car) -> list[str]:
        return temporary_reasons(car, application.day)

    require_paid(application)
    await _give_temporary(conn, await car_of(conn, application, judge, new=True), application)


async def _give_temporary(conn: AsyncConnection, car: Car, application: Application) -> None:
    await conn.execute(
        "insert into traffic.temporary_plate (number, vin, issued_on, valid_to) "
        "values (lpad(nextval('traffic.temporary_plate_number')::text, 8, '0'), %s, %s, %s)",
        [car.vin, application.day, application.day + timedelta(days=_TEMPORARY_DAYS)],
    )


async def car_of(conn: AsyncConnection, application: Application, judge: Judge, *, new: bool = False) -> Car:
    """The car that the case is about. Raises Unfit: it is not the person's, or it cannot be served."""
    known = await known_of(conn, application.applicant.number, application.day)
    cars = [car for car in known.own if new is not bool(car.plate)]
    chosen = str(application.answers.get(CHOSEN, ""))
    if chosen:
        cars = [car for car in cars if chosen in (car.plate, car.vin)]
    if not cars:
        raise Unfit("vehicle_unknown")
    best = min(cars, key=lambda car: (len(judge(car)), car.inspection_due_on or application.day, car.vin))
    if reasons := judge(best):
        raise Unfit(*reasons)
    return best


async def _change(conn: AsyncConnection, car: Car, change: LiteralString, *values: object) -> None:
    await conn.execute(b"update traffic.vehicle set " + change.encode() + b" where vin = %s", [*values, car.vin])


VEHICLE_EFFECTS: dict[str, Effect] = {
    "label_issued": _label_issued,
    "label_replaced": _label_replaced,
    "vehicle_licence_replaced": _papers_replaced,
    "plates_ordered": _plates_ordered,
    "vehicle_contact_changed": _contact,
    "temporary_plate_issued": _temporary_plate,
}
