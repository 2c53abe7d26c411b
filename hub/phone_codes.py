"""A telephone number is its person's: a code goes to it by message and is typed at the machine.

Neither number nor code is in the database: both stand there as keyed digests (``HubKeys``).
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from math import ceil
from uuid import uuid4

import structlog
from psycopg import AsyncConnection

from hub.context import Hub
from hub.sms import SmsAway, SmsPort
from kiosk.messages.content import CaseForm
from kiosk.messages.hall import CODE_DIGITS, PHONE_PROOF, CodeAnswer, CodeQuestion
from kiosk.text import text

GOOD_FOR = timedelta(minutes=5)
TRIES = 5
"""Of one code: with a million codes one try in 200,000 would be right."""
BETWEEN = timedelta(seconds=60)
OF_A_PHONE, PHONE_WINDOW = 5, timedelta(days=1)
OF_A_MACHINE, MACHINE_WINDOW = 60, timedelta(hours=1)
KEPT = timedelta(days=92)
"""As long as a case may wait at its machine."""
UNPROVED = "phone_unproved"
_log = structlog.get_logger()


async def code(hub: Hub, question: CodeQuestion, kiosk_id: str) -> CodeAnswer:
    """Sends a code, or judges one."""
    if hub.sms is None:
        return CodeAnswer("unavailable")
    if question.action == "send":
        return await _send_code(hub, hub.sms, question, kiosk_id)
    async with hub.pool.connection() as conn, conn.transaction():
        return await _judged_code(hub, conn, question, kiosk_id)


def _phone_ref(hub: Hub, phone: str) -> str:
    return hub.keys.person_ref(f"phone {phone}")


async def _send_code(hub: Hub, sms: SmsPort, question: CodeQuestion, kiosk_id: str) -> CodeAnswer:
    phone_ref, now, ident = _phone_ref(hub, question.phone), hub.clock.now(), str(uuid4())
    fresh = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    async with hub.pool.connection() as conn, conn.transaction():
        for name in (kiosk_id, phone_ref):
            await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 5))", [name])
        if wait := await _wait(conn, phone_ref, kiosk_id, now):
            return CodeAnswer("wait", wait_s=max(1, ceil(wait.total_seconds())))
        await conn.execute(
            "insert into phone_code values (%s, %s, %s, %s, %s, %s)",
            [ident, kiosk_id, hub.keys.person_ref(question.id_number), phone_ref, _code_ref(hub, ident, fresh), now],
        )
    try:
        await sms.send(question.phone, text("code.message", code=fresh).zh)
    except SmsAway as error:
        _log.warning("sms_not_sent", error=type(error).__name__)
        async with hub.pool.connection() as conn:
            await conn.execute("delete from phone_code where id = %s", [ident])
        return CodeAnswer("unavailable")
    return CodeAnswer("sent", wait_s=int(BETWEEN.total_seconds()))


def _code_ref(hub: Hub, ident: str, typed: str) -> str:
    return hub.keys.person_ref(f"code {ident} {typed}")


async def _wait(conn: AsyncConnection, phone_ref: str, kiosk_id: str, now: datetime) -> timedelta | None:
    """How long until another one may be sent; None: now."""
    await conn.execute("delete from phone_code where at < %s", [now - KEPT])
    rows = await conn.execute(
        "select max(at) filter (where phone_ref = %s), "
        "(select at from phone_code where phone_ref = %s and at > %s order by at desc limit 1 offset %s), "
        "(select at from phone_code where kiosk_id = %s and at > %s order by at desc limit 1 offset %s) "
        "from phone_code where phone_ref = %s",
        [
            *(phone_ref, phone_ref, now - PHONE_WINDOW, OF_A_PHONE - 1),
            *(kiosk_id, now - MACHINE_WINDOW, OF_A_MACHINE - 1, phone_ref),
        ],
    )
    last, of_phone, of_machine = await rows.fetchone() or (None, None, None)
    windows = ((last, BETWEEN), (of_phone, PHONE_WINDOW), (of_machine, MACHINE_WINDOW))
    waits = [at + window - now for at, window in windows if at is not None]
    return max((wait for wait in waits if wait > timedelta(0)), default=None)


async def _judged_code(hub: Hub, conn: AsyncConnection, question: CodeQuestion, kiosk_id: str) -> CodeAnswer:
    """By the last code that went to this number from this machine, for this person."""
    rows = await conn.execute(
        "select id::text, code_ref, at, tries, proved_at from phone_code where kiosk_id = %s and phone_ref = %s "
        "and person_ref = %s order by at desc limit 1 for update",
        [kiosk_id, _phone_ref(hub, question.phone), hub.keys.person_ref(question.id_number)],
    )
    row = await rows.fetchone()
    if row is None:
        return CodeAnswer("late")
    ident, code_ref, at, tries, proved_at = row
    now = hub.clock.now()
    if at + GOOD_FOR < now or proved_at is not None:
        return CodeAnswer("late")
    if tries >= TRIES:
        return CodeAnswer("spent")
    right = secrets.compare_digest(code_ref, _code_ref(hub, ident, question.code))
    await conn.execute(
        "update phone_code set tries = tries + 1, proved_at = %s where id = %s", [now if right else None, ident]
    )
    if right:
        return CodeAnswer("right", proof=ident)
    return CodeAnswer("wrong", left=TRIES - tries - 1) if tries + 1 < TRIES else CodeAnswer("spent")


async def is_proved(hub: Hub, form: CaseForm) -> bool:
    """Whether every number of a case that says it was proved was: this number, by this person."""
    claims = [
        (name.removesuffix(PHONE_PROOF), str(proof))
        for name, proof in form.answers.items()
        if name.endswith(PHONE_PROOF)
    ]
    if not claims:
        return True
    async with hub.pool.connection() as conn:
        for name, proof in claims:
            rows = await conn.execute(
                "select from phone_code where id::text = %s and phone_ref = %s and person_ref = %s "
                "and proved_at is not null",
                [
                    *(proof, _phone_ref(hub, str(form.answers.get(name, "")))),
                    hub.keys.person_ref(form.applicant.number),
                ],
            )
            if await rows.fetchone() is None:
                return False
    return True
