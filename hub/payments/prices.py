"""What a service costs by the hub's own catalogue: no machine names its price."""

from __future__ import annotations

from kiosk.catalogue.model import Service


def amounts(service: Service) -> frozenset[int]:
    """Every sum that can be due now: of all its fees, or of those that apply to somebody."""
    sums = {0}
    for fee in service.fees:
        sums |= {known + fee.amount_fen for known in sums}
    return frozenset(sums - {0})


def must_be_paid(service: Service) -> bool:
    """Whether nobody gets it unpaid: it has a step ``pay`` that everybody comes to, and a fee for everybody."""
    return any(not fee.conditions for fee in service.fees) and any(
        step.kind == "pay" and not step.conditions for step in service.steps
    )
