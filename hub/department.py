"""What a department system does for the hub, and the parts that every small reference system shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import Jsonb

from kiosk.catalogue.model import Limit, Service
from kiosk.catalogue.rules import failed_checks, unfit
from kiosk.messages.content import FOR_LIFE, Applicant
from kiosk.messages.questions import Document, DueFact, Fact

Facts = dict[str, Fact]
Person = Mapping[str, Any]


class Application(msgspec.Struct, frozen=True):
    """A case as it reaches a department; ``key`` makes asking twice harmless."""

    key: str
    applicant: Applicant
    answers: dict[str, Any]


class Decision(msgspec.Struct, frozen=True):
    """The department's word: accepted with a promised date, or not, with all reasons (check ids)."""

    accepted: bool
    reasons: list[str] = []
    promised_on: date | None = None


class Department(ABC):
    """One line's reference system. Its tables live in a PostgreSQL schema named like the line."""

    line: str
    tables: str

    def schema(self) -> str:
        """The script that makes its tables, once."""
        here = f"create schema {self.line}; set local search_path = {self.line};"
        return f"{here} {self.tables} {_APPLICATIONS}; set local search_path = public"

    @abstractmethod
    async def seed(self, conn: AsyncConnection, people: Iterable[Person]) -> None:
        """Writes the records of synthetic people, replacing what they had."""

    @abstractmethod
    async def facts(self, conn: AsyncConnection, service: str, id_number: str, today: date) -> Facts:
        """What this department knows that a service's checks ask for; no fact for what it does not know."""

    async def due(
        self, conn: AsyncConnection, services: Iterable[Service], id_number: str, today: date
    ) -> list[DueFact]:
        """Services that are due: those with a ``window_…`` check, all of which hold for this person now."""
        return []

    async def documents(self, conn: AsyncConnection, id_number: str) -> list[Document]:
        """Documents that this department issued to the person."""
        return []

    async def carry_out(self, conn: AsyncConnection, service: str, application: Application) -> None:  # noqa: B027
        """What acceptance changes in the records at once: nothing, unless a department says so."""

    async def decide(self, conn: AsyncConnection, service: Service, application: Application, today: date) -> Decision:
        """Accepts or not, in one transaction; a repeated question gets the first answer."""
        async with conn.transaction():
            fresh = await conn.execute(
                self._here(
                    "insert into {} (case_key, service) values (%s, %s) on conflict do nothing returning case_key"
                ),
                [application.key, service.key],
            )
            if await fresh.fetchone() is None:
                return await self._first_answer(conn, application.key)
            number = application.applicant.number
            facts = await self.facts(conn, service.key, number, today)
            reasons = [*card_reasons(service, application.applicant, today), *failed_checks(service, facts, today)]
            decision = Decision(not reasons, reasons, None if reasons else promised(service.limit_promise, today))
            if decision.accepted:
                await self.carry_out(conn, service.key, application)
            await conn.execute(
                self._here("update {} set decision = %s where case_key = %s"),
                [Jsonb(msgspec.to_builtins(decision)), application.key],
            )
            return decision

    def _here(self, statement: LiteralString) -> Composed:
        return SQL(statement).format(Identifier(self.line, "application"))

    async def _first_answer(self, conn: AsyncConnection, key: str) -> Decision:
        rows = await conn.execute(self._here("select decision from {} where case_key = %s"), [key])
        row = await rows.fetchone()
        return msgspec.convert(row[0] if row else None, Decision)


_APPLICATIONS = "create table application (case_key uuid primary key, service text not null, decision jsonb)"


def in_window(service: Service, facts: Facts, today: date) -> bool:
    """Whether a service's time has come for these facts: every check named ``window_…`` holds."""
    windows = {check.id for check in service.checks if check.id.startswith("window_")}
    return bool(facts) and bool(windows) and windows.isdisjoint(failed_checks(service, facts, today))


def card_reasons(service: Service, applicant: Applicant, today: date) -> list[str]:
    """Rules about the person and the card, judged again here by the hub's clock: a department trusts no machine."""
    is_for_life = applicant.valid_to == FOR_LIFE
    birth, valid_to = day_of(applicant.birth), day_of(applicant.valid_to)
    reasons = unfit(service, card_kind=applicant.kind, birth=birth, valid_to=valid_to, today=today)
    is_unknown = valid_to is None and not is_for_life and not service.applicant.expired_card
    return [*reasons, "card_validity_unknown"] if is_unknown else reasons


def day_of(text: str) -> date | None:
    """A day written ``YYYYMMDD``; None when it is none."""
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a calendar day has no zone
    except ValueError:
        return None


def promised(limit: Limit | None, today: date) -> date | None:
    """The promised date: natural days, or working days without Saturdays and Sundays (``wd``)."""
    if limit is None:
        return None
    if limit.unit == "d":
        return today + timedelta(days=limit.n)
    day, left = today, limit.n
    while left > 0:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return day
