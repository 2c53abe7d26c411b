"""Machine-readable zones: what their lines say, only when every check digit is right (ICAO 9303 parts 3 to 6).

Nothing is repaired: a zone with one wrong digit is refused whole, and read again. The one-line form on permits for Hong
Kong and Macao (CR and CS, 30 characters) is believed; it is read when ``one_line`` allows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Form = Literal["TD1", "TD2", "TD3", "one_line"]

WEIGHTS = (7, 3, 1)
LINE = re.compile(r"[0-9A-Z<]{30}|[0-9A-Z<]{36}|[0-9A-Z<]{44}")
_SHAPES: dict[tuple[int, ...], Form] = {(30, 30, 30): "TD1", (36, 36): "TD2", (44, 44): "TD3", (30,): "one_line"}
_ONE_LINE = re.compile(r"C[RS][0-9A-Z<]{28}")


class MrzError(ValueError):
    """No zone that can be believed; ``error`` is a stable code."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True)
class Zone:
    """What a zone says. ``birth`` and ``expiry`` are YYMMDD as printed: their century is not in the zone."""

    form: Form
    document_type: str
    issuer: str
    document_number: str
    birth: str = ""
    sex: str = ""
    expiry: str = ""
    nationality: str = ""
    surname: str = ""
    given_names: str = ""
    optional: str = ""
    """Optional data: of a Chinese passport the personal number; of a permit, what its issuer puts there."""


def check_digit(text: str) -> str:
    """The check digit of a field (part 3 §4.9): weights 7-3-1, A is 10, ``<`` is 0."""
    values = (0 if c == "<" else int(c, 36) for c in text)
    return str(sum(value * WEIGHTS[at % 3] for at, value in enumerate(values)) % 10)


def parse(lines: tuple[str, ...], *, one_line: bool = False) -> Zone:
    """The zone in these lines. MrzError ``no_zone``, ``check_digit`` or ``not_allowed``."""
    if not all(LINE.fullmatch(line) for line in lines):
        raise MrzError("no_zone")
    form = _SHAPES.get(tuple(map(len, lines)))
    if form == "TD3":
        return _td3(*lines)
    if form == "TD2":
        return _td2(*lines)
    if form == "TD1":
        return _td1(*lines)
    if form == "one_line":
        return _single(lines[0], allowed=one_line)
    raise MrzError("no_zone")


def _td3(upper: str, lower: str) -> Zone:
    """Passports (part 4 §4.2.2)."""
    _must(lower[0:9], lower[9])
    _must(lower[13:19], lower[19])
    _must(lower[21:27], lower[27])
    _must(lower[28:42], lower[42], may_be_absent=True)
    _must(lower[0:10] + lower[13:20] + lower[21:43], lower[43])
    surname, given = _names(upper[5:])
    return Zone(
        "TD3",
        _plain(upper[0:2]),
        _plain(upper[2:5]),
        _plain(lower[0:9]),
        lower[13:19],
        _plain(lower[20]),
        lower[21:27],
        _plain(lower[10:13]),
        surname,
        given,
        _plain(lower[28:42]),
    )


def _td2(upper: str, lower: str) -> Zone:
    """Part 6 §4.2.2. A number of more than nine characters goes on in the optional data."""
    number, optional = _long_number(lower[0:9], lower[9], lower[28:35])
    _must(lower[13:19], lower[19])
    _must(lower[21:27], lower[27])
    _must(lower[0:10] + lower[13:20] + lower[21:35], lower[35])
    surname, given = _names(upper[5:])
    kind, issuer, sex, nation = _plain(upper[0:2]), _plain(upper[2:5]), _plain(lower[20]), _plain(lower[10:13])
    return Zone("TD2", kind, issuer, number, lower[13:19], sex, lower[21:27], nation, surname, given, optional)


def _td1(top: str, middle: str, names: str) -> Zone:
    """Cards (part 5 §4.2.2); so are the permits of mainland travellers of GA/T 704.14."""
    number, optional = _long_number(top[5:14], top[14], top[15:30])
    _must(middle[0:6], middle[6])
    _must(middle[8:14], middle[14])
    _must(top[5:30] + middle[0:7] + middle[8:15] + middle[18:29], middle[29])
    surname, given = _names(names)
    return Zone(
        "TD1",
        _plain(top[0:2]),
        _plain(top[2:5]),
        number,
        middle[0:6],
        _plain(middle[7]),
        middle[8:14],
        _plain(middle[15:18]),
        surname,
        given,
        " ".join(filter(None, (optional, _plain(middle[18:29])))),
    )


def _single(line: str, *, allowed: bool) -> Zone:
    """Believed: CR or CS, number of 9 with its digit, expiry with its digit, birth with its digit, digit of all."""
    if not _ONE_LINE.fullmatch(line):
        raise MrzError("no_zone")
    if not allowed:
        raise MrzError("not_allowed")
    _must(line[2:11], line[11])
    _must(line[13:19], line[19])
    _must(line[21:27], line[27])
    _must(line[:29], line[29])
    return Zone("one_line", line[0:2], "CHN", _plain(line[2:11]), line[21:27], "", line[13:19], "CHN")


def _long_number(number: str, digit: str, more: str) -> tuple[str, str]:
    """Number and optional data; ``<`` in the digit's place says that the number goes on (part 5 §4.2.2.1 note j)."""
    if digit != "<":
        _must(number, digit)
        return _plain(number), _plain(more)
    rest, _, optional = more.partition("<")
    if len(rest) < 2:
        raise MrzError("check_digit")
    _must(number + rest[:-1], rest[-1])
    return number + rest[:-1], _plain(optional)


def _must(text: str, digit: str, *, may_be_absent: bool = False) -> None:
    absent = may_be_absent and digit == "<" and not text.strip("<")
    if not absent and digit != check_digit(text):
        raise MrzError("check_digit")


def _names(text: str) -> tuple[str, str]:
    surname, _, given = text.rstrip("<").partition("<<")
    return surname.replace("<", " "), given.replace("<", " ").strip()


def _plain(text: str) -> str:
    return text.rstrip("<").replace("<", " ")
