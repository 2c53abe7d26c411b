"""Work after the receipt, in a queue on the same PostgreSQL: open what was sealed, ask the department, write its word.

Every job may run twice (a process may die in the middle), so each one looks first whether its work is done.
"""

from __future__ import annotations

import random
from asyncio import CancelledError
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from psycopg import AsyncConnection

from hub import (
    bundle_order,
    delivery,
    events,
    hand_outs,
    paper_copies,
    parcels,
    parked,
    phone_codes,
    ratings,
    stages,
    supplements,
)
from hub.context import Hub
from hub.database import RECONNECT_S
from hub.department import Application, Decision, EffectUnknown
from hub.department_answers import plain_decision
from hub.gateway import AnotherCase, DepartmentDown
from hub.named_cases import tell_same_number
from hub.payments import book
from hub.payments.prices import least_due
from hub.slots import book as appointments
from hub.slots import desk as slots
from kiosk.catalogue.model import AT_HUB, Catalogue, Service
from kiosk.catalogue.signing import may_come
from kiosk.clock import from_rfc3339, local
from kiosk.logs import place_of
from kiosk.messages.content import (
    FORM_PART,
    SECOND_ANSWER,
    SECOND_PART,
    Applicant,
    CaseForm,
    Complaint,
    Content,
    Delivery,
    HandOut,
    Rating,
    Supplement,
    decode_content,
)
from kiosk.messages.encoding import InvalidMessage, decode, decode_json
from kiosk.messages.envelope import Header, parse_header
from kiosk.messages.handover import TOGETHER
from kiosk.messages.masking import mask_name
from kiosk.messages.seal import SealBroken, unseal

OPENED_KINDS = frozenset({"case", "rating", "complaint", "delivery", "supplement", "hand_out"})
CONCURRENCY = 4
OPEN_TASK = "open_envelope"
_ASK = "ask_department"
_BRING = "bring_supplement"
_HANDED_OUT = "tell_hand_out"
_POSTED = "tell_posted"
_log = structlog.get_logger()


class ServiceNotKnownYet(Exception):
    """The machine that filed it has a newer catalogue than this hub, which will have it some day."""


_FILED_AT_MOST_AGO = timedelta(days=92)
MAX_FORM_BYTES = 1024 * 1024
_AWAY = (
    DepartmentDown,
    ServiceNotKnownYet,
    EffectUnknown,
    psycopg.OperationalError,
    ConnectorException,
    OSError,
    TimeoutError,
    CancelledError,
)
"""What passes by itself."""
_TRIES = 20
_UNKNOWN_WAITS_S = 3600
_BEHIND_ALL = -1
"""The priority of what waits for another catalogue: however many one machine files, the others' come first."""
_UNREADABLE = (SealBroken, InvalidMessage, psycopg.DataError, UnicodeError, RecursionError)
"""One envelope's own fault: the next try would end the same way."""


class UntilItAnswers(BaseRetryStrategy):
    """Again and again with full jitter, 0.5 s doubling up to a minute: a department that was away answers some day.

    What fails for another reason is given up after some tries, so that it cannot keep the workers busy for ever, and
    at once where no later answer will be another one; it stays in the queue as failed, for a person. A service that is
    not known yet waits for another catalogue, and is looked at once an hour besides. What was cut off by the end of
    this process has not failed, however often it was tried.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        is_tried_out = not isinstance(exception, _AWAY) and job.attempts >= _TRIES
        if is_tried_out or isinstance(exception, AnotherCase):
            said = {"error": type(exception).__name__, "where": place_of(exception)}
            _log.error("job_given_up", task=job.task_name, key=job.task_kwargs.get("key"), **said)
            return None
        is_unknown = isinstance(exception, ServiceNotKnownYet)
        longest_s = _UNKNOWN_WAITS_S if is_unknown else min(60.0, 0.5 * 2 ** min(job.attempts, 10))
        wait_ms = int(longest_s * random.uniform(0.5, 1) * 1000)
        return RetryDecision(retry_in={"milliseconds": wait_ms}, priority=_BEHIND_ALL if is_unknown else 0)


def make_jobs(dsn: str) -> App:
    """The queue of this process. Its worker is run by the server."""
    jobs = App(connector=PsycopgConnector(conninfo=dsn, min_size=1, max_size=4, reconnect_timeout=RECONNECT_S))
    options: dict[str, Any] = {"pass_context": True, "retry": UntilItAnswers()}
    jobs.task(name=OPEN_TASK, **options)(_open_envelope)
    jobs.task(name=_ASK, **options)(_ask_department)
    jobs.task(name=_BRING, **options)(_bring_supplement)
    jobs.task(name=_HANDED_OUT, **options)(_tell_hand_out)
    jobs.task(name=_POSTED, **options)(_tell_posted)
    return jobs


async def open_later(jobs: App, conn: AsyncConnection, key: str) -> None:
    """Queues the opening of an envelope, in the caller's transaction."""
    await jobs.configure_task(OPEN_TASK, connection=conn).defer_async(key=key)


