"""Answers to live questions, from the departments and from the hub's own cases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from hub import certificates, events, tries
from hub import parked as parking
from hub.context import Hub
from hub.delivery import post
from hub.department import Department, Facts, due_of
from hub.department_answers import plain_documents, plain_facts, plain_violations
from hub.gateway import DRAWN_WITHIN_S, DepartmentDown, Question
from hub.handover import handover, resume
from hub.lockers import locker
from hub.payments.bills import bills
from hub.payments.desk import payment
from hub.phone_codes import code
from hub.places import nearby
from hub.slots.desk import slots
from kiosk.catalogue.model import Service
from kiosk.catalogue.rules import failed_checks
from kiosk.clock import to_rfc3339
from kiosk.messages.bounds import one_line
from kiosk.messages.content import PLATE_NUMBER
from kiosk.messages.encoding import InvalidMessage, to_text, typed
from kiosk.messages.hall import AddressAnswer, AddressQuestion
from kiosk.messages.plates import PlatesAnswer, PlatesQuestion
from kiosk.messages.questions import (
    SILENT_TOLD,
    VERSION,
    CaseProgress,
    CertificateAnswer,
    CertificateQuestion,
    Document,
    DocumentsAnswer,
    DocumentsQuestion,
    DueAnswer,
    DueQuestion,
    EligibilityAnswer,
    EligibilityQuestion,
    ProgressAnswer,
    ProgressQuestion,
    ProgressState,
    ViolationsAnswer,
    ViolationsQuestion,
)
from kiosk.messages.register import NameCountAnswer, NameCountQuestion, RegisterAnswer, RegisterQuestion

MOST_CASES = 200
"""Of one person: more than anybody has, and an answer that still fits."""


async def due(hub: Hub, question: DueQuestion) -> DueAnswer:
    """What is due in all lines, most urgent first; a department that is away is named as silent."""
    asked: dict[str, list[Service]] = {}
    for service in hub.catalogue.services.values():
        if service.due and service.department in hub.gateway.departments:
            asked.setdefault(service.department, []).append(service)
    (facts, silent), waiting = await asyncio.gather(
        hub.gateway.ask_all(asked, _facts_of(hub, question.id_number)), parking.waiting(hub, question.id_number)
    )
    items = [item for key, known in facts.items() for item in due_of(asked[key], known, hub.clock.today())]
    items.sort(key=lambda item: (item.due_on is None, item.due_on))
    return DueAnswer(items, silent, parked=parking.parked(hub, waiting, facts))


async def eligibility(hub: Hub, question: EligibilityQuestion) -> EligibilityAnswer:
    """All checks of a service that fail now. Raises InvalidMessage, DepartmentDown."""
    service = _service(hub, question.service)
    facts = await hub.gateway.ask(service.department, _facts_of(hub, question.id_number))
    return EligibilityAnswer(facts, failed_checks(service, facts, hub.clock.today()))


def _facts_of(hub: Hub, id_number: str) -> Question[Facts]:
    async def ask(department: Department, conn: AsyncConnection) -> Facts:
        return plain_facts(await department.facts(conn, id_number, hub.clock.today()))

    return ask


def _service(hub: Hub, key: str) -> Service:
    service = hub.catalogue.services.get(key)
    if service is None or service.department not in hub.gateway.departments:
        raise InvalidMessage("question.service", "no department has this service")
    return service


async def documents(hub: Hub, question: DocumentsQuestion) -> DocumentsAnswer:
    """The person's documents from who issues any; who is away is named as silent. Raises DepartmentDown if all are."""

    async def ask(department: Department, conn: AsyncConnection) -> list[Document]:
        return plain_documents(await department.documents(conn, question.id_number))

    asked = [key for key, department in hub.gateway.departments.items() if department.issues_documents]
    told, silent = await hub.gateway.ask_all(asked, ask)
    if silent and not told:
        raise DepartmentDown(silent[0])
    return DocumentsAnswer([document for found in told.values() for document in found], silent=silent)


async def violations(hub: Hub, question: ViolationsQuestion) -> ViolationsAnswer:
    """The person's violations, or one fine, from the department that keeps them. Raises DepartmentDown."""
    key = next((key for key, each in hub.gateway.departments.items() if each.keeps_violations), "")
    if not key:
        raise InvalidMessage("kind", "no department keeps violations")

    async def ask(department: Department, conn: AsyncConnection) -> ViolationsAnswer:
        number, today = question.decision_number or "", hub.clock.today()
        return plain_violations(await department.violations(conn, question.id_number, number, today))

    return await hub.gateway.ask(key, ask)


