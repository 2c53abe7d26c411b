"""Ratings 好差评: once for each case, by somebody who has the case, its slip or its person's card."""

from __future__ import annotations

from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub import events
from hub.context import Hub
from kiosk.messages.content import Rating


class _Rated(NamedTuple):
    """What a rating names: a case (or complaint) that is here."""

    service: str
    person_ref: str | None
    slip_ref: str | None
    kiosk_id: str | None


async def keep_rating(hub: Hub, conn: AsyncConnection, key: str, rating: Rating) -> None:
    """Keeps a rating and judges it; one of a case that is not here yet stands until the case comes.

    What has no number, because nothing was filed, counts as it is.
    """
    named = hub.catalogue.services.get(rating.service)
    # A machine of before names the rating service itself (好差评) for a number that was typed in.
    service = "" if named is not None and all(step.kind == "rate" for step in named.steps) else rating.service
    person_ref = hub.keys.person_ref(rating.id_number) if rating.id_number else None
    await conn.execute(
        "insert into rating (key, receipt_number, service, grade, reasons, refused, person_ref, slip_ref) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(key, rating.receipt_number, service, rating.grade, Jsonb(rating.reasons)),
            *("waiting" if rating.receipt_number else "", person_ref),
            hub.keys.slip_ref(rating.receipt_number, rating.slip_code),
        ],
    )
    if rating.receipt_number:
        await judge(hub, conn, rating.receipt_number, among=("", "waiting"))


async def judge(
    hub: Hub, conn: AsyncConnection, number: str, among: tuple[str, ...] = ("", "waiting", "already_rated")
) -> None:
    """Which rating of a number counts: the first that is proved. Once more, among all, when the case has come."""
    await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 1))", [number])
    case = await _rated(hub, conn, number)
    rows = await conn.execute(
        "select rating.key, rating.person_ref, rating.slip_ref, envelope.kiosk_id, refused "
        "from rating join envelope using (key) where rating.receipt_number = %s and refused = any(%s) "
        "order by refused <> '', hub_seq",
        [number, list(among)],
    )
    found, counts = await rows.fetchall(), None
    for key, person_ref, slip_ref, kiosk_id, before in found:
        proved = case is None or kiosk_id == case.kiosk_id or _same(case, person_ref, slip_ref)
        refused = "not_proved" if not proved else "already_rated" if counts is not None else ""
        counts = key if not refused else counts
        # First all that do not count: two that count at once are forbidden.
        await _rate_word(hub, conn, key, before, refused or "waiting")
    await conn.execute("update rating set refused = '' where key = %s", [counts])
    if case is not None:
        await conn.execute("update rating set service = %s where key = %s", [case.service, counts])


def _same(case: _Rated, person_ref: str | None, slip_ref: str | None) -> bool:
    return (None not in (slip_ref, case.slip_ref) and slip_ref == case.slip_ref) or (
        None not in (person_ref, case.person_ref) and person_ref == case.person_ref
    )


async def _rate_word(hub: Hub, conn: AsyncConnection, key: str, before: str, refused: str) -> None:
    await conn.execute("update rating set refused = %s where key = %s", [refused, key])
    if refused not in ("waiting", before):
        await events.record(conn, hub.clock.now(), actor="hub", kind="rating_refused", key=key, why=refused)


async def _rated(hub: Hub, conn: AsyncConnection, number: str) -> _Rated | None:
    complaint = next((s.key for s in hub.catalogue.services.values() if s.has_step("complaint")), "")
    rows = await conn.execute(
        "select service, person_ref, slip_ref, coalesce(envelope.kiosk_id, paper_copy.kiosk_id) from case_file "
        "left join envelope using (key) left join paper_copy using (key) "
        "where case_file.receipt_number = %s and service is not null "
        "union all select %s, null, slip_ref, envelope.kiosk_id from complaint join envelope using (key) "
        "where complaint_number = %s limit 1",
        [number, complaint, number],
    )
    row = await rows.fetchone()
    return _Rated(*row) if row else None
