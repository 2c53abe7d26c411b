"""Checks of what was answered: nobody is refused by one before the answer, so that they have stories of their own."""

from __future__ import annotations

from kiosk.catalogue.model import Check
from kiosk.catalogue.rules import ANSWERS


def judges_answer(check: Check) -> bool:
    """Whether it is asked once something was answered."""
    return check.only_if is not None and check.only_if.fact.startswith(ANSWERS)