async def tell_posted_later(jobs: App, conn: AsyncConnection, key: str) -> None:
    """Queues telling a department that the post has what the delivery ``key`` is about, in the caller's transaction."""
    await jobs.configure_task(_POSTED, connection=conn).defer_async(key=key)


class _Opened(NamedTuple):
    kiosk_id: str
    key: str
    content: Content
    created_at: datetime
    second: Applicant | None = None
    parts: tuple[str, ...] = ()
    on_paper: bool = False


async def _open_envelope(context: JobContext, key: str) -> None:
    hub = _hub(context)
    async with hub.pool.connection() as conn:
        try:
            async with conn.transaction():
                if await _is_done(conn, key):
                    return
                await _keep_opened(hub, conn, await _open(hub, conn, key))
                await events.record(conn, hub.clock.now(), actor="hub", kind="opened", key=key)
        except _UNREADABLE as error:
            await _set_aside(hub, conn, key, error)


async def _is_done(conn: AsyncConnection, key: str) -> bool:
    rows = await conn.execute("select 1 from event where envelope_key = %s and kind = any(%s)", [key, _DONE])
    return await rows.fetchone() is not None


async def _set_aside(hub: Hub, conn: AsyncConnection, key: str, error: BaseException) -> None:
    """It stays as received: a person must look, nothing is thrown away, and the others go on."""
    _log.warning("envelope_unreadable", key=key, error=type(error).__name__)
    await events.record(conn, hub.clock.now(), actor="hub", kind="unreadable", key=key, why=type(error).__name__)


_DONE = ["opened", "unreadable"]


async def _open(hub: Hub, conn: AsyncConnection, key: str) -> _Opened:
    rows = await conn.execute("select header from envelope where key = %s", [key])
    row = await rows.fetchone()
    if row is None and (paper := await paper_copies.form_of(hub, conn, key)):
        return _Opened(paper.kiosk_id, key, paper.form, paper.created_at, on_paper=True)
    header = parse_header(decode_json(row[0] if row else b""))
    form = await _part(hub, conn, header, FORM_PART)
    if form is None:
        raise InvalidMessage("header.parts", f"no part {FORM_PART}")
    content = decode_content(header.kind, form)
    second = await _part(hub, conn, header, SECOND_PART)
    names = tuple(part.name for part in header.parts)
    said = (header.kiosk_id, header.key, content, from_rfc3339(header.created_at))
    return _Opened(*said, decode(second, Applicant) if second else None, names)


async def _part(hub: Hub, conn: AsyncConnection, header: Header, name: str) -> bytes | None:
    """The plain bytes of a part, None where there is none. Raises SealBroken, InvalidMessage."""
    part = next((part for part in header.parts if part.name == name), None)
    if part is None:
        return None
    if part.bytes > MAX_FORM_BYTES:
        raise InvalidMessage("header.parts", f"a {name} has at most {MAX_FORM_BYTES} bytes")
    sealed = await parcels.content(conn, part.sha256)
    place = {"kiosk_id": header.kiosk_id, "key": header.key, "part": name, "suite": header.suite}
    return hub.keys.open_with(header.suite, lambda private: unseal(sealed, private, **place))


