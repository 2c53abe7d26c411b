"""Slips: what the machine gives in the hand."""

from __future__ import annotations

from kiosk.slips.layout import notice_job, printer_test_job, slip_job
from kiosk.slips.model import SlipModel

__all__ = ["SlipModel", "notice_job", "printer_test_job", "slip_job"]
