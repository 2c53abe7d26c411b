"""No slip can be printed now: told before the first question, once in a visit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kiosk.catalogue.model import Service
from kiosk.health import can_print, wants_slip
from kiosk.machine import Machine
from kiosk.pages import Answer, Hero, Page
from kiosk.roster import PRINTER
from kiosk.text import text
from kiosk.visit import Visit


async def goes_on(visit: Visit, service: Service, page: Callable[[Hero], Page]) -> bool:
    """Whether the person begins; by itself as soon as the printer can print again. False for back.

    ``page`` makes a page of the journey around what it says.
    """
    machine = visit.machine
    if visit.knows_no_slip or not wants_slip(service) or can_print(machine.peripherals):
        return True
    if not machine.peripherals.of_kind(PRINTER):
        return True
    hero = Hero(icon="printer", level="warn", title=text("no_slip.title"), lead=text("no_slip.lead"))
    answer = await visit.show_while(page(hero), partial(_until_it_prints, machine))
    if isinstance(answer, Answer) and answer.action == "back":
        return False
    visit.knows_no_slip = isinstance(answer, Answer)
    return True


async def _until_it_prints(machine: Machine) -> None:
    while not can_print(machine.peripherals):
        await machine.peripherals.until_change()
