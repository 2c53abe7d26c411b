"""One visit's way through the machine: the home page, what is due, a line, a service, and back again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
import trio

from devices.contract import Completed
from devices.id_card_reader.card import IdCard
from devices.vocabulary import Completion, MediaState
from kiosk import lobby, maintenance
from kiosk.cases import unbroken
from kiosk.catalogue.model import Service
from kiosk.journey import engine
from kiosk.journey.engine import Outcome
from kiosk.journey.steps.identify import reading_trouble
from kiosk.next_card import READER
from kiosk.pages import Answer, Page, Settings
from kiosk.refusals import not_filed
from kiosk.text import NOTHING, text
from kiosk.visit import Visit, VisitEnded, message
from offline_cache.errors import StoreError

if TYPE_CHECKING:
    from kiosk.machine import Machine

log = structlog.get_logger()
BRAND_TAPS = 5
_FAULT_S = 60.0
HOME_RESTS_S = 30.0
"""After so long without a touch the home page is as if nobody had set anything."""


async def from_home(machine: Machine, visit: Visit) -> Outcome:
    """The home page and what the first touch leads to; BACK when that led to the home page again."""
    first = await _attract(machine, visit)
    if machine.is_quiet:
        machine.is_quiet = False
        machine.publish("visit", visit=visit.id, state="start")
    return await _welcome(machine, visit, first)


async def _attract(machine: Machine, visit: Visit) -> IdCard | Answer:
    """The home page until somebody touches it or puts a card down; one that lies there from before is not read.

    What the last person set is taken back after a while without a touch. Raises VisitEnded when they had begun.
    """
    lay_there = [_reader_sees_card(machine)]
    trouble = [NOTHING]
    taps: list[float] = []

    def home() -> Page:
        if not _reader_sees_card(machine):
            lay_there[0], trouble[0] = False, NOTHING
        left = lay_there[0] or machine.next_card.is_left
        return lobby.home_page(machine, visit, card_lies_there=left, trouble=trouble[0])

    def failed(done: Completed) -> None:
        lost = done.code in (Completion.DEVICE_NOT_READY, Completion.TIME_OUT)
        trouble[0] = NOTHING if lost else reading_trouble(done)
        visit.update(home())

    while True:
        found = await visit.show_while(home, lambda: _card_unless_rested(machine, visit, failed))
        if found is None:
            if not machine.is_quiet:
                raise VisitEnded("timeout")
            visit.settings = Settings()
        elif not (isinstance(found, Answer) and found.action == "brand" and not _brand_tapped(taps)):
            return found


async def _card_unless_rested(machine: Machine, visit: Visit, failed: Callable[[Completed], None]) -> IdCard | None:
    """The next card; None when nobody has touched for a while what somebody had set or begun."""
    found: list[IdCard] = []

    async def rest(scope: trio.CancelScope) -> None:
        await visit.untouched(HOME_RESTS_S)
        while machine.is_quiet and visit.settings == Settings():
            await visit.touch()
            await visit.untouched(HOME_RESTS_S)
        scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rest, nursery.cancel_scope)
        found.append(await machine.next_card.read(failed))
        nursery.cancel_scope.cancel()
    return found[0] if found else None


def _reader_sees_card(machine: Machine) -> bool:
    return machine.peripherals.status(READER).media is MediaState.PRESENT


def _brand_tapped(taps: list[float]) -> bool:
    """Five taps on the emblem within five seconds open the way in for technicians; ``taps`` are those before."""
    now = trio.current_time()
    taps[:] = [t for t in taps if now - t < BRAND_TAPS] + [now]
    return len(taps) >= BRAND_TAPS


async def _welcome(machine: Machine, visit: Visit, first: IdCard | Answer) -> Outcome:
    """From the first touch on: to maintenance, to a service, or to what is due. BACK leads to the home page."""
    if isinstance(first, Answer):
        if first.action == "brand":
            await maintenance.enter(visit)
            return Outcome.LEAVE
        outcome = await _chosen(machine, visit, first.action)
    else:
        staff = await machine.staff.find(first)
        if staff and staff.role == "technician" and await maintenance.run(visit, staff):
            return Outcome.LEAVE
        if machine.out_of_service:
            return Outcome.LEAVE
        # Whoever touched before this card came may be somebody else.
        visit.typed.clear()
        visit.take(first)
        outcome = Outcome.LEAVE
    del first
    while visit.card is not None:
        await _todo(machine, visit)
    return outcome


async def _todo(machine: Machine, visit: Visit) -> None:
    """Who this is and what can be done, at once; what is due is filled in as soon as the city has answered."""
    card = visit.card
    if card is None:
        return
    told = [lobby.ASKING]

    def page() -> Page:
        return lobby.todo_page(machine, visit, told[0])

    async def ask() -> None:
        while told[0].items is None:
            came_online = machine.came_online
            told[0] = await lobby.what_is_due(machine, card.number)
            visit.update(page())
            if told[0].items is None:
                await came_online.wait()
        await trio.sleep_forever()

    answer = await visit.show_while(page, ask)
    if isinstance(answer, Answer):
        await _chosen(machine, visit, answer.action)


async def _chosen(machine: Machine, visit: Visit, action: str) -> Outcome:
    """What was touched: a line or a service. BACK when the person came back from its first page."""
    what, _, key = action.partition(":")
    if what == "line":
        return await _line(machine, visit, key)
    if what == "service" and key in machine.catalogue.services:
        return await _journey(visit, machine.catalogue.services[key])
    return Outcome.LEAVE


async def _line(machine: Machine, visit: Visit, line: str) -> Outcome:
    while True:
        answer = await visit.show(lambda: lobby.line_page(machine, visit, line))
        if not answer.action.startswith("service:"):
            return Outcome.BACK
        outcome = await _chosen(machine, visit, answer.action)
        if outcome is not Outcome.BACK:
            return outcome


async def say_what_is_safe(visit: Visit) -> None:
    """After a surprise outside every step: what is kept and what is not, before the visit ends and is wiped."""
    numbers = " ".join(unbroken(case.receipt_number) for case in visit.filed)
    lead = text("fault.filed", number=numbers) if numbers else text("fault.nothing_filed")
    await visit.tell(message("fault", "warning-circle", "error", text("fault.title"), lead, timeout_s=_FAULT_S))


async def _journey(visit: Visit, service: Service) -> Outcome:
    try:
        return await engine.run(visit, service)
    except StoreError as error:
        log.error("store_failed", service=service.key, error=type(error).__name__)
        await visit.tell(not_filed(error))
        return Outcome.LEAVE
