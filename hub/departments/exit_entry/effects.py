"""What acceptance and approval change in the exit-entry records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import LiteralString, NamedTuple

import msgspec
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub.department import Application, Effect, Unfit
from hub.departments.exit_entry.fees import pay
from hub.departments.exit_entry.records import PLACES, Held, is_child, records, unused_endorsements
from hub.desk import Desk
from kiosk import shapes
from kiosk.clock import months_later
from kiosk.messages.questions import Endorsement

_SPAN = re.compile(r"(?P<n>[1-9])(?P<unit>[my])_(?P<trips>[1-9]|multi|weekly)")
_UNLIMITED = -1
PHOTO_MONTHS = 12
"""So long a photograph's code is good (believed: 6 to 12 months by place)."""


class _Made(NamedTuple):
    """A kind of document: how its number begins, and for how many years it is good from 16 on and before."""

    letter: str
    years: int
    childs_years: int

    def valid_to(self, id_number: str, issued: date) -> date:
        """The last day of one that is issued on this day."""
        return months_later(issued, 12 * (self.childs_years if is_child(id_number, issued) else self.years))


MADE = {
    # 护照法 art. 7; believed of the permits: 往来港澳 as a passport, 往来台湾 five years at every age.
    "passport": _Made("E", 10, 5),
    "hk_macao_permit": _Made("C", 10, 5),
    "taiwan_permit": _Made("L", 5, 5),
}


def _order(kind: str, *, is_lost: bool = False) -> Effect:
    """Applied for. A lost one is void from this moment on, whoever finds it; any other when the new one is taken."""

    async def order(conn: AsyncConnection, application: Application) -> None:
        if is_lost or application.answers.get("reason") == "lost":
            await _mark(conn, application, kind, "lost")
        await _put_order(conn, application, kind)

    return order


async def _mark(conn: AsyncConnection, application: Application, kind: str, state: LiteralString) -> None:
    await conn.execute(
        "update exit_entry.document set state = %s where id_number = %s and kind = %s and state <> 'cancelled'",
        [state, application.applicant.number, kind],
    )


async def _put_order(
    conn: AsyncConnection, application: Application, kind: str, granted: list[Endorsement] | None = None
) -> None:
    is_paid = application.paid_fen >= application.fee_fen
    await conn.execute(
        "insert into exit_entry.ordered (case_key, id_number, kind, granted, fee_fen, paid_on, state, ordered_on) "
        "values (%s, %s, %s, %s, %s, %s, 'in_review', %s)",
        [
            *(application.key, application.applicant.number, kind, Jsonb(msgspec.to_builtins(granted or []))),
            *(application.fee_fen, application.day if is_paid else None, application.day),
        ],
    )


# Endorsements that only residents of one city get (深圳 from 2024-12-01, 珠海 and 横琴 from 2025-01-01).
_RIGHTS = {
    ("G", "hong_kong", "1y_multi"): "shenzhen",
    ("G", "macao", "1y_weekly"): "zhuhai",
    ("G", "macao", "1y_multi"): "hengqin",
}


def wished(answers: Mapping[str, object], letter: str, today: date) -> list[Endorsement]:
    """The endorsements that were chosen, ``hong_kong = "1y_2"``: so many trips within so long. Raises Unfit."""
    found = []
    for place in PLACES:
        span = _SPAN.fullmatch(str(answers.get(place, "")))
        if place in answers and span is None:
            raise Unfit("endorsement_unknown")
        if span:
            months = int(span["n"]) * (12 if span["unit"] == "y" else 1)
            trips = int(span["trips"]) if span["trips"].isdigit() else _UNLIMITED
            found.append(Endorsement(letter, place, trips, months_later(today, months)))
    if not found:
        raise Unfit("endorsement_unknown")
    return found


