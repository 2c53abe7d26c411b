"""Services that wait for a late result: laid down under their person, taken up again by the tap of the card anywhere.

Only which service, and which of its checks it waits for, is kept; what the person says is asked when it goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from psycopg import AsyncConnection

from hub import handover
from hub.context import Hub
from hub.department import Facts
from kiosk.catalogue.rules import failed_checks
from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.parked import ParkAnswer, ParkedFact, ParkQuestion

WAITS = timedelta(days=7)
"""After that it is begun anew, if the person still wants it."""


async def park(hub: Hub, question: ParkQuestion) -> ParkAnswer:
    """Lays it down, or says once more until when it waits. Raises InvalidMessage."""
    service = hub.catalogue.services.get(question.service)
    if service is None or not {*question.checks} <= {check.id for check in service.checks}:
        raise InvalidMessage("question.checks", "this service has no such checks")
    until = hub.clock.today() + WAITS
    async with hub.pool.connection() as conn:
        await conn.execute("delete from parked where until < %s", [hub.clock.today()])
        await conn.execute(
            "insert into parked values (%s, %s, %s, %s) on conflict (person_ref, service) do update "
            "set checks = excluded.checks, until = excluded.until",
            [hub.keys.person_ref(question.id_number), service.key, question.checks, until],
        )
    return ParkAnswer(until)


_WAITING = """select service, checks, '{}'::text[] from parked where person_ref = %(who)s and until >= %(today)s
    union all select service, null, parts from handover where person_ref = %(who)s and until > %(now)s
    order by service"""


Waiting = list[tuple[str, list[str] | None, list[str]]]
"""Services, each with the checks that it waits for, and the parts of several together.

None in place of checks: it waits for nothing, it is left (hub/handover.py).
"""


async def waiting(hub: Hub, id_number: str) -> Waiting:
    """What waits for this person, and what is left, asked at once."""
    asked = {"who": hub.keys.person_ref(id_number), "today": hub.clock.today(), "now": hub.clock.now()}
    async with hub.pool.connection() as conn:
        rows = await conn.execute(_WAITING, asked)
        return await rows.fetchall()


def parked(hub: Hub, found: Waiting, known: Mapping[str, Facts]) -> list[ParkedFact]:
    """The same as it is told; ``known``: the facts by department, of those that have answered."""
    left = {key: parts for key, checks, parts in found if checks is None}
    return [
        *(
            ParkedFact(key, _is_ready(hub, key, checks, known))
            for key, checks, _ in found
            if checks is not None and key not in left
        ),
        *(ParkedFact(key, is_ready=True, is_left=True, parts=parts) for key, parts in left.items()),
    ]


def _is_ready(hub: Hub, key: str, checks: list[str], known: Mapping[str, Facts]) -> bool:
    service = hub.catalogue.services.get(key)
    facts = known.get(service.department) if service else None
    if service is None or facts is None:
        return False
    today: date = hub.clock.today()
    return not {*checks} & {*failed_checks(service, facts, today)}


async def taken_up(conn: AsyncConnection, person_ref: str, service: str, whole: str) -> None:
    """It was filed: nothing waits any more. ``whole``: together with others, as what; "" alone."""
    await conn.execute("delete from parked where person_ref = %s and service = %s", [person_ref, service])
    await handover.taken_up(conn, person_ref, service, whole)
