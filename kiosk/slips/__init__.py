"""Slips: what the machine gives in the hand."""

from __future__ import annotations

from kiosk.slips.layout import notice_job, printer_test_job, slip_job
from kiosk.slips.masking import mask_name, mask_number
from kiosk.slips.model import SlipModel

__all__ = ["SlipModel", "mask_name", "mask_number", "notice_job", "printer_test_job", "slip_job"]
