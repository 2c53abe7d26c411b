"""For how long an ID card is issued (居民身份证法 art. 5); machine, department and made-up people count alike."""

from __future__ import annotations

from datetime import date

from kiosk.clock import full_years, months_later

_YEARS = ((16, 5), (26, 10), (46, 20))
"""Up to which age, and how many years; from 46 on for life."""


def card_years(birth: date, issued: date) -> int:
    """Of a card that is issued on this day; 0: for life."""
    age = full_years(birth, issued)
    return next((years for below, years in _YEARS if age < below), 0)


def card_valid_to(birth: date, issued: date) -> date | None:
    """Its last day; None: valid for life."""
    years = card_years(birth, issued)
    return months_later(issued, 12 * years) if years else None
