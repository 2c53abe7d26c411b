"""What can be offered now: what cannot end is not started, and the reason is said beforehand."""

from __future__ import annotations

from kiosk.catalogue.model import Service
from kiosk.catalogue.rules import needs_date
from kiosk.peripherals import Peripherals
from kiosk.roster import PRINTER, READER
from kiosk.text import NOTHING, Text, text


class Offer:
    """Whether a service can be started; ``reason`` when not, ``hint`` when it can but something will lack."""

    __slots__ = ("available", "hint", "reason")

    def __init__(self, reason: Text = NOTHING, hint: Text = NOTHING) -> None:
        self.available = not reason
        self.reason = reason
        self.hint = hint


_FILING = frozenset({"file", "complaint"})


def offer(
    service: Service, peripherals: Peripherals, *, online: bool, knows_date: bool, filing_trouble: str = ""
) -> Offer:
    """Judge one service by network, devices, the date and ``filing_trouble`` (why nothing can be filed; "": it can).

    Without ``knows_date`` nobody is judged by one: age, expiry, a window.
    """
    if filing_trouble and files(service):
        return Offer(reason=text(f"health.not_filed_{filing_trouble}"))
    if not knows_date and needs_date(service):
        return Offer(reason=text("health.no_date"))
    if service.offline == "live" and not online:
        return Offer(reason=text("health.needs_network"))
    if any(s.kind == "identify" for s in service.steps) and not peripherals.is_usable(READER):
        return Offer(reason=text("health.no_reader"))
    if wants_slip(service) and not can_print(peripherals):
        return Offer(hint=text("health.no_slip"))
    return Offer()


def wants_slip(service: Service) -> bool:
    """Whether there is a slip at the end, in the form of a number on paper."""
    return "receipt_printer" in service.devices or service.has_step("complaint")


def can_print(peripherals: Peripherals) -> bool:
    """Whether a slip would come out now, by the printer's last word."""
    return peripherals.is_usable(PRINTER)


def files(service: Service) -> bool:
    """Whether the service comes to nothing unless something is kept; a rating after it may be left out."""
    kinds = [step.kind for step in service.steps]
    return not _FILING.isdisjoint(kinds) or kinds[:1] == ["rate"]
