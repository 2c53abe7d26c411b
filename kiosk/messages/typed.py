"""Numbers and names as people type them: brought into one form, checked, and refused with the reason at once."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from datetime import datetime
from itertools import combinations, groupby, pairwise

from stdnum import luhn
from stdnum.iso7064 import mod_11_2

from kiosk.clock import day_of
from kiosk.messages.bounds import KIOSK_ID

CITIZEN_NUMBER = "[0-9]{17}[0-9X]"
"""GB 11643."""
SHORTEST_PIN = 6
_DIFFERENT = 4
_LONGEST_PERIOD = 4
_LONGEST_STEP = 11
_KEYS = {"0": 1 + 3j} | {str(key + 1): complex(key % 3, key // 3) for key in range(9)}
"""Where the keys of the machine lie."""

_LINES = re.compile("(?:123|456|789|147|258|369|159|357|321|654|987|741|852|963|951|753|2580|0852)+[0-9]{0,2}")
_DATES = ("%y%m%d", "%d%m%y", "%m%d%y", "%y%d%m", "%Y%m", "%m%Y", "%Y%m%d", "%Y%d%m", "%d%m%Y", "%m%d%Y")
_FIRST_YEAR, _LAST_YEAR = 1900, 2099


class WronglyTyped(ValueError):
    """What was typed cannot be meant: one line, why and what to do. It never repeats what was typed."""


_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters by their category, and nothing to see."""


def plain(text: str) -> str:
    """``text`` in the form that machines write: full-width signs as ASCII ones, without blanks at its ends."""
    return visible(unicodedata.normalize("NFKC", text))


def visible(text: str) -> str:
    """``text`` without the signs that nobody sees: controls, marks of direction, widths of nothing, half characters."""
    return "".join(" " if sign.isspace() else sign for sign in text if sign.isspace() or _is_seen(sign)).strip()


def _is_seen(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cc", "Cf", "Cs") and sign not in _BLANK


def digits(text: str) -> str:
    """``plain`` text without the blanks and hyphens by which people group numbers."""
    return re.sub(r"[\s\-‐‑–—]", "", plain(text))


def card_number(text: str) -> str:
    """The number of an identity card as the chip has it. Raises WronglyTyped.

    18 characters with the check digit of GB 11643 (ISO 7064 MOD 11-2), or the 15 of a foreigner's card of 2017.
    """
    number = digits(text).upper()
    if re.fullmatch("[A-Z]{3}[0-9]{12}", number):
        return number
    if not re.fullmatch(CITIZEN_NUMBER, number):
        raise WronglyTyped("card number: not 17 digits and a check digit or X; copy it from the card")
    if not mod_11_2.is_valid(number):
        raise WronglyTyped("card number: its check digit is wrong, so a digit is mistyped; compare it with the card")
    if day_of(number[6:14]) is None:
        raise WronglyTyped("card number: its birthday is no day, so no card has it; compare it with the card")
    return number


def pin(text: str, longest: int, card: str = "") -> str:
    """A PIN that can be typed at the machine and is not among the first guesses. Raises WronglyTyped.

    ASCII digits, at least four different ones, no row (123456, 864208, 135790, 246810, 11223344, 12341234), no way
    over the keys (147258, 123698), no date in any usual order, no part of the number of the ``card`` that it belongs
    to, forwards or backwards.
    """
    typed = digits(text)
    if not re.fullmatch("[0-9]+", typed) or not SHORTEST_PIN <= len(typed) <= longest:
        raise WronglyTyped(f"PIN: not {SHORTEST_PIN} to {longest} digits; the machine has keys for digits only")
    if _is_row(typed) or _is_way(typed) or len(set(typed)) < _DIFFERENT:
        raise WronglyTyped("PIN: a row or too few different digits, guessed first; choose another")
    if any(_is_date(typed, form) for form in _DATES):
        raise WronglyTyped("PIN: can be read as a date, guessed first; choose another")
    if typed in card or typed[::-1] in card:
        raise WronglyTyped("PIN: stands in the number of the card; choose another")
    return typed


def _is_row(typed: str) -> bool:
    """Whether it goes in even steps but for one, each digit once or several times, counts, or begins anew."""
    once = [int(digit) for digit, _ in groupby(typed)]
    steps = Counter((after - before) % 10 for before, after in pairwise(once))
    others = steps.total() - max(steps.values(), default=0)
    is_even = others == 0 or (others == 1 and steps.total() > _DIFFERENT)
    periods = range(1, max(_LONGEST_PERIOD, len(typed) // 2) + 1)
    is_anew = any(typed.startswith(typed[period:]) for period in periods)
    return is_even or is_anew or typed[::2] == typed[1::2] or _counts(typed)


def _counts(typed: str) -> bool:
    """Whether it is numbers in even steps, one behind the other: 246810, 101112, 102030."""
    for end, second in combinations(range(1, len(typed)), 2):
        first, step = int(typed[:end]), int(typed[end:second]) - int(typed[:end])
        said = "".join(str(first + step * number) for number in range(len(typed))) if abs(step) <= _LONGEST_STEP else ""
        if len(typed) > second and said.startswith(typed):
            return True
    return False


def _is_way(typed: str) -> bool:
    """Whether it is lines of the keys one behind the other, or goes from key to key beside it."""
    return bool(_LINES.fullmatch(typed)) or all(abs(_KEYS[a] - _KEYS[b]) == 1 for a, b in pairwise(typed))


def _is_date(typed: str, form: str) -> bool:
    try:
        # Also without the zero of a day or a month, as 1990115.
        return _FIRST_YEAR <= datetime.strptime(typed, form).year <= _LAST_YEAR  # noqa: DTZ007 - of no place
    except ValueError:
        return False


def enrolment_code(text: str) -> str:
    """A one-time code in the hub's form: capitals, groups of four joined by hyphens where it was typed without."""
    code = digits(text).upper()
    grouped = "-".join(code[i : i + 4] for i in range(0, len(code), 4))
    return grouped if len(code) == 12 else plain(text).upper()


def reference(text: str) -> str:
    """A reference that may stand in the audit log. Raises WronglyTyped."""
    typed = plain(text)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", typed):
        raise WronglyTyped("reference: not 1 to 32 letters, digits, dots or hyphens; it is no name, write tech-1")
    return typed


def machine_id(text: str) -> str:
    """The name of a machine as its configuration has it. Raises WronglyTyped."""
    name = plain(text)
    if not re.fullmatch(KIOSK_ID, name):
        raise WronglyTyped("machine: not 1 to 64 letters A-Z, digits 0-9, dots and hyphens; write its [machine] id")
    return name


def receipt_number(text: str) -> str:
    """A receipt number as a slip prints it, in groups or without. Raises WronglyTyped."""
    number = digits(text)
    if not re.fullmatch("[0-9]{24}", number):
        raise WronglyTyped(f"receipt number: not 24 digits but {len(number)} characters; copy it from the slip")
    if not luhn.is_valid(number):
        raise WronglyTyped("receipt number: a digit is mistyped; compare it with the slip")
    return number
