"""Ratings 好差评: once for each case, by somebody who has the case, its slip or its person's card."""

from __future__ import annotations

from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub import events
from hub.context import Hub
from hub.named_cases import lock_number
from kiosk.messages.content import Rating


class _Rated(NamedTuple):
    """What a rating may name: a case (or complaint) that is here under its number, which others can have too."""

    key: str
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
    await judge(hub, conn, rating.receipt_number, among=("", "waiting"))


async def judge(
    hub: Hub,
    conn: AsyncConnection,
    number: str,
    among: tuple[str, ...] = ("", "waiting", "already_rated", "not_proved"),
) -> None:
    """Which ratings of a number count: of each case the first that is proved to be of it.

    Once more, among all, when a case has come: what was proved of no other may be of this one. What has no number is
    never judged.
    """
    if not number:
        return
    await lock_number(conn, number)
    cases = await _rated(hub, conn, number)
    rows = await conn.execute(
        "select rating.key, rating.person_ref, rating.slip_ref, envelope.kiosk_id, refused "
        "from rating join envelope using (key) where rating.receipt_number = %s and refused = any(%s) "
        "order by refused <> '', hub_seq",
        [number, list(among)],
    )
    counts: dict[str | None, str] = {}
    for key, person_ref, slip_ref, kiosk_id, before in await rows.fetchall():
        case = _meant(cases, person_ref, slip_ref, kiosk_id)
        rated, proved = case.key if case else None, case is not None or not cases
        refused = "not_proved" if not proved else "already_rated" if rated in counts else ""
        if not refused:
            counts[rated] = key
        # First all that do not count: two that count at once are forbidden.
        await _rate_word(hub, conn, key, before, refused or "waiting", case)
    await conn.execute("update rating set refused = '' where key = any(%s)", [list(counts.values())])


def _meant(cases: list[_Rated], person_ref: str | None, slip_ref: str | None, kiosk_id: str) -> _Rated | None:
    """The case that is proved best: by its slip, then by its person's card, then by the machine that filed it."""

    def proofs(case: _Rated) -> tuple[bool, bool, bool]:
        by_slip = slip_ref is not None and slip_ref == case.slip_ref
        return by_slip, person_ref is not None and person_ref == case.person_ref, kiosk_id == case.kiosk_id

    best = max(cases, key=proofs, default=None)
    return best if best is not None and any(proofs(best)) else None


async def _rate_word(hub: Hub, conn: AsyncConnection, key: str, before: str, refused: str, case: _Rated | None) -> None:
    await conn.execute(
        "update rating set refused = %s, case_key = %s, service = coalesce(%s, service) where key = %s",
        [refused, case.key if case else None, case.service if case else None, key],
    )
    if refused not in ("waiting", before):
        await events.record(conn, hub.clock.now(), actor="hub", kind="rating_refused", key=key, why=refused)


async def _rated(hub: Hub, conn: AsyncConnection, number: str) -> list[_Rated]:
    complaint = next((s.key for s in hub.catalogue.services.values() if s.has_step("complaint")), "")
    rows = await conn.execute(
        "select case_file.key, service, person_ref, slip_ref, coalesce(envelope.kiosk_id, paper_copy.kiosk_id) "
        "from case_file left join envelope using (key) left join paper_copy using (key) "
        "where case_file.receipt_number = %s and service is not null "
        "union all select key, %s, null, slip_ref, envelope.kiosk_id from complaint join envelope using (key) "
        "where complaint_number = %s order by key",
        [number, complaint, number],
    )
    return [_Rated(*row) for row in await rows.fetchall()]
