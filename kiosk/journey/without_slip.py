"""No slip can be printed now: told before the first question, once in a visit."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kiosk.health import can_print, wants_slip
from kiosk.pages import Answer, Hero, Page
from kiosk.roster import PRINTER
from kiosk.text import text

if TYPE_CHECKING:
    from kiosk.journey.engine import Journey
    from kiosk.machine import Machine


async def goes_on(journey: Journey) -> bool:
    """Whether the person begins; by itself as soon as the printer can print again. False for back."""
    machine, visit = journey.machine, journey.visit
    if visit.knows_no_slip or not wants_slip(journey.service) or can_print(machine.peripherals):
        return True
    if not machine.peripherals.of_kind(PRINTER):
        return True
    answer = await visit.show_while(_page(journey), partial(_until_it_prints, machine))
    if isinstance(answer, Answer) and answer.action == "back":
        return False
    visit.knows_no_slip = isinstance(answer, Answer)
    return True


async def _until_it_prints(machine: Machine) -> None:
    while not can_print(machine.peripherals):
        await machine.peripherals.until_change()


def _page(journey: Journey) -> Page:
    hero = Hero(icon="printer", level="warn", title=text("no_slip.title"), lead=text("no_slip.lead"))
    return journey.page("no_slip", journey.service.name, hero, actions=journey.bar(text("no_slip.go_on")))
