"""The hub's side: a department that is asked over HTTP, as if it were here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog
from psycopg import AsyncConnection

from hub import department, outgoing
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
from hub.department import Application, Decision, Department, Facts
from hub.desk import StageEvent, Standing
from hub.gateway import AnotherCase, DepartmentDown
from hub.outgoing import NoAnswer
from kiosk.catalogue.model import Service
from kiosk.messages.address import is_loopback_host
from kiosk.messages.bills import Bill
from kiosk.messages.encoding import InvalidMessage, decode
from kiosk.messages.hall import MOST_FOUND
from kiosk.messages.plates import PlatesAnswer, PlatesQuestion
from kiosk.messages.questions import Document

T = TypeVar("T")
_NOT_FOUND, _CONFLICT = 404, 409
_log = structlog.get_logger()
_WITHIN_S = 4.5
"""Sooner than the gateway gives up, so that it is this department that was slow, and no other."""


class RemoteDepartment(Department):
    """One at ``url``. What it says is judged as any foreign bytes are; who gives no answer is down."""

    def __init__(self, key: str, url: str, token: str) -> None:
        """Raises ValueError for an address at which secrets would travel in the clear."""
        super().__init__()
        parts = urlsplit(url)
        is_here = parts.scheme == "http" and is_loopback_host(parts.hostname or "")
        if parts.scheme != "https" and not is_here:
            raise ValueError(f"{key}={url}: write https://…; http:// is for this computer alone")
        self.key = key
        self._url, self._token = url.rstrip("/"), token

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        return outgoing.client(self._url, {"Authorization": f"Bearer {self._token}"}, is_beside=True)

    async def facts(self, conn: AsyncConnection, id_number: str, today: date) -> Facts:
        return (await self._post("/v1/facts", AboutPerson(id_number, today), FactsTold)).facts

    async def documents(self, conn: AsyncConnection, id_number: str) -> list[Document]:
        return (await self._post("/v1/documents", AboutPerson(id_number, date.min), DocumentsTold)).documents

    async def bills(self, conn: AsyncConnection, id_number: str, numbers: Sequence[str], today: date) -> list[Bill]:
        return (await self._post("/v1/bills", AboutBills(id_number, list(numbers), today), BillsTold)).bills

    async def ready(self, conn: AsyncConnection, id_number: str) -> list[str]:
        told = await self._newer("/v1/ready", AboutPerson(id_number, date.min), ReadyTold)
        return told.case_keys if told else []

    async def addresses(self, conn: AsyncConnection, words: Sequence[str], most: int) -> list[str] | None:
        question = AboutAddresses(list(words), min(most, MOST_FOUND))
        told = await self._newer("/v1/addresses", question, AddressesTold)
        return told.addresses if told else None

    async def plates(self, conn: AsyncConnection, asked: PlatesQuestion, now: datetime) -> PlatesAnswer:
        return await self._newer("/v1/plates", AboutPlates(asked, now), PlatesAnswer) or PlatesAnswer("none")

    async def decide(self, conn: AsyncConnection, service: Service, application: Application, today: date) -> Decision:
        """Its word. Raises DepartmentDown while it has none: the same case is brought again later; AnotherCase."""
        own = (application.second, application.paid_fen, application.rests_on, application.fulfilled)
        is_older = application.paid_on is not None and application.paid_on < today
        known = (*own, application.second_unread, application.paid_on if is_older else None)
        brought = Brought(service.key, application.applicant, application.answers, today, *known)
        body = msgspec.json.encode(brought)
        try:
            said = await self._call("PUT", f"/v1/applications/{application.key}", Said, content=body)
        except _Conflict as error:
            raise AnotherCase(self.key) from error
        if said.decision is None:
            raise DepartmentDown(self.key)
        return said.decision

    async def supplement(self, conn: AsyncConnection, brought: department.Brought, today: date) -> bool:
        body = msgspec.json.encode(More(brought.case_key, brought.answers, brought.papers, today))
        return (await self._call("PUT", f"/v1/supplements/{brought.key}", MoreTold, content=body)).took

    async def handed_out(self, conn: AsyncConnection, case_key: str, today: date) -> bool:
        body = msgspec.json.encode(HandedOut(today))
        return (await self._call("PUT", f"/v1/hand_outs/{case_key}", MoreTold, content=body)).took

    async def events(self, conn: AsyncConnection, after: int, today: date) -> list[StageEvent]:
        since = {"after": str(after), "today": today.isoformat()}
        return (await self._call("GET", "/v1/stages", StagesTold, params=since)).stages

    async def standings(self, conn: AsyncConnection) -> list[Standing]:
        return (await self._call("GET", "/v1/applications", BooksTold)).standings

    async def _post(self, path: str, question: msgspec.Struct, kind: type[T]) -> T:
        return await self._call("POST", path, kind, content=msgspec.json.encode(question))

    async def _newer(self, path: str, question: msgspec.Struct, kind: type[T]) -> T | None:
        """What not every department is asked for; None from one that knows of no such question."""
        try:
            return await self._post(path, question, kind)
        except _Unknown:
            return None

    async def _call(self, method: str, path: str, kind: type[T], **more: Any) -> T:
        try:
            answer = await outgoing.ask(self._client, method, path, most_bytes=MOST_BYTES, within_s=_WITHIN_S, **more)
            if answer.status == _NOT_FOUND:
                raise _Unknown(self.key)
            if answer.status == _CONFLICT:
                raise _Conflict(self.key)
            if answer.status not in (200, 202):
                raise InvalidMessage("", f"status {answer.status}")
            return decode(answer.body, kind)
        except (NoAnswer, InvalidMessage) as error:
            # Its words may quote a record: what kind of failure it was is enough.
            _log.warning("department_gave_no_answer", department=self.key, error=type(error).__name__)
            raise DepartmentDown(self.key) from error


class _Unknown(DepartmentDown):
    """It has no such address: to who cannot do without it, it gave no answer."""


class _Conflict(DepartmentDown):
    """What it holds already says something else."""
