"""The only clock: wall time, monotonic time, the local calendar. Nothing else in the project reads a clock."""

from __future__ import annotations

import calendar
import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Shanghai")


class Clock:
    """Wall and monotonic time. ``today`` (``[demo] today``) moves the wall date; the monotonic clock never moves."""

    def __init__(self, today: date | None = None) -> None:
        self._shift = timedelta(0)
        if today is not None:
            self._shift = datetime.combine(today, datetime.now(LOCAL).timetz()) - datetime.now(LOCAL)

    def now(self) -> datetime:
        """The wall time, aware, UTC."""
        return datetime.now(UTC) + self._shift

    def today(self) -> date:
        """The local date, for windows, limits and paper."""
        return self.now().astimezone(LOCAL).date()

    def monotonic(self) -> float:
        """Seconds that only go forward; for every timer and duration."""
        return time.monotonic()


def local(moment: datetime) -> datetime:
    """``moment`` as people on the spot read it."""
    return moment.astimezone(LOCAL)


def months_later(day: date, months: int) -> date:
    """The same day ``months`` later (earlier when negative), or that month's last day (民法典 art. 202)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def full_years(birth: date, today: date) -> int:
    """Age in full years; who was born on 29 February is a year older on the last of February."""
    years = today.year - birth.year
    return years - (today < months_later(birth, 12 * years))
