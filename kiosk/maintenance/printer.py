"""Test print: the printer's own word says whether paper came; where it is silent, the technician does."""

from __future__ import annotations

from functools import partial

from devices.contract import Completed
from devices.receipt_printer.job import Outcome, result_of
from devices.vocabulary import Completion
from kiosk.maintenance import words
from kiosk.maintenance.stay import BACK, LEAVE, Stay
from kiosk.pages import Action, Answer, Hero, Page
from kiosk.paper_doubt import clear_doubt
from kiosk.roster import PRINTER
from kiosk.slips.layout import printer_test_job
from kiosk.slips.letterhead import letterhead
from kiosk.text import NOTHING, Text, text

REF = "maintenance"
"""What the journal says of a sheet that belongs to no case."""

_PRINT_S = 25.0


async def print_page(stay: Stay, name: str) -> None:
    """Print what shows everything that a slip needs. The intent is durable before the first byte."""
    intent = await stay.machine.begin_intent("print", REF)
    busy = Hero(icon="printer", level="info", title=text("print.printing"), busy=True)
    page = stay.page("maintenance_printing", text("maintenance.test_print"), busy, actions=(LEAVE,))
    done = await stay.show_while(page, partial(_print, stay, name))
    if isinstance(done, Answer):
        return
    result = result_of(done)
    if result.outcome is Outcome.UNKNOWN:
        await _ask_whether_printed(stay, intent, done.error)
        return
    await stay.machine.resolve_intent(intent, result.outcome.value)
    printed = result.outcome is Outcome.PRINTED
    title = text("maintenance.test_printed" if printed else "maintenance.test_not_printed")
    lead = text("maintenance.compare") if printed else words.fault(done.error, PRINTER)
    await stay.show(_result_page(stay, title, lead, "ok" if printed else "error"))


async def _print(stay: Stay, name: str) -> Completed:
    head = letterhead(stay.machine, text("slip.test.title"), text("slip.test.about"))
    job = printer_test_job(head, stay.visit.settings.language)
    machine = stay.machine
    if error := await clear_doubt(machine, name):
        return Completed(Completion.DEVICE_NOT_READY, error=error)
    machine.paper_in_doubt.add(name)
    call = partial(machine.peripherals.call, name, "print_job", _PRINT_S, job=job)
    done = await stay.tested(name, "test_print", call)
    if result_of(done).outcome is not Outcome.UNKNOWN:
        machine.paper_in_doubt.discard(name)
    return done


async def _ask_whether_printed(stay: Stay, intent: int, error: str) -> None:
    """The printer did not say: whoever stands there does, or leaves it open."""
    page = _result_page(
        stay,
        text("maintenance.came_title"),
        words.fault(error, PRINTER) if error else NOTHING,
        "warn",
        (
            LEAVE,
            Action(id="not_printed", label=text("maintenance.not_printed"), style="secondary", icon="x-circle"),
            Action(id="printed", label=text("maintenance.printed"), style="primary", icon="check-circle"),
        ),
    )
    outcome = (await stay.show(page)).action
    await stay.order("settle_doubt", intent=intent, outcome=outcome)


def _result_page(stay: Stay, title: Text, lead: Text, level: str, actions: tuple = (LEAVE, BACK)) -> Page:
    icon = "check-circle" if level == "ok" else "warning-circle"
    hero = Hero(icon=icon, level=level, title=title, lead=lead)  # type: ignore[arg-type]
    return stay.page("maintenance_printed", text("maintenance.test_print"), hero, actions=actions)