async def certificate(hub: Hub, question: CertificateQuestion) -> CertificateAnswer:
    """The sealed paper of a person's own accepted case; anything else is one and the same word. Raises InvalidMessage.

    On a public screen «later» and «refused» must not be told apart, so the wire does not tell them apart either.
    """
    service = _service(hub, question.service)
    async with hub.pool.connection() as conn:
        rows = await conn.execute(
            "select masked_name from case_file where key = %s and person_ref = %s and service = %s and state = any(%s)",
            [question.key, hub.keys.person_ref(question.id_number), service.key, list(_HAS_PAPER)],
        )
        row = await rows.fetchone()
    if row is None:
        return CertificateAnswer("window")
    asked = certificates.Asked(
        *(question.key, service.key, question.id_number, hub.clock.today()),
        await certificates.seal_of(hub.keys, hub.seals, service.department, hub.clock.now()),
        certificates.check_at(hub.names),
    )
    sealed = await hub.gateway.ask(
        service.department, lambda department, conn: department.certificate(conn, asked), DRAWN_WITHIN_S
    )
    if sealed is None:
        return CertificateAnswer("window")
    async with hub.pool.connection() as conn:
        await conn.execute(
            "insert into certificate values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
            [
                *(sealed.number, hub.keys.slip_ref(sealed.number, sealed.code), service.department, service.key),
                *(question.key, row[0], sealed.issued_on),
            ],
        )
    return CertificateAnswer("ready", sealed.number, sealed.code, to_text(sealed.pdf))


async def name_count(hub: Hub, question: NameCountQuestion) -> NameCountAnswer:
    """How many have this name; few are not counted aloud. Raises InvalidMessage, DepartmentDown."""
    key = next((key for key, each in hub.gateway.departments.items() if each.counts_names), "")
    if not key:
        raise InvalidMessage("kind", "no department counts names")
    count = await hub.gateway.ask(key, lambda department, conn: department.name_count(conn, question.name))
    return NameCountAnswer(count) if count >= FEWEST_TOLD else NameCountAnswer(0, FEWEST_TOLD)


async def register(hub: Hub, question: RegisterQuestion, kiosk_id: str) -> RegisterAnswer:
    """What the register has of who has typed this number: not often, since anybody can. Raises DepartmentDown."""
    key = next((key for key, each in hub.gateway.departments.items() if each.keeps_pictures), "")
    if not key:
        raise InvalidMessage("kind", "no department keeps pictures")
    who = f"register {hub.keys.person_ref(question.id_number)}"
    async with hub.pool.connection() as conn:
        _, wait_s = await tries.begin(hub, conn, kiosk_id, who, with_code=True)
    if wait_s:
        return RegisterAnswer(wait_s=wait_s)
    said = await hub.gateway.ask(key, lambda department, conn: department.register_card(conn, question.id_number))
    return typed(msgspec.to_builtins(said), RegisterAnswer) if said and said.picture else RegisterAnswer()


async def address(hub: Hub, question: AddressQuestion) -> AddressAnswer:
    """Standard addresses by their words, a page's worth. Raises InvalidMessage, DepartmentDown."""
    words = question.words.split()
    asked = [key for key, each in hub.gateway.departments.items() if each.keeps_addresses]
    told, silent = await hub.gateway.ask_all(
        asked, lambda department, conn: department.addresses(conn, words, _MOST_ADDRESSES + 1)
    )
    kept = [found for found in told.values() if found is not None]
    if not kept and silent:
        raise DepartmentDown(silent[0])
    if not kept:
        raise InvalidMessage("kind", "no department keeps addresses")
    found = [address for each in kept for address in each]
    return AddressAnswer([one_line(each) for each in found[:_MOST_ADDRESSES]], more=len(found) > _MOST_ADDRESSES)


async def plates(hub: Hub, question: PlatesQuestion) -> PlatesAnswer:
    """Plate numbers, from the department of the service. Raises InvalidMessage, DepartmentDown."""
    service = _service(hub, question.service)
    if not service.has_step(PLATE_NUMBER):
        raise InvalidMessage("question.service", "no number is chosen in it")
    if not question.id_number and question.action != "give_back":
        raise InvalidMessage("question.id_number", "say whose car it is")
    now = hub.clock.now()
    said = await hub.gateway.ask(service.department, lambda department, conn: department.plates(conn, question, now))
    return typed(msgspec.to_builtins(said), PlatesAnswer)


_MOST_ADDRESSES = 6
"""More are not read on a page; another word narrows them."""
FEWEST_TOLD = 5
"""Below this a number could point at somebody (k-anonymity, as on the city's public board)."""
_HAS_PAPER = ("accepted", "in_review", "decided", "collected")


async def progress(hub: Hub, question: ProgressQuestion, kiosk_id: str) -> ProgressAnswer:
    """The states of cases with their proofs, from the event log; no department is needed for it.

    ``receipt_numbers``, by which machines of before followed their cases, tells nothing: numbers can be guessed.
    """
    ways = (question.receipt_number, question.id_number, question.receipt_numbers, question.keys)
    if sum(bool(way) for way in ways) != 1 or (question.slip_code and not question.receipt_number):
        raise InvalidMessage("question", "give id_number, keys, or receipt_number with slip_code")
    async with hub.pool.connection() as conn:
        if question.receipt_number:
            return await _by_number(hub, conn, kiosk_id, question.receipt_number, question.slip_code or "")
        if question.keys:
            return ProgressAnswer([_bare(case) for case in await _cases(conn, _OF_KEYS, question.keys, kiosk_id)])
        if not question.id_number:
            return ProgressAnswer([])
        person_ref = hub.keys.person_ref(question.id_number)
        return ProgressAnswer(await _cases(conn, _NEWEST_OF_PERSON + _OF_PERSON, person_ref, MOST_CASES))


