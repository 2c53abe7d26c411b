"""What a service costs by the hub's own catalogue: no machine names its price."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from kiosk.catalogue.model import Service
from kiosk.catalogue.rules import fees_due, said_as_facts


def amounts(service: Service) -> frozenset[int]:
    """Every sum that can be due now: of all its fees, or of those that apply to somebody."""
    sums = {0}
    for fee in service.fees:
        sums |= {known + fee.amount_fen for known in sums}
    return frozenset(sums - {0})


def least_due(service: Service, answers: Mapping[str, Any], today: date) -> int:
    """What somebody who answered so pays at least before anything is given; 0 where not everybody comes to a ``pay``.

    Who chose two trips has not paid with the price of one. A fee that hangs on more than answers is not known here: its
    department judges it.
    """
    if not any(step.kind == "pay" and not step.conditions and not step.with_others for step in service.steps):
        return 0
    return sum(fee.amount_fen for fee in fees_due(service, said_as_facts(answers), today))
