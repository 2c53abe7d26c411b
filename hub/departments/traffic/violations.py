"""Violations and fines: what a person may see of them, and settling and paying them (T08–T10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import kwargs_row

from hub.department import Application, Effect, Unfit
from hub.departments.traffic.asked import Known, known_of
from hub.departments.traffic.fines import late_fen, pay_until
from hub.departments.traffic.records import Car, Violation
from hub.departments.traffic.self_handling import Driver, refused
from kiosk.messages.bills import Bill
from kiosk.messages.violations import Violation as Told
from kiosk.messages.violations import ViolationsAnswer

MOST_AT_ONCE = 20


async def told(conn: AsyncConnection, id_number: str, decision_number: str, today: date) -> ViolationsAnswer:
    """What the person may see, the newest first; of a decision of somebody else only what it costs."""
    if decision_number:
        found = await _decision(conn, decision_number)
        return ViolationsAnswer([_fine_only(found, today)] if found else [])
    known = await known_of(conn, id_number, today)
    driver = known.driver(today)
    items = [_violation_as_told(each, car, driver, today) for each, car in visible(known)]
    items.sort(key=lambda item: (item.state != "open", item.state == "paid", item.at), reverse=False)
    return ViolationsAnswer(items, points=driver.points)


def visible(known: Known) -> Iterator[tuple[Violation, Car | None]]:
    """Of own cars all; of cars on record those of later than the record; and what the person has answered for.

    What somebody else has answered for with a car that is not one's own is theirs alone.
    """
    seen: set[str] = set()
    for car in known.cars:
        since = max((each.recorded_on for each in known.records if each.plate == car.plate), default=date.min)
        for each in car.violations:
            is_own = car.owner == known.id_number
            if is_own or each.driver == known.id_number or (each.driver is None and each.at.date() > since):
                seen.add(each.number)
                yield each, car
    for each in known.answered_for:
        if each.number not in seen:
            yield each, None


def _violation_as_told(each: Violation, car: Car | None, driver: Driver, today: date) -> Told:
    is_mine = each.driver == driver.id_number
    is_open = each.decision_number is None
    return Told(
        number=each.number,
        plate=each.plate,
        at=each.at.strftime("%Y-%m-%d %H:%M"),
        place=each.place,
        act=each.act,
        article=each.article,
        fine_fen=each.fine_fen,
        points=each.points,
        state="open" if is_open else "paid" if each.paid_on else "decided",
        reasons=refused(each, car, driver) if is_open and car else [],
        is_own_car=bool(car and car.owner == driver.id_number),
        # Who else has answered for an own car, and under which number, is not the owner's to see.
        decision_number=(each.decision_number or "") if is_mine else "",
        decided_on=each.decided_on if is_mine else None,
        pay_until=pay_until(each.decided_on) if is_mine and each.decided_on else None,
        late_fen=_late(each, today) if is_mine else 0,
    )


def _fine_only(each: Violation, today: date) -> Told:
    return Told(
        number="",
        fine_fen=each.fine_fen,
        state="paid" if each.paid_on else "decided",
        decision_number=each.decision_number or "",
        pay_until=pay_until(each.decided_on) if each.decided_on else None,
        late_fen=_late(each, today),
    )


def _late(each: Violation, today: date) -> int:
    return late_fen(each.fine_fen, each.decided_on, today) if each.decided_on and not each.paid_on else 0


async def bills(conn: AsyncConnection, id_number: str, numbers: Sequence[str], today: date) -> list[Bill]:
    """The fines of a person, or those of these decisions."""
    async with conn.cursor(row_factory=kwargs_row(_violation)) as cursor:
        await cursor.execute(
            "select * from traffic.violation where decision_number is not null and fine_fen > 0 and case "
            "when %(all)s then driver = %(id)s and paid_on is null else decision_number = any(%(numbers)s) end "
            "order by decided_on, decision_number limit %(most)s",
            {"all": not numbers, "id": id_number, "numbers": list(numbers), "most": MOST_AT_ONCE},
        )
        return [_bill(each, today) for each in await cursor.fetchall()]


def _bill(each: Violation, today: date) -> Bill:
    until = pay_until(each.decided_on) if each.decided_on else None
    return Bill(each.decision_number or "", "fine", each.fine_fen, _late(each, today), until, bool(each.paid_on))


async def _settled(conn: AsyncConnection, application: Application) -> None:
    """Judges each by the points that the ones before it have brought, and decides all or none. Raises Unfit."""
    numbers = _numbers(application, "violations")
    known = await known_of(conn, application.applicant.number, application.day)
    there = {each.number: (each, car) for each, car in visible(known) if car and each.decision_number is None}
    if not numbers or not all(number in there for number in numbers):
        raise Unfit("violation_unknown")
    driver, plates = known.driver(application.day), set(known.driver(application.day).plates)
    for number in numbers:
        violation, car = there[number]
        if reasons := refused(violation, car, driver._replace(plates=frozenset(plates))):
            raise Unfit(*reasons)
        driver = driver._replace(points=driver.points + violation.points)
        plates.add(violation.plate)
        await conn.execute(
            "update traffic.violation set driver = %s, decided_on = %s, "
            "decision_number = '9901' || lpad(nextval('traffic.decision_number')::text, 11, '0'), "
            "paid_on = case when fine_fen = 0 then %s::date end where number = %s",
            [driver.id_number, application.day, application.day, number],
        )
    await conn.execute("update traffic.licence set points = %s where id_number = %s", [driver.points, driver.id_number])


async def _fines_registered(conn: AsyncConnection, application: Application) -> None:
    """What is to be paid is under this case: nobody pays it under another one too. Raises Unfit."""
    for fine in await _unpaid(conn, application):
        if fine.pays_by not in (None, application.key):
            raise Unfit("fine_under_way")
        await conn.execute(
            "update traffic.violation set pays_by = %s where number = %s", [application.key, fine.number]
        )


async def _fines_paid(conn: AsyncConnection, application: Application) -> None:
    """Raises Unfit: nothing is paid with less than fine and late charge, of the day on which it was paid."""
    fines, before = await _unpaid(conn, application), application.priced_on - timedelta(days=1)
    # Asked for just before midnight it is paid on a day that adds another three per cent.
    if application.paid_fen < sum(each.fine_fen + _late(each, before) for each in fines):
        raise Unfit("unpaid")
    for fine in fines:
        await conn.execute(
            "update traffic.violation set paid_on = %s where number = %s", [application.priced_on, fine.number]
        )


async def _unpaid(conn: AsyncConnection, application: Application) -> list[Violation]:
    found: list[Violation] = []
    for number in _numbers(application, "decisions"):
        fine = await _decision(conn, number)
        if fine is None or fine.paid_on:
            raise Unfit("fine_paid" if fine else "fine_unknown")
        found.append(fine)
    if not found:
        raise Unfit("fine_unknown")
    return found


async def _decision(conn: AsyncConnection, number: str) -> Violation | None:
    async with conn.cursor(row_factory=kwargs_row(_violation)) as cursor:
        await cursor.execute("select * from traffic.violation where decision_number = %s", [number])
        return await cursor.fetchone()


def _violation(**fields: Any) -> Violation:
    pays_by = fields.pop("pays_by")
    return Violation(**fields, pays_by=str(pays_by) if pays_by else None)


def _numbers(application: Application, name: str) -> list[str]:
    """Numbers with blanks or commas between them, each once, as the step keeps them. Raises Unfit for too many."""
    found = list(dict.fromkeys(str(application.answers.get(name, "")).replace(",", " ").split()))
    if len(found) > MOST_AT_ONCE:
        raise Unfit("violation_too_many")
    return found


VIOLATION_EFFECTS: dict[str, Effect] = {
    "violations_settled": _settled,
    "fines_registered": _fines_registered,
    "fines_paid": _fines_paid,
}
