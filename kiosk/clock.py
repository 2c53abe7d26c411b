"""The only clock: wall time, monotonic time, the local calendar. Nothing else in the project reads a clock.

The wall clock of a machine is doubted (CONTRACTS §10): a battery runs empty, somebody sets a year wrong.
"""

from __future__ import annotations

import calendar
import os
import threading
import time
from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

_BOOT = Path("/proc/sys/kernel/random/boot_id")
LOCAL = ZoneInfo("Asia/Shanghai")
MIDNIGHT = time_of_day(0)
BUILT = datetime(2026, 1, 1, tzinfo=UTC)
"""No machine runs this program earlier; raised with a release. It proves no date, it only shows that one is wrong."""
NEAR = timedelta(minutes=5)
"""So far the wall clock may be from the hub's, or jump beside the monotonic one, and is still believed."""

DAY_BEGAN = "TONGBAN_DEMO_DAY_BEGAN"
"""In the surroundings of a demonstration: when the day that was given began. All its processes have one midnight."""

By = Literal["build", "stored", "receipt", "hub", "demo"]
# A machine that was off for longer than this must be told the date before its own clock is believed.
_AT_MOST_AFTER = {"build": timedelta(days=3653), "stored": timedelta(days=366)}


class Reading(NamedTuple):
    """The time as it is believed; ``bound_by`` what bounds it, ``offset_s`` from the machine's own clock to it.

    ``is_known`` is false when only the build bounds it: then nothing proves the date, and none is judged.
    """

    at: datetime
    bound_by: By
    offset_s: float = 0.0
    is_known: bool = True

    @property
    def is_doubted(self) -> bool:
        """The machine's own clock is not believed."""
        return abs(self.offset_s) > NEAR.total_seconds()


class _Mark(NamedTuple):
    """A moment and what the monotonic clock showed then."""

    at: datetime
    ticks_s: float
    by: By

    def later(self, ticks_s: float) -> datetime:
        return self.at + timedelta(seconds=ticks_s - self.ticks_s)


