"""What a person has said of a service that this machine could not finish: sealed, until it is filed or midnight.

It belongs to the card that was read: every question about it names a visit of that card. The phone gets an address
that is good once and for minutes; it shows the same, masked (``hub.api.phone``). A code leads another machine to the
service, and to nothing of the person; it ends when that is filed or over.
"""

from __future__ import annotations

import secrets
from datetime import datetime, time, timedelta
from typing import NamedTuple

import msgspec
from psycopg import AsyncConnection

from hub import tries
from hub.context import Hub
from kiosk import shapes
from kiosk.catalogue.model import Bundle, Service
from kiosk.clock import LOCAL, local
from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.handover import HandoverAnswer, HandoverQuestion, ResumeAnswer, ResumeQuestion, Said
from kiosk.messages.resume_code import is_resume_code, new_resume_code
from kiosk.messages.seal import seal, unseal
from kiosk.messages.suites import DEFAULT

LINK_FOR = timedelta(minutes=10)
MOST_LEFT = 40
"""Of one person, whichever machine says so: what is left stands in the answer to their next card."""
_LINK_BYTES = 16


class Opened(NamedTuple):
    """What a phone's address opens. ``said``: what was left, None for nothing; ``waits``: for a late result."""

    service: str
    said: list[Said] | None
    waits: bool


async def handover(hub: Hub, question: HandoverQuestion) -> HandoverAnswer:
    """Raises InvalidMessage for a service that nobody knows."""
    _check_known(hub, question)
    person, service = hub.keys.person_ref(question.id_number), question.service
    async with hub.pool.connection() as conn:
        await forget_old(conn, hub.clock.now())
        if question.action == "keep":
            return await _keep_handover(hub, conn, person, question)
        if question.action == "take":
            return await _take_over(hub, conn, person, question)
        if question.action == "code":
            return await _code(hub, conn, person, service)
        return await _link(hub, conn, person, service)


def _check_known(hub: Hub, question: HandoverQuestion) -> None:
    """One service, a bundle, or whatever was ticked, whose parts say what it is."""
    services = hub.catalogue.services
    if not {*question.parts} <= services.keys():
        raise InvalidMessage("question.parts", "no such service")
    if _named(hub, question.service) is None and (question.action in ("keep", "phone") and not question.parts):
        raise InvalidMessage("question.service", "no such service")


def _named(hub: Hub, key: str) -> Service | Bundle | None:
    return hub.catalogue.services.get(key) or hub.catalogue.bundles.get(key)


async def _keep_handover(hub: Hub, conn: AsyncConnection, person: str, question: HandoverQuestion) -> HandoverAnswer:
    place = _place(person, question.service)
    sealed = seal(msgspec.json.encode(question.said), hub.keys.seal_key(), **place)
    rows = await conn.execute(
        "insert into handover (person_ref, service, sealed, until, parts) "
        "select %(person)s, %(service)s, %(sealed)s, %(until)s, %(parts)s::text[] where "
        "(select count(*) from handover where person_ref = %(person)s and service <> %(service)s) < %(most)s "
        "on conflict (person_ref, service) "
        "do update set sealed = excluded.sealed, until = excluded.until, parts = excluded.parts returning 1",
        {
            "person": person,
            "service": question.service,
            "sealed": sealed,
            "parts": question.parts,
            "until": midnight(hub.clock.now()),
            "most": MOST_LEFT,
        },
    )
    return HandoverAnswer("kept", until="24:00") if await rows.fetchone() else HandoverAnswer("none")


def midnight(now: datetime) -> datetime:
    """The end of this local day."""
    return datetime.combine(local(now).date() + timedelta(days=1), time(), LOCAL)


async def _take_over(hub: Hub, conn: AsyncConnection, person: str, question: HandoverQuestion) -> HandoverAnswer:
    # It stays until it is filed: the answer may be lost on the way, the machine may die, the person may go again.
    rows = await conn.execute(
        "select sealed from handover where person_ref = %(person)s and service = %(service)s and "
        "(%(code)s::text is null or exists (select from resume_code where code_ref = %(code)s "
        "and person_ref = %(person)s and service = %(service)s))",
        {
            "person": person,
            "service": question.service,
            "code": _code_ref(hub, question.code) if question.code else None,
        },
    )
    row = await rows.fetchone()
    if row is None:
        return HandoverAnswer("none")
    return HandoverAnswer("taken", said=_unsealed(hub, row[0], person, question.service))


