"""Texts, phone numbers, counts, citizen numbers, dates, decision numbers and firm codes."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

from stdnum.cn import uscc
from stdnum.iso7064 import mod_11_2

from kiosk.clock import day_of, full_years
from kiosk.journey.fields.kinds import FormField, Kind, Wrong
from kiosk.messages import bounds
from kiosk.messages.typed import CITIZEN_NUMBER, digits, plain
from kiosk.text import Text, text

_USCC = re.compile("[0-9A-HJ-NP-RTUW-Y]{2}[0-9]{6}[0-9A-HJ-NP-RTUW-Y]{10}")
TODAY = "today"
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
MOST_DIGITS = 12
"""Of a count."""


def _text(field: FormField, value: str, today: date | None) -> str:
    """As it was typed; a number in the one form that its pattern knows."""
    del today
    typed = value if field.keys == "text" else digits(value).upper()
    if not re.fullmatch(field.pattern or ".+", typed, re.ASCII):
        raise Wrong(field.error or text("field.text_wrong"))
    return typed


def _phone(_field: FormField, value: str, _today: date | None) -> str:
    """A mobile number: 11 digits that begin with 13 to 19."""
    if len(value) != 11:
        raise Wrong(text("field.phone_length", n=len(value)))
    if not re.fullmatch(bounds.PHONE, value, re.ASCII):
        raise Wrong(text("field.phone_wrong"))
    return value


def _number(field: FormField, value: str, _today: date | None) -> str:
    """A whole number within its bounds, without zeros before it."""
    if not re.fullmatch(f"[0-9]{{1,{MOST_DIGITS}}}", value, re.ASCII):
        raise Wrong(text("field.number_wrong"))
    number = int(value)
    if field.least is not None and number < field.least:
        raise Wrong(text("field.number_least", least=field.least))
    if field.most is not None and number > field.most:
        raise Wrong(text("field.number_most", most=field.most))
    return str(number)


def _id_number(field: FormField, value: str, today: date | None) -> str:
    """A citizen number (GB 11643): a birthday that there is and has been, the last character checks the others."""
    if not re.fullmatch(CITIZEN_NUMBER, value, re.ASCII):
        raise Wrong(text("field.id_length", n=len(value)))
    born = day_of(value[6:14])
    if born is None or (today is not None and born > today):
        raise Wrong(text("field.id_birth"))
    if not mod_11_2.is_valid(value):
        raise Wrong(text("field.id_check"))
    _require_younger(field, born, today)
    return value


def _require_younger(field: FormField, born: date, today: date | None) -> None:
    if today is not None and field.younger_than is not None and full_years(born, today) >= field.younger_than:
        raise Wrong(text("field.too_old", age=field.younger_than))


def _date(field: FormField, value: str, today: date | None) -> str:
    """A day that there is, ISO 8601; ``today`` bounds it only where the machine knows the date."""
    if not re.fullmatch("[0-9]{8}", value, re.ASCII):
        raise Wrong(text("field.date_length", n=len(value)))
    year, month, day = int(value[:4]), int(value[4:6]), int(value[6:])
    if not FIRST_DAY.year <= year <= LAST_DAY.year:
        raise Wrong(text("field.date_year", year=value[:4]))
    if not 1 <= month <= 12:
        raise Wrong(text("field.date_month", month=month))
    days = monthrange(year, month)[1]
    if not 1 <= day <= days:
        raise Wrong(text("field.date_day", year=str(year), month=month, days=days))
    found = date(year, month, day)
    first, last = bound(field.earliest, today), bound(field.latest, today)
    if first is not None and found < first:
        raise Wrong(text("field.date_early", day=first.isoformat()))
    if last is not None and found > last:
        raise Wrong(text("field.date_late", day=last.isoformat()))
    _require_younger(field, found, today)
    return found.isoformat()


def bound(written: str, today: date | None) -> date | None:
    """A bound of a date field. Raises ValueError for one that is no date."""
    if written == TODAY:
        return today
    return date.fromisoformat(written) if written else None


def _decision(field: FormField, value: str, _today: date | None) -> str:
    """The number of a penalty decision: 15 or 16 digits, or what the city's ``pattern`` says."""
    if not re.fullmatch(field.pattern or bounds.DECISION, value, re.ASCII):
        raise Wrong(field.error or text("field.decision_wrong", n=len(value)))
    return value


def _uscc(_field: FormField, value: str, _today: date | None) -> str:
    """A unified social credit code (GB 32100): 18 characters without I, O, S, V, Z, the last one checks the others."""
    if len(value) != 18:
        raise Wrong(text("field.uscc_length", n=len(value)))
    if found := sorted(set(re.findall("[IOSVZ]", value))):
        raise Wrong(text("field.uscc_letters", letters=" ".join(found)))
    if not _USCC.fullmatch(value):
        raise Wrong(text("field.uscc_wrong"))
    if value[-1] != uscc.calc_check_digit(value[:-1]):
        raise Wrong(text("field.uscc_check"))
    return value


def _day_shown(answer: str) -> Text:
    year, month, day = answer.split("-")
    return text("field.date_shown", year=year, month=str(int(month)), day=str(int(day)))


TEXT = Kind(keys="text", longest=40, judge=_text, normal=lambda value: value.strip())
PHONE = Kind(keys="phone", longest=11, judge=_phone, normal=digits, hint="field.phone_hint", shortest=11)
NUMBER = Kind(keys="digits", longest=9, judge=_number, normal=digits)
ID_NUMBER = Kind(keys="id_number", longest=18, judge=_id_number, hint="field.id_hint", shortest=18)
DATE = Kind(
    keys="date",
    longest=8,
    judge=_date,
    normal=lambda value: re.sub(r"[\s\-./]", "", plain(value)),
    typed=lambda answer: answer.replace("-", ""),
    shown=_day_shown,
    hint="field.date_hint",
    shortest=8,
)
DECISION = Kind(keys="digits", longest=20, judge=_decision, normal=digits, hint="field.decision_hint", shortest=15)
USCC = Kind(keys="receipt", longest=18, judge=_uscc, hint="field.uscc_hint", shortest=18)