class Clock:
    """Wall and monotonic time. ``today`` (``[demo] today``) fixes the wall date and ends all doubt.

    It is the date on which this process starts, or the one that began at the moment in ``DAY_BEGAN``. Raises ValueError
    for one that is no moment.

    The wall clock is believed while it goes on as the monotonic one does, from a moment at which it fitted its bounds:
    not before the build, the last time that was stored or the hub has signed, and beside the hub's while that answers.
    Otherwise the last moment that was believed is carried on. ``wall`` and ``ticks`` replace the system's in tests.
    """

    def __init__(
        self,
        today: date | None = None,
        *,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        ticks: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._wall, self._ticks = wall, ticks
        self._shift = timedelta(0)
        self._is_fixed = today is not None
        if today is not None:
            self._shift = datetime.combine(today, MIDNIGHT, LOCAL) - demo_day_began(wall)
        self._lock = threading.Lock()
        self._earliest = _Mark(BUILT, ticks(), "build")
        self._believed: _Mark | None = None

    def now(self) -> datetime:
        """The wall time as it is believed, aware, UTC."""
        return self.read().at

    def today(self) -> date:
        """The local date, for windows, limits and paper. Nobody may be judged by it unless ``knows_date``."""
        return self.now().astimezone(LOCAL).date()

    @property
    def knows_date(self) -> bool:
        """Whether anything proves the date."""
        return self.read().is_known

    def monotonic(self) -> float:
        """Seconds that only go forward; for every timer and duration."""
        return time.monotonic()

    def since_boot(self) -> tuple[str, float]:
        """The name that the system gave to this start of the computer, and the seconds since, which nobody can set."""
        return _BOOT.read_text().strip(), time.clock_gettime(time.CLOCK_BOOTTIME)

    def read(self) -> Reading:
        """The wall time with what it rests on."""
        own = self._wall() + self._shift
        if self._is_fixed:
            return Reading(own, "demo")
        with self._lock:
            return self._judged(own, self._ticks())

    def not_before(self, at: datetime, by: Literal["stored", "receipt"]) -> None:
        """It is at least ``at``: so late it was already when it was stored, or when the hub wrote a receipt."""
        with self._lock:
            ticks_s = self._ticks()
            if at > self._earliest.later(ticks_s):
                self._earliest = _Mark(at, ticks_s, by)
                if self._believed is not None and self._believed.later(ticks_s) < at - NEAR:
                    self._believed = None

    def hub_says(self, at: datetime) -> bool:
        """The hub has just signed this time for us: it rules until the next. False: not believed, before the build."""
        if at < BUILT:
            return False
        with self._lock:
            self._believed = self._earliest = _Mark(at, self._ticks(), "hub")
        return True

    def _judged(self, own: datetime, ticks_s: float) -> Reading:
        if self._believed is None:
            first = self._earliest.later(ticks_s)
            latest = first + _AT_MOST_AFTER.get(self._earliest.by, _AT_MOST_AFTER["stored"])
            if not first - NEAR <= own <= latest:
                is_known = self._earliest.by != "build"
                return Reading(first, self._earliest.by, (first - own).total_seconds(), is_known)
            self._believed = _Mark(max(own, first), ticks_s, self._earliest.by)
        expected = self._believed.later(ticks_s)
        if abs(own - expected) > NEAR:
            return Reading(expected, self._believed.by, (expected - own).total_seconds())
        if self._believed.by == "hub":
            at = max(own, expected)
        else:
            at = max(own, self._earliest.at)
            self._believed = _Mark(at, ticks_s, self._believed.by)
        return Reading(at, self._believed.by, (at - own).total_seconds())


def demo_day_began(wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> datetime:
    """When the day of the demonstration began: as ``DAY_BEGAN`` says, else today. Raises ValueError."""
    if not (said := os.environ.get(DAY_BEGAN)):
        return datetime.combine(wall().astimezone(LOCAL), MIDNIGHT, LOCAL)
    try:
        return from_rfc3339(said)
    except ValueError:
        raise ValueError(f"{DAY_BEGAN}: no moment with its zone; write it as 2027-01-12T00:00:00+08:00") from None


def local(moment: datetime) -> datetime:
    """``moment`` as people on the spot read it."""
    return moment.astimezone(LOCAL)


def to_rfc3339(moment: datetime) -> str:
    """An aware moment as messages say it: UTC, milliseconds, ``Z``. The store keeps its own of the same form."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(said: str) -> datetime:
    """The aware moment that was written. Raises ValueError for none, and for one without its offset."""
    moment = datetime.fromisoformat(said)
    if moment.tzinfo is None:
        raise ValueError("a moment without its offset")
    return moment


def from_local(said: str) -> datetime:
    """The moment that was written as people on the spot read it, ``2027-01-14T09:30``. Raises ValueError."""
    return datetime.fromisoformat(said).replace(tzinfo=LOCAL)


def day_of(text: str) -> date | None:
    """A day written ``YYYYMMDD``; None when it is none."""
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a calendar day has no zone
    except ValueError:
        return None


def today_here() -> date:
    """The local date by the computer's own clock, for commands that judge nobody."""
    return Clock().today()


def months_later(day: date, months: int) -> date:
    """The same day ``months`` later (earlier when negative), or that month's last day (民法典 art. 202).

    Beyond the calendar it is the calendar's own last day, or first: registers write "for ever" as the year 9999.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not MINYEAR <= year <= MAXYEAR:
        return date.max if year > MAXYEAR else date.min
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def full_months(since: date, until: date) -> int:
    """Calendar months that have passed; none when ``until`` is earlier."""
    months = max(0, (until.year - since.year) * 12 + until.month - since.month)
    return max(0, months - (until < months_later(since, months)))


def full_years(birth: date, today: date) -> int:
    """Age in full years; who was born on 29 February is a year older on the last of February."""
    years = today.year - birth.year
    return years - (today < months_later(birth, 12 * years))
