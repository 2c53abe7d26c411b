"""What can be offered now: what cannot end is not started, and the reason is said beforehand."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.catalogue.model import Service, StepSpec
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
    # Whether a step with a condition is asked is not known yet: the engine tells when its time comes.
    certain = [step for step in service.steps if not step.conditions]
    if not online and (service.offline == "live" or any(step.offline_in(service) == "ends" for step in certain)):
        return Offer(reason=text("health.needs_network"))
    by_steps = (device_away(step, peripherals, ("ends", "waits")) for step in certain)
    for away in (*by_steps, listed(service, peripherals)):
        if away:
            return Offer(reason=text("health.no_reader" if away == READER else "health.no_device"))
    if wants_slip(service) and not can_print(peripherals):
        return Offer(hint=text("health.no_slip"))
    return Offer()


def wants_slip(service: Service) -> bool:
    """Whether there is a slip at the end, in the form of a number on paper."""
    return any(step.about.gives_slip for step in service.steps)


def device_away(step: StepSpec, peripherals: Peripherals, lost: Sequence[str] = ("ends",)) -> str:
    """The first device that does not work and without which the step does what ``lost`` says; "" when there is none."""
    for use in step.uses():
        if use.lost in lost and not peripherals.is_usable(use.device):
            return use.device
    return ""


def listed(service: Service, peripherals: Peripherals) -> str:
    """The first device that the service itself asks for and that does not work; "" when there is none.

    A slip that cannot be printed now ends nothing: its number stands on the screen.
    """
    asked = (device for device in service.devices if not (device == PRINTER and wants_slip(service)))
    return next((device for device in asked if not peripherals.is_usable(device)), "")


def can_print(peripherals: Peripherals) -> bool:
    """Whether a slip would come out now, by the printer's last word."""
    return peripherals.is_usable(PRINTER)


def files(service: Service) -> bool:
    """Whether the service comes to nothing unless something is kept; a rating after it may be left out."""
    main = [step for step in service.steps if not step.about.is_extra] or service.steps
    return any(step.about.files for step in main)
