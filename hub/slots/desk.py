"""Answers machines' questions about appointments, and decides cases that are nothing but one."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection

from hub import events
from hub.context import Hub
from hub.slots import book
from hub.slots.book import Claim, Place
from hub.slots.plan import Counter, Opening, Plan, openings, plan_of
from kiosk.catalogue.model import Service
from kiosk.clock import from_local, local
from kiosk.messages.content import APPOINTMENT, CaseForm
from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.hall import Slot, SlotsAnswer, SlotsQuestion

"""The step that asks for one, and the name of its answer."""
GONE = "slot_gone"


async def slots(hub: Hub, question: SlotsQuestion) -> SlotsAnswer:
    """Raises InvalidMessage for a service without appointments, or a counter that nobody knows."""
    service = hub.catalogue.services.get(question.service)
    if service is None or not service.has_step(APPOINTMENT):
        raise InvalidMessage("question.service", "no appointment is made for it")
    async with hub.pool.connection() as conn:
        plan = await plan_of(conn)
        counter = plan.counter(question.counter)
        if counter is None:
            raise InvalidMessage("question.counter", "no such counter")
        claim = Claim(question.key, hub.keys.person_ref(question.id_number), service.key, counter.key)
        if question.action == "take":
            return await _take_place(hub, conn, plan, counter, claim, question)
        if question.action == "cancel":
            return await _cancel(hub, conn, claim, service)
        return await _offer(hub, conn, plan, counter, claim)


async def _offer(hub: Hub, conn: AsyncConnection, plan: Plan, counter: Counter, claim: Claim) -> SlotsAnswer:
    now = hub.clock.now()
    found = await book.left(conn, counter, openings(plan, counter, now), now)
    mine = await book.of_person(conn, claim, now)
    return SlotsAnswer("open", [_slot(each, count) for each, count in found], mine and _slot_of_place(mine))


async def _take_place(
    hub: Hub, conn: AsyncConnection, plan: Plan, counter: Counter, claim: Claim, question: SlotsQuestion
) -> SlotsAnswer:
    if not question.key:
        raise InvalidMessage("question.key", "a place is held for a case")
    opening = _opening(plan, counter, question.begins_at, hub.clock.now())
    if opening is not None:
        async with conn.transaction():
            if await _is_others(conn, claim):
                raise InvalidMessage("question.key", "somebody else's case")
            place = await book.hold(conn, plan, counter, claim, opening, hub.clock.now())
        if place is not None:
            return SlotsAnswer("taken", mine=_slot_of_place(place))
    offer = await _offer(hub, conn, plan, counter, claim)
    return SlotsAnswer("full", offer.slots, offer.mine)


async def _is_others(conn: AsyncConnection, claim: Claim) -> bool:
    rows = await conn.execute("select from appointment where key = %s and (person_ref, service) <> (%s, %s)", claim[:3])
    return await rows.fetchone() is not None


async def _cancel(hub: Hub, conn: AsyncConnection, claim: Claim, service: Service) -> SlotsAnswer:
    """The person's own; a case that is nothing but the appointment is withdrawn with it."""
    now = hub.clock.now()
    async with conn.transaction():
        mine = await book.of_person(conn, claim, now)
        if mine is None or not await book.free(conn, mine.key):
            return SlotsAnswer("none")
        if not service.department:
            await _withdraw(conn, mine.key, now)
    return SlotsAnswer("cancelled", mine=_slot_of_place(mine))


async def _withdraw(conn: AsyncConnection, key: str, now: datetime) -> None:
    rows = await conn.execute(
        "update case_file set state = 'withdrawn' where key = %s and state <> 'withdrawn' returning key", [key]
    )
    if await rows.fetchone():
        await events.record(conn, now, actor="hub", kind=events.CASE_STATE, key=key, state="withdrawn")


async def settle(hub: Hub, key: str, form: CaseForm, service: Service) -> bool:
    """A case that names an appointment is here: its place is kept, or got again where it was held too long.

    False: it is gone. Asking twice changes nothing.
    """
    counter_key = str(form.answers.get("counter") or service.line)
    claim = Claim(key, hub.keys.person_ref(form.applicant.number), service.key, counter_key)
    now = hub.clock.now()
    async with hub.pool.connection() as conn, conn.transaction():
        plan = await plan_of(conn)
        counter = plan.counter(counter_key)
        if counter is None or await _is_others(conn, claim):
            return False
        opening = _opening(plan, counter, str(form.answers.get(APPOINTMENT, "")), now)
        instead_of = await book.keep(conn, claim)
        if instead_of is None and opening and await book.comes_then(conn, claim, opening):
            return True  # One visit for several matters has one place.
        if instead_of is None and opening and await book.hold(conn, plan, counter, claim, opening, now):
            instead_of = await book.keep(conn, claim)
        if instead_of is None:
            return False
        for moved in instead_of if not service.department else ():
            await _withdraw(conn, moved, now)
    return True


def _opening(plan: Plan, counter: Counter, said: str, now: datetime) -> Opening | None:
    """The time that is meant, None for one that is not offered (any more)."""
    try:
        at = from_local(said)
    except ValueError:
        return None
    return next((each for each in openings(plan, counter, now) if each.begins_at == at), None)


def _slot(opening: Opening, count: int) -> Slot:
    return Slot(_local_minute(opening.begins_at), _local_minute(opening.ends_at), count)


def _slot_of_place(place: Place) -> Slot:
    return Slot(_local_minute(place.begins_at), _local_minute(place.ends_at), 0, place.ticket, place.receipt_number)


def _local_minute(at: datetime) -> str:
    return local(at).strftime("%Y-%m-%dT%H:%M")
