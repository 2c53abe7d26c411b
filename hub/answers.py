"""Answers to live questions, from the departments and from the hub's own cases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from hub import events
from hub.context import Hub
from hub.gateway import DepartmentDown
from kiosk.catalogue.model import Service
from kiosk.catalogue.rules import failed_checks
from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.questions import (
    CaseProgress,
    DocumentsAnswer,
    DocumentsQuestion,
    DueAnswer,
    DueFact,
    DueQuestion,
    EligibilityAnswer,
    EligibilityQuestion,
    ProgressAnswer,
    ProgressQuestion,
    ProgressState,
)

MOST_CASES = 200
"""Of one person: more than anybody has, and an answer that still fits."""


async def due(hub: Hub, question: DueQuestion) -> DueAnswer:
    """What is due in all lines, most urgent first; a line that is away is named as silent."""
    lines = hub.gateway.lines
    found = await asyncio.gather(*[_due_of(hub, line, question.id_number) for line in lines])
    items = [item for part in found if part is not None for item in part]
    items.sort(key=lambda item: (item.due_on is None, item.due_on))
    return DueAnswer(items, [line for line, part in zip(lines, found, strict=True) if part is None])


async def _due_of(hub: Hub, line: str, id_number: str) -> list[DueFact] | None:
    services = [service for service in hub.catalogue.services.values() if service.department == line]
    try:
        async with hub.gateway.reach(line) as (department, conn):
            return await department.due(conn, services, id_number, hub.clock.today())
    except DepartmentDown:
        return None


async def eligibility(hub: Hub, question: EligibilityQuestion) -> EligibilityAnswer:
    """All checks of a service that fail now. Raises InvalidMessage, DepartmentDown."""
    service = _service(hub, question.service)
    async with hub.gateway.reach(service.department) as (department, conn):
        facts = await department.facts(conn, service.key, question.id_number, hub.clock.today())
    return EligibilityAnswer(facts, failed_checks(service, facts, hub.clock.today()))


def _service(hub: Hub, key: str) -> Service:
    service = hub.catalogue.services.get(key)
    if service is None or service.department not in hub.gateway.lines:
        raise InvalidMessage("question.service", "no department has this service")
    return service


async def documents(hub: Hub, question: DocumentsQuestion) -> DocumentsAnswer:
    """The person's documents. Raises DepartmentDown: half a list would mislead."""
    found = []
    for line in hub.gateway.lines:
        async with hub.gateway.reach(line) as (department, conn):
            found += await department.documents(conn, question.id_number)
    return DocumentsAnswer(found)


async def progress(hub: Hub, question: ProgressQuestion) -> ProgressAnswer:
    """The states of cases with their proofs, from the event log; no department is needed for it."""
    ways = (question.receipt_number is not None, question.id_number is not None, bool(question.receipt_numbers))
    if sum(ways) != 1:
        raise InvalidMessage("question", "give receipt_number, receipt_numbers or id_number")
    numbers = question.receipt_numbers or [question.receipt_number]
    person_ref = hub.keys.person_ref(question.id_number) if question.id_number else None
    async with hub.pool.connection() as conn:
        rows = await conn.execute(
            "select key, receipt_number, service, masked_name, promised_on from case_file "
            "where receipt_number = any(%s) or person_ref = %s order by key desc limit %s",
            [numbers, person_ref, MOST_CASES],
        )
        cases = []
        for key, receipt_number, service, name, promised_on in await rows.fetchall():
            states = await _states(conn, key)
            cases.append(CaseProgress(receipt_number, service, name, states, promised_on))
        if question.receipt_number and not cases:
            cases += await _complaint(hub, conn, question.receipt_number)
    return ProgressAnswer(cases)


async def _complaint(hub: Hub, conn: AsyncConnection, number: str) -> list[CaseProgress]:
    """A complaint under its own number: that it is here, and nothing of who wrote it."""
    rows = await conn.execute(
        "select at from complaint join event on envelope_key = complaint.key and event.kind = 'received' "
        "where complaint_number = %s order by id limit 1",
        [number],
    )
    service = next((s.key for s in hub.catalogue.services.values() if s.has_step("complaint")), "")
    return [
        CaseProgress(number, service, "", [ProgressState("delivered", _stamp(at), "hub")])
        for (at,) in await rows.fetchall()
    ]


async def _states(conn: AsyncConnection, key: str) -> list[ProgressState]:
    rows = await conn.execute(
        "select data->>'state', at, actor, data->>'note', data->'reasons' from event "
        "where envelope_key = %s and kind = %s order by id",
        [key, events.CASE_STATE],
    )
    return [
        ProgressState(state, _stamp(at), actor, note or ",".join(reasons or []), reasons or [])
        for state, at, actor, note, reasons in await rows.fetchall()
    ]


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


ANSWERS: dict[str, Callable[[Hub, Any], Awaitable[Any]]] = {
    "due": due,
    "eligibility": eligibility,
    "documents": documents,
    "progress": progress,
}
