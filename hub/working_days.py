"""Promised dates. Which days are working days is what the State Council publishes, year by year, each autumn."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from chinese_calendar import is_workday

from kiosk.catalogue.model import Limit

WEEKENDS = "weekends"
"""How a date was counted that lies in a year, or counts through one, whose holidays are not published."""


class Promise(NamedTuple):
    """``on``: the last day. ``by``: "" for natural days and published working days, else ``WEEKENDS``."""

    on: date
    by: str = ""


def promised(limit: Limit | None, today: date) -> Promise | None:
    """The last day of a limit that begins today: the day itself is not counted (民法典 art. 201). None without one.

    Natural days (``d``) run through holidays; working days (``wd``) know them and the weekends that are worked instead.
    """
    if limit is None:
        return None
    if limit.unit == "d":
        return Promise(today + timedelta(days=limit.n))
    day, left, by = today, limit.n, ""
    while left > 0:
        day += timedelta(days=1)
        is_working, known = working_day(day)
        left -= is_working
        by = by if known else WEEKENDS
    return Promise(day, by)


def working_day(day: date) -> tuple[bool, bool]:
    """Whether it is a working day, and whether its year is published; of another one weekends alone are known."""
    try:
        return is_workday(day), True
    except NotImplementedError:
        return day.weekday() < 5, False
