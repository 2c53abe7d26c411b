"""Fines: until when they are paid, and what is added when that day has passed."""

from __future__ import annotations

from datetime import date, timedelta

PAID_WITHIN_DAYS = 15
"""行政处罚法 art. 67: fifteen days from the receipt of the decision."""
_LATE_PERCENT_A_DAY = 3
"""行政处罚法 art. 72: three per cent a day, never more than the fine itself."""


def pay_until(decided_on: date) -> date:
    """The last day without a late charge."""
    return decided_on + timedelta(days=PAID_WITHIN_DAYS)


def late_fen(fine_fen: int, decided_on: date, today: date) -> int:
    """What is added today."""
    days = max(0, (today - pay_until(decided_on)).days)
    return min(fine_fen, fine_fen * _LATE_PERCENT_A_DAY * days // 100)
