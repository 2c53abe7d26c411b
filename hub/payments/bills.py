"""What departments demand of people: told to whom it concerns, or to who has a case's slip; it is paid by number."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import AsyncConnection

from hub import tries
from hub.context import Hub
from hub.department import Department
from hub.department_answers import plain_bills
from kiosk.catalogue.model import Service
from kiosk.messages.bills import Bill, BillsAnswer, BillsQuestion
from kiosk.messages.encoding import InvalidMessage


async def bills(hub: Hub, question: BillsQuestion, kiosk_id: str) -> BillsAnswer:
    """Raises InvalidMessage, DepartmentDown."""
    service = hub.catalogue.services.get(question.service)
    if service is None or not _demands(hub, service):
        raise InvalidMessage("question.service", "no department demands money for this service")
    if not question.receipt_number:
        return BillsAnswer(await _bills_of_department(hub, service, question.id_number, ()))
    async with hub.pool.connection() as conn:
        key, known, wait_s = await _case_of(hub, conn, kiosk_id, question.receipt_number, question.slip_code or "")
    return BillsAnswer(await _bills_of_department(hub, service, "", (key,)) if key else [], known, wait_s)


async def owed_fen(hub: Hub, service: Service, numbers: Sequence[str]) -> int:
    """What is still to be paid under these numbers. Raises InvalidMessage where one is unknown, paid or said twice."""
    if not numbers:
        return 0
    found = await _bills_of_department(hub, service, "", numbers) if _demands(hub, service) else []
    if sorted(numbers) != sorted(bill.number for bill in found) or any(bill.is_paid for bill in found):
        raise InvalidMessage("question.items.bills", "nothing is owed under this number")
    return sum(bill.due_fen for bill in found)


def _demands(hub: Hub, service: Service) -> bool:
    department = hub.gateway.departments.get(service.department)
    return department is not None and department.demands_money and service.has_step("pay")


async def _bills_of_department(hub: Hub, service: Service, id_number: str, numbers: Sequence[str]) -> list[Bill]:
    async def ask(department: Department, conn: AsyncConnection) -> list[Bill]:
        return plain_bills(await department.bills(conn, id_number, numbers, hub.clock.today()))

    return await hub.gateway.ask(service.department, ask)


async def _case_of(hub: Hub, conn: AsyncConnection, kiosk_id: str, number: str, code: str) -> tuple[str, bool, int]:
    """The key of the case whose slip this is, "" without it; whether the number is known; and the wait in seconds."""
    this, wait_s = await tries.begin(hub, conn, kiosk_id, number, with_code=bool(code))
    if wait_s:
        return "", False, wait_s
    rows = await conn.execute("select key::text, slip_ref from case_file where receipt_number = %s", [number])
    found, wanted = await rows.fetchall(), hub.keys.slip_ref(number, code)
    key = next((key for key, slip_ref in found if wanted is not None and slip_ref == wanted), "")
    if key:
        await tries.forget(conn, this)
    return key, bool(found), 0
