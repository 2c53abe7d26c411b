"""The one way of a sealed paper to an A4 printer: the bytes go out as they came, nothing is drawn here."""

from __future__ import annotations

from devices.page_printer.job import Outcome, PageJob, result_of
from kiosk.machine import Machine

PRINTER = "page_printer"
_LIMIT_S = 120.0


async def print_pages(machine: Machine, pdf: bytes, key: str) -> Outcome | None:
    """How it ended; None: no A4 printer here that works. ``key`` finds the job again and names nobody."""
    if not machine.peripherals.is_usable(PRINTER):
        return None
    name = machine.peripherals.chosen(PRINTER)
    return result_of(await machine.peripherals.call(name, "print_pages", _LIMIT_S, job=PageJob(key, pdf))).outcome
