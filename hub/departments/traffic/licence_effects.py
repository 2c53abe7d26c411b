"""What acceptance changes in the records of a driver."""

from __future__ import annotations

from datetime import date
from typing import LiteralString

from psycopg import AsyncConnection

from hub.department import Application, Effect, Unfit
from hub.departments.traffic.paid_ahead import require_paid
from kiosk.clock import day_of, full_years, months_later

_DISABLED_CAR = "C5"
_MOST_YEARS = 3


async def _renewed(conn: AsyncConnection, application: Application) -> None:
    # 公安部令162号: the second licence is valid for ten years from the end of the first.
    await _change(conn, application, "expires_on = expires_on + interval '10 years'")
    await _replaced(conn, application)


async def _replaced(conn: AsyncConnection, application: Application) -> None:
    require_paid(application)
    await _change(conn, application, "copies = copies + 1, issued_on = %s", application.day)


async def _contact(conn: AsyncConnection, application: Application) -> None:
    await _change(conn, application, "phone = %s", str(application.answers.get("phone", "")))


async def _medical_submitted(conn: AsyncConnection, application: Application) -> None:
    number = application.applicant.number
    rows = await conn.execute("select medical_due_on, class, birth from traffic.licence where id_number = %s", [number])
    due_on, classes, birth = await rows.fetchone() or (None, "", "")
    if due_on is None:
        raise Unfit("medical_not_needed")
    await _change(conn, application, "medical_due_on = %s", months_later(due_on, 12 * _years(classes, birth, due_on)))
    await conn.execute(
        "update traffic.medical set submitted_on = %s where id_number = %s and submitted_on is null",
        [application.day, number],
    )


def _years(classes: str, birth: str, due_on: date) -> int:
    """Until the next certificate: every year from 70 on, every third with a licence for cars of the disabled."""
    born = day_of(birth)
    return 3 if _DISABLED_CAR in classes and (born is None or full_years(born, due_on) < 70) else 1


async def _postponed(conn: AsyncConnection, application: Application) -> None:
    years = str(application.answers.get("years", "1"))
    if not years.isdecimal() or not 1 <= int(years) <= _MOST_YEARS:
        raise Unfit("postponed_too_long")
    await _change(conn, application, "postponed_to = %s", months_later(application.day, 12 * int(years)))


async def _booked(conn: AsyncConnection, application: Application) -> None:
    """Each test and exam once at a time. Raises Unfit."""
    await conn.execute(
        "insert into traffic.booking (key, id_number, what, booked_on) values (%s, %s, %s, %s) on conflict do nothing",
        [
            *(application.key, application.applicant.number, str(application.answers.get("what", "exam"))),
            application.day,
        ],
    )


async def _change(conn: AsyncConnection, application: Application, change: LiteralString, *values: object) -> None:
    statement = b"update traffic.licence set " + change.encode() + b" where id_number = %s"
    await conn.execute(statement, [*values, application.applicant.number])


LICENCE_EFFECTS: dict[str, Effect] = {
    "licence_renewed": _renewed,
    "licence_replaced": _replaced,
    "driver_contact_changed": _contact,
    "medical_submitted": _medical_submitted,
    "renewal_postponed": _postponed,
    "test_booked": _booked,
}
