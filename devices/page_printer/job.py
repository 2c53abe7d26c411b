"""Pages to be printed, and what is known about them afterwards. Knows no cases and no services."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from devices.contract import Completed
from devices.vocabulary import Completion

LARGEST_PDF = 20 * 1024 * 1024
KEY = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True)
class PageJob:
    """A PDF to be printed. ``key`` is made and kept by the caller before: by it a job is found again after anything."""

    key: str
    pdf: bytes
    copies: int = 1

    @property
    def is_sound(self) -> bool:
        """Whether it may be sent."""
        is_pdf = self.pdf.startswith(b"%PDF-") and len(self.pdf) <= LARGEST_PDF
        return is_pdf and KEY.fullmatch(self.key) is not None and 1 <= self.copies <= 99


class Outcome(StrEnum):
    """What is known about the paper. Only ``PRINTED`` was said by the printer itself."""

    PRINTED = "printed"
    NOT_PRINTED = "not_printed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PageResult:
    """How a job ended; ``reasons`` are stable codes (``paper_out``, ``job_held`` …)."""

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    sheets: int | None = None
    """As the printer counts them; None when it does not say."""


def result_of(completed: Completed) -> PageResult:
    """What a completion says about the paper, also when the supervisor ended it without the driver."""
    if isinstance(completed.value, PageResult):
        return completed.value
    outcome = Outcome.NOT_PRINTED if completed.refused else Outcome.UNKNOWN
    return PageResult(outcome, (completed.error or completed.code.value,))


_CODES = {
    "canceled": Completion.CANCELED,
    "timeOut": Completion.TIME_OUT,
    "bad_job": Completion.INVALID_DATA,
    "bad_document": Completion.INVALID_DATA,
    "jammed": Completion.HARDWARE_ERROR,
}


def ended(result: PageResult) -> Completed:
    """The completion that says this."""
    if result.outcome is Outcome.PRINTED:
        return Completed(Completion.SUCCESS, result)
    reason = result.reasons[0]
    return Completed(_CODES.get(reason, Completion.DEVICE_NOT_READY), result, error=reason)