def _grant(letter: str) -> Effect:
    """Written on the permit at once, or on the one that is applied for with it when that is made.

    Raises Unfit for a place that has an unused one of the same type.
    """

    async def grant(conn: AsyncConnection, application: Application) -> None:
        granted = wished(application.answers, letter, application.day)
        known = await records(conn, application.applicant.number, application.day)
        held, city_right = known.documents, known.person.city_right if known.person else ""
        for place in PLACES:
            needed = _RIGHTS.get((letter, place, str(application.answers.get(place))), city_right)
            if needed != city_right:
                raise Unfit("endorsement_of_other_city")
        unused = {(each.type, each.place) for each in unused_endorsements(held, application.day)}
        if any((each.type, each.place) in unused for each in granted):
            raise Unfit("place_not_used_up")
        if not application.rests_on or not await _grant_ahead(conn, application, granted):
            await write(conn, application.applicant.number, _permit(held, "hk_macao_permit"), granted)

    return grant


async def _grant_ahead(conn: AsyncConnection, application: Application, granted: list[Endorsement]) -> bool:
    """For the permit of one of the cases that this one rests on; False where none is being made."""
    rows = await conn.execute(
        "insert into exit_entry.endorsed_ahead select %s, case_key, %s from exit_entry.ordered "
        "where case_key = any(%s::uuid[]) and id_number = %s and kind = 'hk_macao_permit' and state <> 'done' "
        "returning case_key",
        [
            *(application.key, Jsonb(msgspec.to_builtins(granted))),
            *(list(application.rests_on), application.applicant.number),
        ],
    )
    return await rows.fetchone() is not None


def _permit(held: list[Held], kind: str) -> str:
    number = next((each.number for each in held if each.kind == kind and each.state == "valid"), None)
    if number is None:
        raise Unfit("permit_valid")
    return number


def _is_the_one_read(number: str, application: Application, kind: str) -> None:
    """Raises Unfit when the machine has read another document than the one that would be written on."""
    if application.answers.get(f"{kind}_number", number) != number:
        raise Unfit("permit_other")


async def write(conn: AsyncConnection, id_number: str, document: str, granted: list[Endorsement]) -> None:
    """Endorsements in the place of former ones of the same type and place."""
    await conn.execute(
        "update exit_entry.document set endorsements = (select coalesce(jsonb_agg(old), '[]') "
        "from jsonb_array_elements(endorsements) old where not exists (select from jsonb_array_elements(%(new)s) new "
        "where new->'type' = old->'type' and new->'place' = old->'place')) || %(new)s where number = %(document)s",
        {"document": document, "new": Jsonb(msgspec.to_builtins(granted))},
    )
    await conn.execute("update exit_entry.person set endorsed_here = true where id_number = %s", [id_number])


async def _apply_for_taiwan_endorsement(conn: AsyncConnection, application: Application) -> None:
    held = (await records(conn, application.applicant.number, application.day)).documents
    _is_the_one_read(_permit(held, "taiwan_permit"), application, "taiwan_permit")
    span = _SPAN.fullmatch(str(application.answers.get("times", "")))
    if span is None:
        raise Unfit("endorsement_unknown")
    trips = int(span["trips"]) if span["trips"].isdigit() else _UNLIMITED
    until = months_later(application.day, int(span["n"]) * (12 if span["unit"] == "y" else 1))
    await _put_order(conn, application, "endorsement", [Endorsement("T", "taiwan", trips, until)])


async def approve(conn: AsyncConnection, case_key: str) -> None:
    """What was applied for is made: a document waits to be taken, endorsements are written."""
    rows = await conn.execute(
        "update exit_entry.ordered set state = case when kind = 'endorsement' then 'done' else 'ready' end "
        "where case_key = %s and state = 'in_review' returning kind, id_number, granted",
        [case_key],
    )
    row = await rows.fetchone()
    if row is None or row[0] != "endorsement":
        return
    granted = shapes.convert(row[2], list[Endorsement])
    rows = await conn.execute(
        "select number from exit_entry.document where id_number = %s and kind = 'taiwan_permit' and state = 'valid'",
        [row[1]],
    )
    if document := await rows.fetchone():
        await write(conn, row[1], document[0], granted)


