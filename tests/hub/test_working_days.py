"""Promised dates: natural days, working days as published, and what is said when nothing is published yet."""

from __future__ import annotations

from datetime import date

import pytest

from hub.working_days import Promise, promised
from kiosk.catalogue.model import Limit
from kiosk.messages.questions import BY_LAW, BY_WEEKENDS


@pytest.mark.parametrize(
    ("n", "unit", "today", "day", "by"),
    [
        (0, "wd", date(2027, 1, 15), date(2027, 1, 15), ""),
        (1, "d", date(2027, 1, 15), date(2027, 1, 16), ""),
        (1, "wd", date(2027, 1, 15), date(2027, 1, 18), BY_WEEKENDS),
        (6, "wd", date(2027, 1, 15), date(2027, 1, 25), BY_WEEKENDS),
        # Spring Festival 2026: 15 to 23 February are free, 14 and 28 February are worked.
        (1, "wd", date(2026, 2, 13), date(2026, 2, 14), ""),
        (2, "wd", date(2026, 2, 13), date(2026, 2, 24), ""),
        (7, "wd", date(2026, 2, 12), date(2026, 2, 28), ""),
        # Natural days run through it.
        (20, "d", date(2026, 2, 12), date(2026, 3, 4), ""),
        # A year that is published and one that is not.
        (2, "wd", date(2026, 12, 31), date(2027, 1, 4), BY_WEEKENDS),
        (1, "wd", date(2003, 12, 31), date(2004, 1, 2), ""),
    ],
)
def test_a_promised_date_is_counted_as_its_unit_says(n: int, unit: str, today: date, day: date, by: str) -> None:
    assert promised(Limit(n=n, unit=unit), today) == Promise(day, by)  # type: ignore[arg-type]


def test_without_a_limit_nothing_is_promised() -> None:
    assert promised(None, date(2027, 1, 15)) is None


TEN = Limit(n=10, unit="wd")


@pytest.mark.parametrize(
    ("limit", "law", "today", "day", "by"),
    [
        # Without a holiday ten working days are fourteen days.
        (TEN, 15, date(2026, 3, 2), date(2026, 3, 16), ""),
        # Ten working days from 12 February 2026 end on 4 March, the fifteen days of the law on 27 February.
        (TEN, 15, date(2026, 2, 12), date(2026, 2, 27), BY_LAW),
        # The fifteenth day, 19 February, is one of rest: nobody comes then. The last one of work is Saturday 14.
        (TEN, 15, date(2026, 2, 4), date(2026, 2, 14), BY_LAW),
        (Limit(n=7, unit="wd"), 15, date(2025, 9, 30), date(2025, 10, 15), BY_LAW),
        (Limit(n=7, unit="wd"), 15, date(2026, 3, 2), date(2026, 3, 11), ""),
        # No day of the law's limit is a working day.
        (Limit(n=2, unit="wd"), 1, date(2026, 3, 6), date(2026, 3, 9), BY_LAW),
        (Limit(n=0, unit="wd"), 1, date(2026, 2, 13), date(2026, 2, 13), ""),
        (Limit(n=15, unit="d"), 15, date(2026, 2, 4), date(2026, 2, 19), ""),
    ],
)
def test_no_later_day_is_promised_than_the_law_allows(limit: Limit, law: int, today: date, day: date, by: str) -> None:
    assert promised(limit, today, Limit(n=law, unit="d")) == Promise(day, by)
