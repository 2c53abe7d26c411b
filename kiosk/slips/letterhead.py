"""The head of a paper that this machine prints now."""

from __future__ import annotations

from kiosk.machine import Machine
from kiosk.slips.model import Letterhead
from kiosk.text import NOTHING, Text, same


def letterhead(machine: Machine, title: Text, about: Text, *, line: str = "", person: str = "") -> Letterhead:
    """``title``: what kind of paper it is; ``about``: the service; ``person``: masked already, "" for nobody."""
    catalogue = machine.catalogue
    return Letterhead(
        title=title,
        about=about,
        line=catalogue.lines[line].name if line else NOTHING,
        person=person,
        hall=same(machine.config.machine.hall),
        machine=machine.config.machine.id,
        printed_at=machine.clock.now(),
        help_phone=catalogue.help_phone,
        complaint_phone=catalogue.complaint_phone,
        catalogue_version=catalogue.version,
    )
