"""T01 as if it were paid at the machine: the catalogue's own is paid on collection."""

from __future__ import annotations

import msgspec

from kiosk.catalogue.kinds import spec_type
from kiosk.catalogue.model import Service


def add_pay(services: dict[str, Service]) -> None:
    """A step ``pay`` before T01 is filed."""
    steps = [step for step in services["T01"].steps if step.kind != "pay"]
    at = next(n for n, step in enumerate(steps) if step.kind == "file")
    steps.insert(at, msgspec.convert({"kind": "pay"}, spec_type("pay")))
    services["T01"] = msgspec.structs.replace(services["T01"], steps=tuple(steps))
