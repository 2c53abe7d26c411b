"""Promised dates. Which days are working days is what the State Council publishes, year by year, each autumn."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from chinese_calendar import is_workday

from kiosk.catalogue.model import Limit
from kiosk.messages.questions import BY_LAW, BY_WEEKENDS


class Promise(NamedTuple):
    """``on``: the last day. ``by``: "" for natural and published working days, else ``BY_WEEKENDS`` or ``BY_LAW``."""

    on: date
    by: str = ""


def promised(limit: Limit | None, today: date, law: Limit | None = None) -> Promise | None:
    """The last day of a limit that begins today: the day itself is not counted (民法典 art. 201). None without one.

    Natural days (``d``) run through holidays; working days (``wd``) know them and the weekends that are worked instead.
    Ten working days about a long holiday end after fifteen natural ones: what ``law`` allows is promised then.
    """
    if limit is None:
        return None
    promise = counted(limit, today)
    last = _last_day(law, today) if law and limit.unit == "wd" else promise.on
    return Promise(last, BY_LAW) if last < promise.on else promise


def counted(limit: Limit, today: date) -> Promise:
    """The same for one that there is."""
    if limit.unit == "d":
        return Promise(today + timedelta(days=limit.n))
    day, left, by = today, limit.n, ""
    while left > 0:
        day += timedelta(days=1)
        is_working, known = working_day(day)
        left -= is_working
        by = by if known else BY_WEEKENDS
    return Promise(day, by)


def _last_day(law: Limit, today: date) -> date:
    """The last working day in the law's limit; of one that has none the working day after it (民法典 art. 203)."""
    last = counted(law, today).on
    days = (last - timedelta(days=n) for n in range((last - today).days))
    return next((day for day in days if working_day(day)[0]), counted(Limit(n=1, unit="wd"), last).on)


def working_day(day: date) -> tuple[bool, bool]:
    """Whether it is a working day, and whether its year is published; of another one weekends alone are known."""
    try:
        return is_workday(day), True
    except NotImplementedError:
        return day.weekday() < 5, False


def working_days_between(since: date, until: date) -> int:
    """Working days after the first day up to the last one."""
    days = (since + timedelta(days=n) for n in range(1, (until - since).days + 1))
    return sum(working_day(day)[0] for day in days)
