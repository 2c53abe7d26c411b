"""Paper and its truth: intent before, the printer's own word after, never twice in silence."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from devices.receipt_printer.job import PrintJob, Qr, result_of
from kiosk.catalogue.model import Service
from kiosk.machine import Machine
from kiosk.messages.paper import PREFIX
from kiosk.pages import Answer, Hero, Page
from kiosk.paper_doubt import clear_doubt, is_printed
from kiosk.roster import PRINTER
from kiosk.slips.intents import Slip, begin_slip, hand_over
from kiosk.slips.layout import sheet_job
from kiosk.slips.letterhead import letterhead
from kiosk.slips.model import Section
from kiosk.text import Text, text
from kiosk.threads import in_thread
from kiosk.visit import Visit, message

Printed = Literal["printed", "not_printed", "unknown"]
PRINT_S = 25.0
RECOVERY_CODE_S = 25.0
"""More for each recovery code of a slip: its picture is 23 KB, and a printer on 9600 baud takes one a second."""

_KNOWN_TROUBLE = frozenset(
    {
        "paper_out",
        "cover_open",
        "no_barrier",
        "jammed",
        "unplugged",
        "not_configured",
        "silent",
        "stalled",
        "offline",
        "in_doubt",
    }
)


async def print_job(visit: Visit, job: PrintJob, ref: str, intent: int, slip: Slip) -> tuple[Printed, str]:
    """Send one job whose intent was begun. What the printer proves resolves it.

    Returns the outcome and the error code ("" when printed). An ``unknown`` one stays open in the journal for the
    technician until a person has said whether the paper came.
    """
    machine = visit.machine
    doubted = machine.slip_in_doubt
    printer = machine.peripherals.chosen(PRINTER)
    if error := await clear_doubt(machine, printer):
        # Whatever hangs there would swallow the head of this slip.
        return await _ended(machine, ref, intent, "not_printed", error)
    if slip.copy and doubted and doubted.ref == ref and await is_printed(machine, doubted.intent):
        # What it is a copy of came out after all, just now: there is no second one.
        await machine.resolve_intent(intent, "not_printed")
        return "printed", ""
    intent = await in_thread(hand_over, machine, printer, intent, ref, slip)
    named = replace(job, key=str(intent))
    done = await machine.peripherals.call(printer, "print_job", _longest_s(job), job=named)
    outcome = result_of(done).outcome.value
    if outcome != "unknown":
        machine.paper_in_doubt.discard(printer)
        machine.slip_in_doubt = None
    return await _ended(machine, ref, intent, outcome, done.error)


async def _ended(machine: Machine, ref: str, intent: int, outcome: Printed, error: str) -> tuple[Printed, str]:
    if outcome != "unknown":
        await machine.resolve_intent(intent, outcome)
    machine.publish("print", ref=ref, outcome=outcome, error=error)
    return outcome, error


def _longest_s(job: PrintJob) -> float:
    codes = sum(isinstance(element, Qr) and element.data.startswith(PREFIX) for element in job.elements)
    return PRINT_S + codes * RECOVERY_CODE_S


async def shown_printing(visit: Visit, job: PrintJob, ref: str, slip: Slip) -> tuple[Printed, str]:
    """Print behind a page that follows the printer: paper that runs out meanwhile is asked for there."""
    intent = await in_thread(begin_slip, visit.machine, ref, slip)

    def page() -> Page:
        return _printing_page(visit, is_filed=bool(slip.number))

    with visit.machine.refreshing(lambda: visit.update(page())):
        result = await visit.show_while(page, functools.partial(print_job, visit, job, ref, intent, slip))
    return ("unknown", "") if isinstance(result, Answer) else result


def _printing_page(visit: Visit, *, is_filed: bool) -> Page:
    """Shown while the printer works; no time limit runs. Only what ``is_filed`` is said to be safe."""
    status = visit.machine.peripherals.status_of(PRINTER)
    stopped = status.error if status.error in ("paper_out", "cover_open", "stalled") else ""
    lead = text(f"print.waits_{stopped}") if stopped else text("print.wait")
    if stopped and is_filed:
        lead = text("print.waits_safe", lead=lead)
    title = text("print.printing")
    hero = Hero(icon="printer", level="warn" if stopped else "info", title=title, lead=lead, busy=True)
    return Page(kind="printing", layout="full", title=title, blocks=(hero,), timeout_s=0)


async def print_sheet(visit: Visit, title: Text, service: Service, sections: Sequence[Section]) -> None:
    """Print a sheet that has no receipt number, such as 一次性告知单, and say how it went."""
    head = letterhead(visit.machine, title, service.name, line=service.line, person=visit.masked_name)
    await print_notice(visit, sheet_job(head, sections, visit.settings.language))


async def print_notice(visit: Visit, job: PrintJob) -> None:
    """The same for any paper that belongs to no case."""
    outcome, error = await shown_printing(visit, job, "notice", Slip())
    if outcome == "printed":
        page = message("printed", "printer", "ok", text("print.sheet_done"), text("print.sheet_take"), timeout_s=30.0)
    else:
        unknown = text("print.sheet_unknown"), text("print.sheet_unknown_lead")
        told = unknown if outcome == "unknown" else (text("print.sheet_failed"), trouble(error))
        page = message("not_printed", "printer", "warn", *told)
    await visit.tell(page)


def trouble(error: str) -> Text:
    """Plain words for a printer's error code."""
    return text(f"print.{error}") if error in _KNOWN_TROUBLE else text("print.other")
