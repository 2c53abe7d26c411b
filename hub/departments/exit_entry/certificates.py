"""What the exit-entry department certifies: somebody's own journeys of the last five years (E12)."""

from __future__ import annotations

from psycopg import AsyncConnection

from hub.certificates import Asked, Drawing, Sealed, issue
from hub.departments.exit_entry.records import BORDER_YEARS
from kiosk.clock import local, months_later
from kiosk.text import Text, same, text

_PURPOSES = ("tax", "residence", "own")


async def certificate(conn: AsyncConnection, asked: Asked) -> Sealed | None:
    """The paper of a case; None for a case that asks for none."""
    rows = await conn.execute(
        "select name, purpose from exit_entry.journeys_case where case_key = %s and id_number = %s",
        [asked.key, asked.id_number],
    )
    row = await rows.fetchone()
    if row is None:
        return None
    name, purpose = row
    since = months_later(asked.today, -12 * BORDER_YEARS)
    rows = await conn.execute(
        "select at, direction, port, document_number from exit_entry.border_record "
        "where id_number = %s and at >= %s order by at",
        [asked.id_number, since],
    )
    told = [
        text(f"certificate.journey_{way}", day=same(f"{local(at):%Y-%m-%d}"), port=same(port), document=same(document))
        for at, way, port, document in await rows.fetchall()
    ]
    period = {"first": same(since.isoformat()), "last": same(asked.today.isoformat())}
    sentences = (text("certificate.journeys" if told else "certificate.no_journeys", **period), *told)
    who = ((text("certificate.name"), same(name)), (text("certificate.id_number"), same(asked.id_number)))
    use = ((text("certificate.purpose"), _purpose(purpose)),)
    drawing = Drawing(
        text("certificate.journeys_title"), sentences, (*who, *use), name, text("certificate.exit_entry_office")
    )
    return await issue(conn, "exit_entry", asked, drawing)


def _purpose(purpose: str) -> Text:
    return text(f"certificate.purpose_{purpose}") if purpose in _PURPOSES else same(purpose)
