"""What was left at the hub, as a journey: the same service, or the same several as one."""

from __future__ import annotations

from kiosk.cases import new_id
from kiosk.handover import Left
from kiosk.journey.engine import Journey
from kiosk.journey.whole import together, whole_of_bundle
from kiosk.planning.plan import plan_of
from kiosk.visit import Visit


def journey_of(visit: Visit, left: Left) -> Journey | None:
    """None when the catalogue of this machine has nothing of it."""
    catalogue = visit.machine.catalogue
    if left.key in catalogue.services:
        return Journey(visit, catalogue.services[left.key], new_id())
    parts = [key for key in left.parts if key in catalogue.services]
    if not parts:
        return None
    if left.key in catalogue.bundles:
        return whole_of_bundle(visit, catalogue.bundles[left.key], parts)
    return together(visit, plan_of([catalogue.services[key] for key in parts]))