async def drop(conn: AsyncConnection, case_key: str) -> None:
    """Nothing comes of what was applied for."""
    await conn.execute("delete from exit_entry.ordered where case_key = %s and state = 'in_review'", [case_key])
    await conn.execute("delete from exit_entry.endorsed_ahead where case_key = %s", [case_key])


async def ready(conn: AsyncConnection, id_number: str) -> list[str]:
    """The cases whose documents are made and wait for this person, oldest first."""
    rows = await conn.execute(
        "select case_key::text from exit_entry.ordered where id_number = %s and state = 'ready' "
        "order by ordered_on, case_key",
        [id_number],
    )
    return [key for (key,) in await rows.fetchall()]


async def _sign_for_document(conn: AsyncConnection, application: Application) -> None:
    """The old document is cancelled first; the new one is the person's when it is in their hand."""
    waiting = await ready(conn, application.applicant.number)
    if not waiting:
        raise Unfit("document_ready")
    rows = await conn.execute("select kind from exit_entry.ordered where case_key = %s", [waiting[0]])
    kind = (await rows.fetchone() or ("",))[0]
    await _mark(conn, application, kind, "cancelled")
    await conn.execute("insert into exit_entry.collection values (%s, %s)", [application.key, waiting[0]])


async def collected(conn: AsyncConnection, case_key: str) -> None:
    """It is in its person's hand, whether by the case that made it or by the one that collects it."""
    rows = await conn.execute(
        "update exit_entry.ordered set state = 'done' where state = 'ready' and case_key = coalesce("
        "(select ordered from exit_entry.collection where case_key = %(key)s), %(key)s::uuid) "
        "returning kind, case_key::text, id_number, (select since::date from exit_entry.case_desk "
        "where case_desk.case_key = %(key)s)",
        {"key": case_key},
    )
    row = await rows.fetchone()
    if row is None or row[0] not in MADE:
        return
    (kind, ordered, id_number, day), made = row, MADE[row[0]]
    await Desk("exit_entry").close_with(conn, ordered, case_key)
    await conn.execute(
        "update exit_entry.document set state = 'cancelled' "
        "where id_number = %s and kind = %s and state <> 'cancelled'",
        [id_number, kind],
    )
    await conn.execute(
        "insert into exit_entry.document (number, id_number, kind, expires_on, state, endorsements) "
        "select %s || nextval('exit_entry.document_number'), %s, %s, %s, 'valid', (select "
        "coalesce(jsonb_agg(each), '[]') from exit_entry.endorsed_ahead, jsonb_array_elements(granted) each "
        "where permit_case = %s)",
        [f"{made.letter}99", id_number, kind, made.valid_to(id_number, day), ordered],
    )


async def _keep_photo(conn: AsyncConnection, application: Application) -> None:
    # The code stands on the receipt; it is the case's own key, which nobody guesses, in few characters.
    code = re.sub("[^0-9a-f]", "", application.key)[-12:].upper()
    await conn.execute(
        "insert into exit_entry.photo_receipt values (%s, %s, %s, %s)",
        [code, application.key, application.applicant.number, months_later(application.day, PHOTO_MONTHS)],
    )


async def _ask_journeys(conn: AsyncConnection, application: Application) -> None:
    """Notes whose journeys are to be certified, and for what: the paper says both."""
    who = application.applicant
    await conn.execute(
        "insert into exit_entry.journeys_case values (%s, %s, %s, %s)",
        [application.key, who.number, who.shown_name, str(application.answers.get("purpose", ""))],
    )


EFFECTS: dict[str, Effect] = {
    "passport_ordered": _order("passport"),
    "lost_passport_replaced": _order("passport", is_lost=True),
    "hk_macao_permit_ordered": _order("hk_macao_permit"),
    "taiwan_permit_ordered": _order("taiwan_permit"),
    "team_endorsement_granted": _grant("L"),
    "personal_endorsement_granted": _grant("G"),
    "business_endorsement_granted": _grant("S"),
    "taiwan_endorsement_ordered": _apply_for_taiwan_endorsement,
    "document_collected": _sign_for_document,
    "fees_paid": pay,
    "photo_kept": _keep_photo,
    "journeys_asked": _ask_journeys,
}