async def _keep_opened(hub: Hub, conn: AsyncConnection, opened: _Opened) -> None:
    key = opened.key
    match opened.content:
        case CaseForm() as form:
            await conn.execute(
                "update case_file set service = %s, receipt_number = %s, person_ref = %s, masked_name = %s, "
                "slip_ref = %s where key = %s",
                [
                    *(form.service, form.receipt_number, hub.keys.person_ref(form.applicant.number)),
                    *(mask_name(form.applicant.shown_name), hub.keys.slip_ref(form.receipt_number, form.slip_code)),
                    key,
                ],
            )
            await bundle_order.keep(conn, key, form)
            await tell_same_number(hub, conn, key, opened.kiosk_id, form.receipt_number)
            await ratings.judge(hub, conn, form.receipt_number)
            whole = form.bundle_key or (TOGETHER if form.bundle else "")
            await parked.taken_up(conn, hub.keys.person_ref(form.applicant.number), form.service, whole)
            await hub.jobs.configure_task(_ASK, connection=conn).defer_async(key=key)
        case Rating() as rating:
            await ratings.keep_rating(hub, conn, key, rating)
        case Delivery() as said:
            await delivery.keep(hub, conn, key, said)
        case Complaint() as complaint:
            await conn.execute(
                "insert into complaint "
                "(key, complaint_number, kind, receipt_number, anonymous, contact, words, slip_ref) "
                "values (%s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    *(key, complaint.complaint_number, complaint.kind, complaint.receipt_number, complaint.anonymous),
                    *(None if complaint.anonymous else complaint.contact, complaint.text),
                    hub.keys.slip_ref(complaint.complaint_number, complaint.slip_code),
                ],
            )
            await tell_same_number(hub, conn, key, opened.kiosk_id, complaint.complaint_number)
            await ratings.judge(hub, conn, complaint.complaint_number)
        case Supplement() as supplement:
            if await supplements.keep(hub, conn, key, supplement):
                await hub.jobs.configure_task(_BRING, connection=conn).defer_async(key=key)
        case HandOut() as said:
            if await hand_outs.keep(hub, conn, key, opened.kiosk_id, said, opened.created_at):
                await hub.jobs.configure_task(_HANDED_OUT, connection=conn).defer_async(key=key)


async def _tell_hand_out(context: JobContext, key: str) -> None:
    hub = _hub(context)
    async with hub.pool.connection() as conn:
        opened = await _open(hub, conn, key)
    if isinstance(opened.content, HandOut):
        await hand_outs.bring(hub, key, opened.content.case_key)


async def _tell_posted(context: JobContext, key: str) -> None:
    hub = _hub(context)
    async with hub.pool.connection() as conn:
        case_key = await delivery.case_of(conn, key)
    if case_key:
        await hand_outs.bring(hub, key, case_key)


async def _bring_supplement(context: JobContext, key: str) -> None:
    hub = _hub(context)
    async with hub.pool.connection() as conn:
        opened = await _open(hub, conn, key)
    if isinstance(opened.content, Supplement):
        await supplements.bring(hub, key, opened.content, opened.parts)


async def _ask_department(context: JobContext, key: str) -> None:
    hub = _hub(context)
    async with hub.pool.connection() as conn:
        try:
            opened = await _open(hub, conn, key)
        except _UNREADABLE as error:
            await _set_aside(hub, conn, key, error)
            return
    if not isinstance(opened.content, CaseForm):
        return
    async with hub.pool.connection() as conn:
        turn = await bundle_order.turn_of(conn, key, opened.content, hub.clock.now())
    if turn.waits:
        return
    try:
        decision, line = await _decision(hub, opened, opened.content, turn)
    except psycopg.DataError:
        decision, line = Decision(accepted=False, reasons=["data_invalid"]), "hub"
    async with hub.pool.connection() as conn, conn.transaction():
        await stages.one_at_a_time(conn, line)
        state = "accepted" if decision.accepted else "not_accepted"
        rows = await conn.execute(
            "update case_file set state = %s, promised_on = %s, promised_by = %s "
            "where key = %s and state = 'delivered' returning key",
            [state, decision.promised_on, decision.promised_by, key],
        )
        if await rows.fetchone():
            said = {"actor": line, "kind": events.CASE_STATE, "key": key, "kiosk_id": opened.kiosk_id}
            promised_on = decision.promised_on.isoformat() if decision.promised_on else None
            reasons = decision.reasons
            await events.record(conn, hub.clock.now(), state=state, reasons=reasons, promised_on=promised_on, **said)
            await book.decided(conn, key, is_accepted=decision.accepted, now=hub.clock.now())
            if not decision.accepted:
                await appointments.free(conn, key)
            elif line == "hub":
                await _end_accepted(conn, key, said, hub)
            else:
                await stages.take_up(hub, conn, line, key)
            for other in await bundle_order.next_after(conn, key, opened.content):
                await hub.jobs.configure_task(_ASK, connection=conn).defer_async(key=other)


async def _end_accepted(conn: AsyncConnection, key: str, said: dict[str, Any], hub: Hub) -> None:
    """What the hub accepts itself is done with that."""
    await conn.execute("update case_file set state = 'decided' where key = %s", [key])
    await events.record(conn, hub.clock.now(), state="decided", **said)


