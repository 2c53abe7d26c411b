"""What the traffic department certifies of a person: licence, vehicles, safe driving, being a learner (T17)."""

from __future__ import annotations

from datetime import date

from psycopg import AsyncConnection

from hub.certificates import Asked, Drawing, Sealed, issue
from hub.department import Application, Unfit
from hub.departments.traffic.asked import Known, known_of
from kiosk.text import Text, same, text

_DRIVER, _VEHICLE, _SAFE, _LEARNER = "driver", "vehicle", "safe_driving", "learner"


async def ask_record(conn: AsyncConnection, application: Application) -> None:
    """Notes which record is to be certified. Raises Unfit for what the person has none of."""
    who, kind = application.applicant, str(application.answers.get("record", ""))
    known = await known_of(conn, who.number, application.day)
    has_it = {
        _DRIVER: known.licence,
        _SAFE: known.licence,
        _VEHICLE: known.registered,
        _LEARNER: known.learner(application.day),
    }.get(kind)
    if not has_it:
        raise Unfit("no_such_record")
    await conn.execute(
        "insert into traffic.record_case values (%s, %s, %s, %s) on conflict do nothing",
        [application.key, who.number, kind, who.shown_name],
    )


async def certificate(conn: AsyncConnection, asked: Asked) -> Sealed | None:
    """The paper of a case; None where there is none for a machine."""
    rows = await conn.execute(
        "select kind, name from traffic.record_case where case_key = %s and id_number = %s",
        [asked.key, asked.id_number],
    )
    row = await rows.fetchone()
    if row is None:
        return None
    kind, name = row
    told = _record_rows(kind, await known_of(conn, asked.id_number, asked.today), asked.today)
    if not told:
        return None
    who = ((text("certificate.name"), same(name)), (text("certificate.id_number"), same(asked.id_number)))
    sentence = text(f"records.{kind}_sentence", day=same(asked.today.isoformat()))
    issuer = text("records.issuer")
    drawing = Drawing(text(f"records.{kind}_title"), (sentence,), (*who, *told), name, issuer)
    return await issue(conn, "traffic", asked, drawing)


def _record_rows(kind: str, known: Known, today: date) -> list[tuple[Text, Text]]:
    """What stands there now; nothing when that is gone since it was asked for."""
    if kind == _VEHICLE:
        return [
            (text("records.car"), same(f"{car.plate} {car.vin} {car.registered_on or ''}".strip()))
            for car in known.registered
        ]
    if kind == _LEARNER:
        learner = known.learner(today)
        names = {"class": "class", "expires_on": "valid_to", "subject": "subject"}
        return [(text(f"records.{said}"), same(str(learner[name]))) for said, name in names.items()] if learner else []
    licence = known.licence
    if not licence:
        return []
    rows = [
        (text("records.class"), same(licence["class"])),
        (text("records.file_number"), same(licence["file_number"])),
        (text("records.expires_on"), same(licence["expires_on"].isoformat())),
    ]
    if kind == _SAFE:
        decided = [each for each in known.answered_for if each.decision_number]
        rows += [
            (text("records.points"), same(str(licence["points"]))),
            (text("records.violations"), same(str(len(decided)))),
            (text("records.accidents"), same(str(known.more["accidents_open"]))),
        ]
    return rows
