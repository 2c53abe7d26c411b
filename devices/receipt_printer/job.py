"""A print job in device words: what shall stand on the paper, as data. Knows no cases and no services."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from devices.contract import Completed

Size = Literal["normal", "tall", "wide", "double"]
Align = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Line:
    """One paragraph; wrapped at the paper's width. A ``wide`` or ``double`` character takes two columns for one."""

    text: str
    size: Size = "normal"
    bold: bool = False
    align: Align = "left"
    indent: int = 0
    """Columns before every line but the first (a hanging indent)."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A label and its value on one line. ``at`` is the column where the value begins; None sets it flush right."""

    left: str
    right: str
    at: int | None = None
    bold: bool = False
    """Whether both are emphasised."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the paper."""

    character: str = "-"


@dataclass(frozen=True, slots=True)
class Qr:
    """A QR code, centred; ``size`` is dots per module (1..16)."""

    data: str
    size: int = 6


@dataclass(frozen=True, slots=True)
class Code128:
    """A Code 128 barcode, centred, without its text; ``height`` in dots (1..255)."""

    data: str
    height: int = 72


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that Pillow can open (PNG), printed 1-bit; wider than the paper, it is scaled down."""

    data: bytes
    align: Align = "center"


@dataclass(frozen=True, slots=True)
class Feed:
    """Blank lines (1..255)."""

    lines: int = 1


@dataclass(frozen=True, slots=True)
class Cut:
    """Feed past the cutter and cut, as the configuration says."""


Element = Line | Columns | Rule | Qr | Code128 | Image | Feed | Cut


@dataclass(frozen=True, slots=True)
class PrintJob:
    """One slip, from first element to last. ``key`` names it in what is said later of its end."""

    elements: tuple[Element, ...]
    key: str = ""


class Outcome(StrEnum):
    """What is known about the paper. Only ``PRINTED`` was said by the printer itself."""

    PRINTED = "printed"
    NOT_PRINTED = "not_printed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PrintResult:
    """The value of every ``print_job`` completion. ``reasons`` are stable codes (``paper_out``, ``no_barrier`` …).

    ``key`` is the job's of which this is the end.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    key: str = ""


def result_of(completed: Completed) -> PrintResult:
    """What a ``print_job`` completion says about the paper, also when the supervisor ended it without the driver."""
    if isinstance(completed.value, PrintResult):
        return completed.value
    outcome = Outcome.NOT_PRINTED if completed.refused else Outcome.UNKNOWN
    return PrintResult(outcome, (completed.error or completed.code.value,))
