"""A reference department as a system of its own: its database, its catalogue, its queue. The hub is a caller like any.

A case is kept before it is answered (202) and decided in the background, once, whatever dies in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

import msgspec
import psycopg
import structlog
from litestar import Litestar, Request, Response, get, post, put
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from psycopg import AsyncConnection
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from hub import department
from hub.connector.wire import (
    MOST_BYTES,
    AboutAddresses,
    AboutBills,
    AboutPerson,
    AboutPlates,
    AddressesTold,
    BillsTold,
    BooksTold,
    Brought,
    DocumentsTold,
    FactsTold,
    HandedOut,
    More,
    MoreTold,
    ReadyTold,
    Said,
    StagesTold,
)
from hub.department import Application, Decision, Department
from hub.department_tables import bring_up
from kiosk import shapes
from kiosk.catalogue.model import Catalogue
from kiosk.messages.encoding import InvalidMessage, decode
from kiosk.messages.plates import PlatesAnswer

_log = structlog.get_logger()
_ANSWERS_WITHIN_S = 2.0
"""So long a caller may wait for a decision that is quick; then it is told that the case is kept."""
_AGAIN_S = 5.0
_INBOX = """
    create table if not exists inbox (case_key uuid primary key, brought jsonb not null, decision jsonb);
    alter table inbox drop column if exists sha256"""


@dataclass(frozen=True)
class Office:
    """One department process. ``pace_s``: how long it thinks about a case."""

    department: Department
    pool: AsyncConnectionPool
    catalogue: Catalogue
    token: str
    pace_s: float = 0.0
    work: asyncio.Event = field(default_factory=asyncio.Event)
    decided: asyncio.Condition = field(default_factory=asyncio.Condition)

    def inbox(self, statement: str) -> Composed:
        """A statement on its queue."""
        return SQL(statement).format(Identifier(self.department.key, "inbox"))  # type: ignore[arg-type]


def prepare_office(dsn: str, department: Department) -> None:
    """Makes its tables, in a database of its own. Raises psycopg.Error, WrongDepartment."""
    with psycopg.connect(dsn) as conn:
        bring_up(conn, department)
        conn.execute(SQL("set local search_path = {}").format(Identifier(department.key)))
        conn.execute(_INBOX)


def make_office_app(office: Office) -> Litestar:
    """The ASGI application."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with office.pool:
            worker = asyncio.create_task(_decide_all(office))
            yield
            worker.cancel()

    return Litestar(
        [facts, documents, bills, ready, addresses, plates, bring, supplement, hand_out, stages, books, health],
        state=State({"office": office}),
        dependencies={"office": Provide(lambda: office, sync_to_thread=False)},
        exception_handlers={InvalidMessage: _invalid},
        lifespan=[lifespan],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=MOST_BYTES,
    )


def _callers_only(connection: ASGIConnection, _: BaseRouteHandler) -> None:
    said = connection.headers.get("authorization", "").encode()
    if not hmac.compare_digest(said, f"Bearer {connection.app.state.office.token}".encode()):
        raise NotAuthorizedException


def _invalid(_: Request, error: InvalidMessage) -> Response:
    return Response({"field": error.field, "detail": error.reason}, status_code=422)


@get("/v1/health")
async def health(office: Office) -> dict[str, str]:
    """Whether it is there; asks no secret and tells none."""
    return {"department": office.department.key}


@post("/v1/facts", guards=[_callers_only], status_code=200)
async def facts(request: Request, office: Office) -> FactsTold:
    """What is known of a person."""
    question = decode(await request.body(), AboutPerson)
    async with office.pool.connection() as conn:
        return FactsTold(await office.department.facts(conn, question.id_number, question.today))


@post("/v1/documents", guards=[_callers_only], status_code=200)
async def documents(request: Request, office: Office) -> DocumentsTold:
    """What was issued to a person."""
    question = decode(await request.body(), AboutPerson)
    async with office.pool.connection() as conn:
        return DocumentsTold(await office.department.documents(conn, question.id_number))


@post("/v1/bills", guards=[_callers_only], status_code=200)
async def bills(request: Request, office: Office) -> BillsTold:
    """What is demanded of a person, or under numbers."""
    question = decode(await request.body(), AboutBills)
    async with office.pool.connection() as conn:
        found = await office.department.bills(conn, question.id_number, question.numbers, question.today)
        return BillsTold(found)


@post("/v1/ready", guards=[_callers_only], status_code=200)
async def ready(request: Request, office: Office) -> ReadyTold:
    """What waits for a person to be handed out."""
    question = decode(await request.body(), AboutPerson)
    async with office.pool.connection() as conn:
        return ReadyTold(await office.department.ready(conn, question.id_number))


@post("/v1/addresses", guards=[_callers_only], status_code=200)
async def addresses(request: Request, office: Office) -> AddressesTold:
    """Standard addresses by their words."""
    question = decode(await request.body(), AboutAddresses)
    async with office.pool.connection() as conn:
        return AddressesTold(await office.department.addresses(conn, question.words, question.most))


