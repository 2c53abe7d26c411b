"""Slips: what the machine gives in the hand."""

from __future__ import annotations

from kiosk.slips.layout import printer_test_job, sheet_job, slip_job
from kiosk.slips.model import Letterhead, Row, Section, SlipModel

__all__ = [
    "Letterhead",
    "Row",
    "Section",
    "SlipModel",
    "printer_test_job",
    "sheet_job",
    "slip_job",
]