async def _decision(hub: Hub, opened: _Opened, form: CaseForm, turn: bundle_order.Turn) -> tuple[Decision, str]:
    if turn.refused:
        return Decision(accepted=False, reasons=[turn.refused]), "hub"
    key, paid = opened.key, await _paid(hub, opened.key)
    catalogue = await _catalogue_of(hub, form, paid.on)
    service = catalogue.services.get(form.service) or hub.catalogue.services.get(form.service)
    if service is not None and (gone := await _gone(hub, key, form, service)):
        return Decision(accepted=False, reasons=[gone]), "hub"
    if service is not None and not service.department and not AT_HUB.isdisjoint(s.kind for s in service.steps):
        return Decision(accepted=True), "hub"
    if service is None or service.department not in hub.gateway.departments:
        if may_come(form.catalogue_version, hub.catalogue.version):
            hub.in_force.misses(form.service, form.catalogue_version)
            raise ServiceNotKnownYet(form.service)
        return Decision(accepted=False, reasons=["service_unknown"]), "hub"
    if form.identity.without_card and not _may_lack_card(form, service, catalogue):
        return Decision(accepted=False, reasons=["card_needed"]), "hub"
    if paid.fen < least_due(service, form.answers, paid.on or hub.clock.today()):
        return Decision(accepted=False, reasons=["unpaid"]), "hub"
    application = Application(
        *(key, form.applicant, form.answers),
        second=opened.second,
        second_unread=opened.on_paper and SECOND_ANSWER in form.answers,
        paid_fen=paid.fen,
        paid_on=paid.on,
        rests_on=turn.keys,
        fulfilled=turn.fulfilled(form, catalogue),
    )
    try:
        async with hub.gateway.reach(service.department) as (department, conn):
            decision = await department.decide(conn, service, application, hub.clock.today())
            return plain_decision(decision), service.department
    except AnotherCase:
        _log.error("another_case_there", line=service.department, key=key)
        raise
    except DepartmentDown:
        _log.warning("department_down", line=service.department, key=key)
        raise
    except EffectUnknown as error:
        _log.error("effect_unknown", line=service.department, effect=f"{error}", service=service.key, key=key)
        raise


def _may_lack_card(form: CaseForm, service: Service, catalogue: Catalogue) -> bool:
    bundle = catalogue.bundles.get(form.bundle_key or "")
    is_part = bundle is not None and bundle.without_card and service.key in {part.service for part in bundle.parts}
    return service.applicant.without_card or is_part


async def _gone(hub: Hub, key: str, form: CaseForm, service: Service) -> str:
    """Why what it asks of the hub itself cannot be; "": it can. What a department decides may come without a time."""
    is_timed = service.has_step(slots.APPOINTMENT) and (form.answers.get(slots.APPOINTMENT) or not service.department)
    if is_timed and not await slots.settle(hub, key, form, service):
        return slots.GONE
    if service.has_step(delivery.STEP) and not await delivery.can_be_posted(hub, form):
        return delivery.GONE
    return "" if await phone_codes.is_proved(hub, form) else phone_codes.UNPROVED


async def _catalogue_of(hub: Hub, form: CaseForm, paid_on: date | None) -> Catalogue:
    """As it was on the day of filing, of the version that the case names; today's where this hub has none.

    Who has paid before midnight and files after it has paid the price of the day before.
    """
    today = hub.clock.today()
    # Which day it was, the machine says: what it says of long ago, or of tomorrow, is not believed.
    day = max(today - _FILED_AT_MOST_AGO, min(local(form.filed_at).date(), paid_on or today, today))
    async with hub.pool.connection() as conn:
        return await hub.in_force.of_case(conn, form.catalogue_version, day)


async def _paid(hub: Hub, key: str) -> book.Paid:
    async with hub.pool.connection() as conn:
        return await book.paid(conn, key)


def _hub(context: JobContext) -> Hub:
    return context.additional_context["hub"]


async def end_waiting(hub: Hub) -> None:
    """Asks once more for the cases of bundles whose turn does not come."""
    async with hub.pool.connection() as conn:
        for key in await bundle_order.waited_long(conn, hub.clock.now()):
            await hub.jobs.configure_task(_ASK).defer_async(key=key)


async def resume_stalled(jobs: App) -> None:
    """Takes up again what a killed worker had begun."""
    for job in await jobs.job_manager.get_stalled_jobs():
        await jobs.job_manager.retry_job(job)


async def ask_unknown_again(conn: AsyncConnection) -> None:
    """Another catalogue is in force: what waited for one runs at once, behind all others."""
    await conn.execute(
        "update procrastinate_jobs set scheduled_at = null where status = 'todo' and task_name = %s and priority = %s",
        [_ASK, _BEHIND_ALL],
    )


async def ask_again_now(conn: AsyncConnection) -> None:
    """Lets all waiting jobs run at once, when a department is known to be back."""
    await conn.execute("update procrastinate_jobs set scheduled_at = null where status = 'todo'")
