"""What a slip says, before anyone has thought about paper."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from kiosk.slips.second_copy import SecondCopy
from kiosk.text import NOTHING, Text

Line = Literal["traffic", "household", "exit_entry", "common", ""]


class SlipModel(msgspec.Struct, frozen=True, kw_only=True):
    """One case on paper. ``person`` is masked already; ``state`` is what has been proved at ``printed_at``.

    ``state`` is a ``kiosk.cases.CaseState`` value. ``promised_date`` is printed only once the department has accepted,
    whatever is given. ``copy_number`` 0 is the first slip, n the n-th reprint; ``training`` is the watermark of slips
    that mean nothing; ``progress_qr`` is what the phone reads. ``second_copy`` is printed only while the city does not
    have the case (``stored``).
    """

    service_name: Text
    person: str
    receipt_number: str
    state: str
    hall: Text
    printed_at: datetime
    catalogue_version: str
    complaint_phone: str
    progress_qr: str = ""
    line: Line = ""
    fee: Text = NOTHING
    what_next: tuple[Text, ...] = ()
    accepted_at: datetime | None = None
    promised_date: date | None = None
    copy_number: int = 0
    training: Text = NOTHING
    second_copy: SecondCopy | None = None