async def _code(hub: Hub, conn: AsyncConnection, person: str, service: str) -> HandoverAnswer:
    """A fresh code for what is left; the one of before ends. The hub keeps its digest only."""
    code = new_resume_code()
    rows = await conn.execute(
        "insert into resume_code select %s, person_ref, service from handover where person_ref = %s and service = %s "
        "on conflict (person_ref, service) do update set code_ref = excluded.code_ref returning 1",
        [_code_ref(hub, code), person, service],
    )
    return HandoverAnswer("ready", code=code, until="24:00") if await rows.fetchone() else HandoverAnswer("none")


def _code_ref(hub: Hub, code: str) -> str:
    return hub.keys.person_ref(f"resume code {code}")


async def resume(hub: Hub, question: ResumeQuestion, kiosk_id: str) -> ResumeAnswer:
    """The service that a code leads to. What opens nothing is counted, as guessed receipt numbers are."""
    if not is_resume_code(question.code):
        return ResumeAnswer("none")
    async with hub.pool.connection() as conn:
        this, wait_s = await tries.begin(hub, conn, kiosk_id, "", with_code=False)
        if wait_s:
            return ResumeAnswer("wait", wait_s=wait_s)
        rows = await conn.execute(
            "select service, parts from resume_code join handover using (person_ref, service) "
            "where code_ref = %s and until > %s",
            [_code_ref(hub, question.code), hub.clock.now()],
        )
        row = await rows.fetchone()
        if row is None:
            return ResumeAnswer("none")
        await tries.forget(conn, this)
    return ResumeAnswer("found", *row)


def _unsealed(hub: Hub, sealed: bytes, person: str, service: str) -> list[Said]:
    place = _place(person, service)
    plain = hub.keys.open_with(DEFAULT, lambda private: unseal(sealed, private, **place))
    return shapes.from_json(plain, list[Said])


def _place(person: str, service: str) -> dict[str, str]:
    """What it is sealed for: nobody else's row opens it."""
    return {"kiosk_id": "hub", "key": person, "part": f"handover:{service}"}


async def _link(hub: Hub, conn: AsyncConnection, person: str, service: str) -> HandoverAnswer:
    """A fresh address; the one of before for the same ends."""
    link, until = secrets.token_urlsafe(_LINK_BYTES), hub.clock.now() + LINK_FOR
    await conn.execute(
        "insert into phone_link values (%s, %s, %s, %s) on conflict (person_ref, service) "
        "do update set link_ref = excluded.link_ref, until = excluded.until",
        [_link_ref(hub, link), person, service, until],
    )
    host = f"https://{hub.names[0]}" if hub.names else ""
    return HandoverAnswer("ready", address=f"{host}/phone?link={link}", until=f"{local(until):%H:%M}")


def _link_ref(hub: Hub, link: str) -> str:
    return hub.keys.person_ref(f"phone link {link}")


async def opened(hub: Hub, conn: AsyncConnection, link: str) -> Opened | None:
    """What is behind this address, once; None when it is none, was used, or is over. What was left stays."""
    now = hub.clock.now()
    rows = await conn.execute(
        "delete from phone_link where link_ref = %s and until > %s returning person_ref, service",
        [_link_ref(hub, link), now],
    )
    row = await rows.fetchone()
    if row is None:
        return None
    rows = await conn.execute(
        "select (select sealed from handover where person_ref = %(person)s and service = %(service)s "
        "and until > %(now)s), exists (select from parked where person_ref = %(person)s and service = %(service)s)",
        {"person": row[0], "service": row[1], "now": now},
    )
    sealed, waits = await rows.fetchone() or (None, False)
    return Opened(row[1], _unsealed(hub, sealed, *row) if sealed else None, waits)


async def taken_up(conn: AsyncConnection, person_ref: str, service: str, whole: str) -> None:
    """It was filed: nothing is left of it, nor of the ``whole`` it was filed with; of several it is not done again."""
    await conn.execute(
        "delete from handover where person_ref = %s and service in (%s, %s)", [person_ref, service, whole]
    )
    await conn.execute("delete from phone_link where person_ref = %s and service = %s", [person_ref, service])
    await conn.execute(
        "with less as (update handover set parts = array_remove(parts, %(service)s) "
        "where person_ref = %(person)s and %(service)s = any(parts) and cardinality(parts) > 1 returning 1) "
        "delete from handover where person_ref = %(person)s and parts = array[%(service)s]",
        {"person": person_ref, "service": service},
    )


async def forget_old(conn: AsyncConnection, now: datetime) -> None:
    """Nothing outlives its time."""
    await conn.execute("delete from handover where until <= %s", [now])
    await conn.execute("delete from phone_link where until <= %s", [now])
