"""Who asked about whom, when and in which visit; how much one machine may ask; and the alarm for what no hall needs.

A person stands here as an HMAC whose key is not in the database (``HubKeys.person_ref``).
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Any

import msgspec
import structlog
from msgspec import Meta
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub import events
from hub.api.caller import Caller
from hub.api.problems import Problem
from hub.context import Hub
from hub.typed import Hour
from kiosk import shapes
from kiosk.clock import local
from kiosk.messages.encoding import BadSignature
from kiosk.messages.questions import Asked
from kiosk.messages.visits import check_introduction, check_question

KEPT = timedelta(days=190)
"""Half a year and a week: network logs are kept for six months at least (Cybersecurity Law, article 21)."""
KEPT_AN_HOUR = 5000
"""Of one machine, refused ones too: ten times what a hall asks. What is beyond is refused and leaves no row: a stolen
machine would fill the disk."""
MANY, OUTSIDE, REFUSED = "many_persons", "outside_hours", "questions_refused"
_FORM_WITH_VISITS = 2
_LOOK_UPS = ("address", "name_count")
_HOUR = timedelta(hours=1)
_SETTING = "question_limits"
_log = structlog.get_logger()
Count = Annotated[int, Meta(ge=1, le=100_000)]


class Limits(msgspec.Struct, frozen=True):
    """``hub limits``. Persons are counted by machine over the last hour; hours are local and the same every day.

    Look-ups (of addresses, of how many have a name, of a fine by its number) are counted by machine and kind.
    """

    questions_per_visit: Count = 200
    persons_per_hour: Count = 60
    lookups_per_hour: Count = 120
    alarm_at_persons: Count = 30
    opens: Hour = "07:00"
    closes: Hour = "21:00"


async def limits(conn: AsyncConnection) -> Limits:
    """As the city has set them."""
    rows = await conn.execute("select value from setting where name = %s", [_SETTING])
    row = await rows.fetchone()
    return shapes.convert(row[0], Limits) if row else Limits()


async def set_limits(conn: AsyncConnection, wanted: Limits, now: datetime, by: str) -> None:
    """Raises msgspec.ValidationError for what is no limit."""
    values = msgspec.to_builtins(shapes.convert(msgspec.to_builtins(wanted), Limits))
    await conn.execute(
        "insert into setting values (%s, %s) on conflict (name) do update set value = excluded.value",
        [_SETTING, Jsonb(values)],
    )
    await events.record(conn, now, actor=f"supervisor:{by}", kind="limits_set", **values)


async def admit(hub: Hub, caller: Caller, asked: Asked) -> None:
    """Judges a question about a person and writes it down, before it is answered; and counts look-ups.

    Raises Problem: 422 without its visit, 429 above the city's limits. Any other question about no person passes.
    """
    person = getattr(asked.question, "id_number", None)
    if person:
        await _admit_about(hub, caller, asked, person)
    if asked.kind in _LOOK_UPS or getattr(asked.question, "decision_number", None):
        await _admit_lookup(hub, caller.kiosk_id, asked.kind)


async def _admit_about(hub: Hub, caller: Caller, asked: Asked, person: str) -> None:
    visit = _proven_visit(hub, caller, asked, person)
    ref, now = hub.keys.person_ref(person), hub.clock.now()
    async with hub.pool.connection() as conn:
        allowed = await limits(conn)
        # Before it is judged, so that questions at the same moment see each other.
        rows = await conn.execute(
            "insert into question (at, kiosk_id, visit, kind, person_ref, refused) values (%s, %s, %s, %s, %s, false) "
            "returning id",
            [now, caller.kiosk_id, visit, asked.kind, ref],
        )
        (this,) = await rows.fetchone() or (0,)
        of_visit, persons, of_machine = await _counts(conn, caller.kiosk_id, visit, ref, now, this)
        if of_machine > KEPT_AN_HOUR:
            await conn.execute("delete from question where id = %s", [this])
            await _alarm_once(conn, caller.kiosk_id, now, REFUSED, _HOUR, {"persons": persons})
            raise _too_many("this machine")
        refused = of_visit >= allowed.questions_per_visit or persons > allowed.persons_per_hour
        if refused:
            await conn.execute("update question set refused = true where id = %s", [this])
        await _alarm(conn, caller.kiosk_id, now, allowed, persons, refused=refused)
    if refused:
        what = "this visit" if of_visit >= allowed.questions_per_visit else "this machine"
        raise _too_many(what)


async def _admit_lookup(hub: Hub, kiosk_id: str, kind: str) -> None:
    """What anybody may look up, nobody harvests: a register is read page by page, each with a question of its own."""
    now = hub.clock.now()
    async with hub.pool.connection() as conn:
        allowed = await limits(conn)
        around = {"now": now, "over": now - _HOUR, "ahead": now + _HOUR}
        rows = await conn.execute(_COUNT_LOOKUP, {"kiosk_id": kiosk_id, "kind": kind, **around})
        (asked,) = await rows.fetchone() or (0,)
        if asked <= allowed.lookups_per_hour:
            return
        await _alarm_once(conn, kiosk_id, now, REFUSED, _HOUR, {"asked": kind})
    raise _too_many("this machine")


def _too_many(who: str) -> Problem:
    return Problem(429, "too_many_questions", f"{who} has asked too much", headers={"Retry-After": "60"})


# An hour begins with the first look-up after the one before is over, or when the clock was set back by more. Of two at
# the same moment the later one may have the earlier time.
_COUNT_LOOKUP = """
    insert into lookup as own values (%(kiosk_id)s, %(kind)s, %(now)s, 1)
    on conflict (kiosk_id, kind) do update set
        since = case when own.since between %(over)s and %(ahead)s then own.since else excluded.since end,
        asked = case when own.since between %(over)s and %(ahead)s then own.asked + 1 else 1 end
    returning asked"""


def _proven_visit(hub: Hub, caller: Caller, asked: Asked, person: str) -> str:
    """The id of the visit; "" from a machine that is one version older and has never signed in the newer form."""
    said = asked.visit
    if said is None:
        if caller.stamp.form >= _FORM_WITH_VISITS:
            raise Problem(422, "invalid", "a question about a person names the visit of its card", field="visit")
        return ""
    now_s = int(hub.clock.now().timestamp())
    try:
        public_key = caller.public_keys[asked.suite]
        check_introduction(said, kiosk_id=caller.kiosk_id, public_key=public_key, now_s=now_s, suite=asked.suite)
        what = {"kind": asked.kind, "key": asked.key, "question": asked.question_bytes, "suite": asked.suite}
        check_question(said, asked.visit_signature, kiosk_id=caller.kiosk_id, **what)
    except (BadSignature, KeyError) as error:
        raise Problem(422, "invalid", f"not proved: {error}", field="visit") from error
    if said.person != person:
        raise Problem(422, "invalid", "not the person whose card was read", field="visit.person")
    return said.visit


_COUNTS = """
    select (select count(*) from question where kiosk_id = %(kiosk_id)s and visit = %(visit)s and at > %(day)s
            and id <> %(this)s),
        (select count(distinct person_ref) from question
            where kiosk_id = %(kiosk_id)s and at > %(hour)s and person_ref <> %(ref)s) + 1,
        (select count(*) from question where kiosk_id = %(kiosk_id)s and at > %(hour)s)"""


async def _counts(
    conn: AsyncConnection, kiosk_id: str, visit: str, ref: str, now: datetime, this: int
) -> tuple[int, int, int]:
    """Questions of this visit beside this one; persons, and questions, of the last hour together with this one."""
    since = {"day": now - timedelta(days=1), "hour": now - _HOUR}
    rows = await conn.execute(_COUNTS, {"kiosk_id": kiosk_id, "visit": visit, "ref": ref, "this": this, **since})
    of_visit, persons, of_machine = await rows.fetchone() or (0, 1, 1)
    return (of_visit if visit else 0), persons, of_machine


async def _alarm(
    conn: AsyncConnection, kiosk_id: str, now: datetime, allowed: Limits, persons: int, *, refused: bool
) -> None:
    said = {"persons": persons}
    if refused:
        await _alarm_once(conn, kiosk_id, now, REFUSED, _HOUR, said)
    if persons >= allowed.alarm_at_persons:
        await _alarm_once(conn, kiosk_id, now, MANY, _HOUR, said)
    if not _is_open(allowed, now):
        await _alarm_once(conn, kiosk_id, now, OUTSIDE, timedelta(hours=12), said)


def _is_open(allowed: Limits, now: datetime) -> bool:
    opens, closes = map(time.fromisoformat, (allowed.opens, allowed.closes))
    at = local(now).time()
    return opens == closes or (opens <= at < closes if opens < closes else at >= opens or at < closes)


async def _alarm_once(
    conn: AsyncConnection, kiosk_id: str, now: datetime, kind: str, within: timedelta, said: dict[str, Any]
) -> None:
    """One event and one line in the log, however many questions follow."""
    rows = await conn.execute(
        "insert into question_alarm values (%s, %s, %s) on conflict (kiosk_id, kind) do update set at = excluded.at "
        "where question_alarm.at <= %s returning kind",
        [kiosk_id, kind, now, now - within],
    )
    if await rows.fetchone():
        _log.error(kind, kiosk_id=kiosk_id, **said)
        await events.record(conn, now, actor="hub", kind=kind, kiosk_id=kiosk_id, **said)


class LoggedQuestion(msgspec.Struct, frozen=True):
    """One question as it was written down."""

    at: datetime
    kiosk_id: str
    visit: str
    kind: str
    person_ref: str
    refused: bool


async def logged(
    conn: AsyncConnection, *, kiosk_id: str | None, person_ref: str | None, since: datetime
) -> list[LoggedQuestion]:
    """What was asked since then, by this machine and about this person where they are given; the oldest first."""
    rows = await conn.execute(
        "select at, kiosk_id, visit, kind, person_ref, refused from question where at >= %s "
        "and (%s::text is null or kiosk_id = %s) and (%s::text is null or person_ref = %s) order by at",
        [since, kiosk_id, kiosk_id, person_ref, person_ref],
    )
    return [LoggedQuestion(*row) for row in await rows.fetchall()]


async def forget_old(conn: AsyncConnection, now: datetime) -> None:
    """What is older than it has to be kept."""
    await conn.execute("delete from question where at < %s", [now - KEPT])
