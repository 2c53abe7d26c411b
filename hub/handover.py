"""What a person has said of a service that this machine could not finish: sealed, until midnight, taken up once.

It belongs to the card that was read: every question about it names a visit of that card. The phone gets an address
that is good once and for minutes; it shows the same, masked (``hub.api.phone``).
"""

from __future__ import annotations

import secrets
from datetime import datetime, time, timedelta
from typing import NamedTuple

import msgspec
from psycopg import AsyncConnection

from hub.context import Hub
from kiosk.clock import LOCAL, local
from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.handover import HandoverAnswer, HandoverQuestion, Said
from kiosk.messages.seal import seal, unseal
from kiosk.messages.suites import DEFAULT

LINK_FOR = timedelta(minutes=10)
_LINK_BYTES = 16


class Opened(NamedTuple):
    """What a phone's address opens. ``said``: what was left, None for nothing; ``waits``: for a late result."""

    service: str
    said: list[Said] | None
    waits: bool


async def handover(hub: Hub, question: HandoverQuestion) -> HandoverAnswer:
    """Raises InvalidMessage for a service that nobody knows."""
    service = hub.catalogue.services.get(question.service)
    if service is None:
        raise InvalidMessage("question.service", "no such service")
    person = hub.keys.person_ref(question.id_number)
    async with hub.pool.connection() as conn:
        await forget_old(conn, hub.clock.now())
        if question.action == "keep":
            return await _keep(hub, conn, person, service.key, question.said)
        if question.action == "take":
            return await _take(hub, conn, person, service.key)
        return await _link(hub, conn, person, service.key)


async def _keep(hub: Hub, conn: AsyncConnection, person: str, service: str, said: list[Said]) -> HandoverAnswer:
    sealed = seal(msgspec.json.encode(said), hub.keys.seal_key(), **_place(person, service))
    await conn.execute(
        "insert into handover values (%s, %s, %s, %s) on conflict (person_ref, service) "
        "do update set sealed = excluded.sealed, until = excluded.until",
        [person, service, sealed, midnight(hub.clock.now())],
    )
    return HandoverAnswer("kept", until="24:00")


def midnight(now: datetime) -> datetime:
    """The end of this local day."""
    return datetime.combine(local(now).date() + timedelta(days=1), time(), LOCAL)


async def _take(hub: Hub, conn: AsyncConnection, person: str, service: str) -> HandoverAnswer:
    # One statement: of two machines that ask at once, one has it.
    rows = await conn.execute(
        "delete from handover where person_ref = %s and service = %s returning sealed", [person, service]
    )
    row = await rows.fetchone()
    return HandoverAnswer("taken", said=_opened(hub, row[0], person, service)) if row else HandoverAnswer("none")


def _opened(hub: Hub, sealed: bytes, person: str, service: str) -> list[Said]:
    place = _place(person, service)
    plain = hub.keys.open_with(DEFAULT, lambda private: unseal(sealed, private, **place))
    return msgspec.json.decode(plain, type=list[Said])


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
    return Opened(row[1], _opened(hub, sealed, *row) if sealed else None, waits)


async def taken_up(conn: AsyncConnection, person_ref: str | None, service: str) -> None:
    """It was filed: nothing is left of it."""
    for table in ("handover", "phone_link"):
        await conn.execute(
            f"delete from {table} where person_ref = %s and service = %s",  # noqa: S608 - one of two names
            [person_ref, service],
        )


async def forget_old(conn: AsyncConnection, now: datetime) -> None:
    """Nothing outlives its time."""
    await conn.execute("delete from handover where until <= %s", [now])
    await conn.execute("delete from phone_link where until <= %s", [now])
