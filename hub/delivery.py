"""Delivery by post: which cases are posted, whereto in masked words, and when the post has them.

The address is in no table. It stays sealed in the envelope of its own in which it came, and is opened for a label.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection

from hub import events
from hub.context import Hub
from kiosk.messages.content import POSTED_CASE, CaseForm, Delivery
from kiosk.messages.hall import PostAnswer, PostCase, PostQuestion
from kiosk.messages.masking import mask_address, mask_phone

STEP = "express"
"""The step by which a case of before is posted after all."""
GONE = "post_gone"
_CAN_BE_POSTED = ["accepted", "in_review", "needs_supplement", "decided", "uncollected"]
_MOST = 50


async def keep(hub: Hub, conn: AsyncConnection, key: str, said: Delivery) -> None:
    """Whereto a case is posted; a later word takes the place of an earlier one until the post has it."""
    person_ref, now = hub.keys.person_ref(said.id_number), hub.clock.now()
    await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 4))", [said.case_key])
    rows = await conn.execute(
        "update delivery set state = case when state = 'waiting' then 'replaced' else state end "
        "where case_key = %s and person_ref = %s and state <> 'replaced' returning state",
        [said.case_key, person_ref],
    )
    is_sent = "sent" in [state for (state,) in await rows.fetchall()]
    masked = f"{mask_address(said.to.address)} {mask_phone(said.to.phone)}"
    await conn.execute(
        "insert into delivery values (%s, %s, %s, %s, %s, '', %s) on conflict do nothing",
        [key, said.case_key, person_ref, masked, "replaced" if is_sent else "waiting", now],
    )


class _Found(NamedTuple):
    key: str
    receipt_number: str
    service: str
    state: str
    post: str
    to: str
    tracking: str


async def _cases(hub: Hub, person_ref: str) -> list[_Found]:
    """The cases of a person that can be posted, or are. A word about it counts from the person themselves only."""
    posted = [each.key for each in hub.catalogue.services.values() if "post" in each.delivery]
    async with hub.pool.connection() as conn:
        rows = await conn.execute(
            "select case_file.key::text, receipt_number, service, case_file.state, coalesce(delivery.state, ''), "
            "coalesce(masked, ''), coalesce(tracking, '') from case_file left join delivery "
            "on case_key = case_file.key and delivery.person_ref = case_file.person_ref "
            "and delivery.state <> 'replaced' "
            "where case_file.person_ref = %s and service = any(%s) "
            "and (case_file.state = any(%s) or delivery.state = 'sent') "
            "order by case_file.key desc limit %s",
            [person_ref, posted, _CAN_BE_POSTED, _MOST],
        )
        return [_Found(*row) for row in await rows.fetchall()]


async def post(hub: Hub, question: PostQuestion) -> PostAnswer:
    """Which of a person's cases can be posted, or are."""
    return PostAnswer([PostCase(*each) for each in await _cases(hub, hub.keys.person_ref(question.id_number))])


async def can_be_posted(hub: Hub, form: CaseForm) -> bool:
    """Whether the case that this one names is this person's own, and not with the post already."""
    mine = await _cases(hub, hub.keys.person_ref(form.applicant.number))
    return any(each.key == form.answers.get(POSTED_CASE) and each.post != "sent" for each in mine)


class Waiting(NamedTuple):
    """One thing to be posted; ``key`` is that of the envelope with the address."""

    key: str
    receipt_number: str
    service: str
    state: str
    name: str
    to: str
    since: datetime


async def waiting(conn: AsyncConnection) -> list[Waiting]:
    """What the post has not, what is ready for it first. A word that is not the applicant's own is none."""
    rows = await conn.execute(
        "select delivery.key::text, receipt_number, service, case_file.state, masked_name, masked, at from delivery "
        "join case_file on case_file.key = case_key and case_file.person_ref = delivery.person_ref "
        "where delivery.state = 'waiting' order by case_file.state <> 'decided', at"
    )
    return [Waiting(*row) for row in await rows.fetchall()]


async def sent(conn: AsyncConnection, key: str, tracking: str, now: datetime, by: str) -> bool:
    """The post has it, under this number; whether it was waiting. Its case ends with that, see ``hub.work``."""
    done = await conn.execute(
        "update delivery set state = 'sent', tracking = %s from case_file where delivery.key = %s "
        "and delivery.state = 'waiting' and case_file.key = case_key and case_file.person_ref = delivery.person_ref "
        "and case_file.state in ('decided', 'uncollected')",
        [tracking, key],
    )
    if done.rowcount:
        await events.record(conn, now, actor=f"officer:{by}", kind="posted", key=key, tracking=tracking)
    return done.rowcount > 0


async def case_of(conn: AsyncConnection, key: str) -> str:
    """The case that the delivery with this key is about, "" for none."""
    rows = await conn.execute("select case_key::text from delivery where key = %s", [key])
    return (await rows.fetchone() or ("",))[0]