@post("/v1/plates", guards=[_callers_only], status_code=200)
async def plates(request: Request, office: Office) -> PlatesAnswer:
    """Plate numbers: a list, or the one that is held."""
    question = decode(await request.body(), AboutPlates)
    async with office.pool.connection() as conn:
        return await office.department.plates(conn, question.asked, question.now)


@put("/v1/applications/{key:uuid}", guards=[_callers_only])
async def bring(request: Request, key: UUID, office: Office) -> Response[Said]:
    """Keeps a case, once; its decision when there is one soon."""
    brought = decode(await request.body(), Brought)
    async with office.pool.connection() as conn:
        await conn.execute(
            office.inbox("insert into {} (case_key, brought) values (%s, %s) on conflict do nothing"),
            [key, Jsonb(msgspec.to_builtins(brought))],
        )
        rows = await conn.execute(office.inbox("select brought from {} where case_key = %s"), [key])
        row = await rows.fetchone()
    if row is None or shapes.convert(row[0], Brought).case != brought.case:
        return Response(Said("queued"), status_code=409)
    office.work.set()
    decision = await _soon(office, key)
    said, status = (Said("decided", decision), 200) if decision else (Said("queued"), 202)
    return Response(said, status_code=status)


@put("/v1/supplements/{key:uuid}", guards=[_callers_only])
async def supplement(request: Request, key: UUID, office: Office) -> MoreTold:
    """What was asked for in a case, once."""
    more = decode(await request.body(), More)
    asked_for = department.Brought(str(key), more.case_key, more.answers, more.papers)
    async with office.pool.connection() as conn:
        return MoreTold(await office.department.supplement(conn, asked_for, more.today))


@put("/v1/hand_outs/{key:uuid}", guards=[_callers_only])
async def hand_out(request: Request, key: UUID, office: Office) -> MoreTold:
    """What was made for a case is in its person's hand."""
    said = decode(await request.body(), HandedOut)
    async with office.pool.connection() as conn:
        return MoreTold(await office.department.handed_out(conn, str(key), said.today))


@get("/v1/stages", guards=[_callers_only])
async def stages(office: Office, after: int, today: date) -> StagesTold:
    """What became of accepted cases."""
    async with office.pool.connection() as conn:
        return StagesTold(await office.department.events(conn, after, today))


@get("/v1/applications", guards=[_callers_only])
async def books(office: Office) -> BooksTold:
    """Every accepted case and where it stands."""
    async with office.pool.connection() as conn:
        return BooksTold(await office.department.standings(conn))


async def _soon(office: Office, key: UUID) -> Decision | None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_ANSWERS_WITHIN_S), office.decided:
            while (found := await _decision(office, key)) is None:
                await office.decided.wait()
            return found
    return None


async def _decision(office: Office, key: UUID) -> Decision | None:
    async with office.pool.connection() as conn:
        rows = await conn.execute(office.inbox("select decision from {} where case_key = %s"), [key])
        row = await rows.fetchone()
    return shapes.convert(row[0], Decision) if row and row[0] else None


async def _decide_all(office: Office) -> None:
    """Takes up what is not decided, what a process before this one had begun too; each case has its own turn."""
    while True:
        office.work.clear()
        for key in await _undecided(office):
            try:
                async with office.pool.connection() as conn:
                    await _decide(office, conn, key)
            except Exception as error:
                # The boundary of one case: what it holds must not keep the others from their decision.
                _log.error("case_waits", department=office.department.key, key=key, error=type(error).__name__)
                continue
            async with office.decided:
                office.decided.notify_all()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_AGAIN_S):
                await office.work.wait()


async def _undecided(office: Office) -> list[str]:
    try:
        async with office.pool.connection() as conn:
            rows = await conn.execute(office.inbox("select case_key::text from {} where decision is null order by 1"))
            return [key for (key,) in await rows.fetchall()]
    except psycopg.Error as error:
        _log.error("cases_wait", department=office.department.key, error=type(error).__name__)
        return []


async def _decide(office: Office, conn: AsyncConnection, key: str) -> None:
    rows = await conn.execute(office.inbox("select brought from {} where case_key = %s"), [key])
    row = await rows.fetchone()
    brought = shapes.convert(row[0] if row else None, Brought)
    service = office.catalogue.services.get(brought.service)
    if service is None or service.department != office.department.key:
        _log.error("service_unknown", service=brought.service, key=key)
        return
    await asyncio.sleep(office.pace_s)
    application = Application(
        *(key, brought.applicant, brought.answers),
        second=brought.second,
        second_unread=brought.second_unread,
        paid_fen=brought.paid_fen,
        rests_on=brought.rests_on,
        fulfilled=brought.fulfilled,
        paid_on=brought.paid_on,
    )
    decision = await office.department.decide(conn, service, application, brought.today)
    await conn.execute(
        office.inbox("update {} set decision = %s where case_key = %s"), [Jsonb(msgspec.to_builtins(decision)), key]
    )