def _bare(case: CaseProgress) -> CaseProgress:
    """What a machine needs to follow what it has filed itself: nothing of whose it is."""
    return msgspec.structs.replace(case, service="", masked_name="")


async def _by_number(hub: Hub, conn: AsyncConnection, kiosk_id: str, number: str, code: str) -> ProgressAnswer:
    """One case or complaint to who has its slip; to anybody else only whether it is known, and not too often."""
    this, wait_s = await tries.begin(hub, conn, kiosk_id, number, with_code=bool(code))
    if wait_s:
        return ProgressAnswer([], wait_s=wait_s)
    rows = await conn.execute(
        "select key, slip_ref, true from case_file where receipt_number = %s "
        "union all select key, slip_ref, false from complaint where complaint_number = %s",
        [number, number],
    )
    found, wanted = await rows.fetchall(), hub.keys.slip_ref(number, code)
    opened = [(key, is_case) for key, slip_ref, is_case in found if wanted is not None and slip_ref == wanted]
    if not opened:
        return ProgressAnswer([], known=bool(found))
    await tries.forget(conn, this)
    cases = await _cases(conn, _OF_SLIP, [key for key, is_case in opened if is_case])
    return ProgressAnswer(cases or await _complaint(hub, conn, number))


_CASES = "select key, case_file.receipt_number, service, masked_name, promised_on, promised_by from case_file "
# The newest first. What a machine has filed in heaps for somebody hides nothing that a department has taken.
_OF_PERSON: LiteralString = _CASES + "join newest using (key) order by key desc"
_NEWEST_OF_PERSON: LiteralString = (
    "with newest as (select key from case_file where person_ref = %s "
    "order by state in ('delivered', 'not_accepted'), key desc limit %s) "
)
_OF_SLIP: LiteralString = _CASES + "where key = any(%s)"
_OF_KEYS: LiteralString = (
    _CASES + "left join envelope using (key) left join paper_copy using (key) where key = any(%s::uuid[]) "
    "and case_file.receipt_number is not null and coalesce(envelope.kiosk_id, paper_copy.kiosk_id) = %s order by key"
)


async def _cases(conn: AsyncConnection, query: LiteralString, *values: Any) -> list[CaseProgress]:
    rows = await conn.execute(query, values)
    return [
        CaseProgress(number, service, name, await _states(conn, key), *promise)
        for key, number, service, name, *promise in await rows.fetchall()
    ]


async def _complaint(hub: Hub, conn: AsyncConnection, number: str) -> list[CaseProgress]:
    """A complaint under its own number: that it is here, and nothing of who wrote it."""
    rows = await conn.execute(
        "select at from complaint join event on envelope_key = complaint.key and event.kind = 'received' "
        "where complaint_number = %s order by id limit 1",
        [number],
    )
    service = next((s.key for s in hub.catalogue.services.values() if s.has_step("complaint")), "")
    return [
        CaseProgress(number, service, "", [ProgressState("delivered", to_rfc3339(at), "hub")])
        for (at,) in await rows.fetchall()
    ]


async def _states(conn: AsyncConnection, key: str) -> list[ProgressState]:
    rows = await conn.execute(
        "select data->>'state', coalesce((data->>'on')::timestamptz, at), actor, data->>'note', data->'reasons' "
        "from event where envelope_key = %s and kind = %s order by id",
        [key, events.CASE_STATE],
    )
    return [
        ProgressState(state, to_rfc3339(at), actor, note or "", reasons or [])
        for state, at, actor, note, reasons in await rows.fetchall()
    ]


ANSWERS: dict[str, Callable[[Hub, Any], Awaitable[Any]]] = {
    "due": due,
    "eligibility": eligibility,
    "documents": documents,
    "violations": violations,
    "certificate": certificate,
    "name_count": name_count,
    "slots": slots,
    "post": post,
    "address": address,
    "plates": plates,
    "park": parking.park,
    "handover": handover,
}
"""What needs no more than the question."""
OF_MACHINE: dict[str, Callable[[Hub, Any, str], Awaitable[Any]]] = {
    "progress": progress,
    "payment": payment,
    "bills": bills,
    "register": register,
    "code": code,
    "nearby": nearby,
    "locker": locker,
    "resume": resume,
}
"""What needs to know which machine asks: whose tries are counted, whose order it is."""

KINDS = (*ANSWERS, *OF_MACHINE)


async def answer(hub: Hub, kind: str, question: Any, kiosk_id: str, version: int = VERSION) -> Any:
    """The answer to a question of one of ``KINDS``, for one that reads this version.

    Raises InvalidMessage, DepartmentDown.
    """
    if kind in OF_MACHINE:
        return await OF_MACHINE[kind](hub, question, kiosk_id)
    said = await ANSWERS[kind](hub, question)
    if isinstance(said, DocumentsAnswer) and said.silent and version < SILENT_TOLD:
        raise DepartmentDown(said.silent[0])  # To who cannot see that it is a part, half a list would mislead.
    return said
