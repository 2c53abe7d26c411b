"""Case ids, receipt numbers and the states a case can truthfully be in."""

from __future__ import annotations

import secrets
from datetime import date
from enum import StrEnum

from stdnum import luhn
from uuid6 import uuid7


class CaseState(StrEnum):
    """States of a case 办件 in their order, each said only with its proof (DESIGN §2)."""

    STORED = "stored"
    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    IN_REVIEW = "in_review"
    DECIDED = "decided"
    COLLECTED = "collected"
    NOT_ACCEPTED = "not_accepted"
    NEEDS_SUPPLEMENT = "needs_supplement"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    UNCOLLECTED = "uncollected"

    @classmethod
    def before_acceptance(cls, state: str) -> bool:
        """Whether the department has not spoken yet: the case is on its way. False for a state that nobody knows."""
        return state in (cls.STORED, cls.DELIVERED)


STOPPED = frozenset({CaseState.NOT_ACCEPTED, CaseState.REFUSED, CaseState.WITHDRAWN, CaseState.UNCOLLECTED})
CLOCK_RUNS = frozenset({CaseState.ACCEPTED, CaseState.IN_REVIEW})
"""Only now is there a promised date (DESIGN §2)."""


def new_id() -> str:
    """A UUIDv7, made with the first keystroke and never changed."""
    return str(uuid7())


def receipt_number(division: str, machine_id: str, day: date, sequence: int) -> str:
    """24 digits: division 6 + machine 4 + date 8 + sequence 5 + Luhn check digit.

    Unique without a network: ``sequence`` comes from a durable counter that may skip and never repeats within
    100,000 numbers, more than one machine can file in a day.
    """
    machine = "".join(c for c in machine_id if c in "0123456789")[-4:].zfill(4)
    body = f"{division}{machine}{day:%Y%m%d}{sequence % 100_000:05d}"
    return body + luhn.calc_check_digit(body)


def is_receipt_number(number: str) -> bool:
    """Whether the length and the check digit are right: a typing mistake is told at once."""
    return len(number) == 24 and number.isascii() and number.isdigit() and luhn.is_valid(number)


SLIP_CODE_DIGITS = 8
"""Seven by chance and the Luhn check digit: one in 10 million, at the pace of ``kiosk.slip_code`` and ``hub.tries``."""


def new_slip_code() -> str:
    """What a slip has besides its number, which can be guessed: digits only, for people who seldom type."""
    body = f"{secrets.randbelow(10 ** (SLIP_CODE_DIGITS - 1)):0{SLIP_CODE_DIGITS - 1}d}"
    return body + luhn.calc_check_digit(body)


def is_slip_code(code: str) -> bool:
    """Whether the length and the check digit are right: a typing mistake is no try."""
    return len(code) == SLIP_CODE_DIGITS and code.isascii() and code.isdigit() and luhn.is_valid(code)


def grouped(number: str) -> str:
    """The number as people read it, in groups of four."""
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def unbroken(number: str) -> str:
    """The same for a sentence on the screen: no line breaks inside it."""
    return grouped(number).replace(" ", "\N{NO-BREAK SPACE}")
