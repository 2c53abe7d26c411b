"""What a slip says, before anyone has thought about paper."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from kiosk.text import NOTHING, Text

State = Literal["stored", "delivered", "accepted"]


class SlipModel(msgspec.Struct, frozen=True, kw_only=True):
    """One case on paper. ``person`` is masked already; ``state`` is what has been proved at ``printed_at``.

    ``promised_date`` is printed only with ``state`` "accepted", whatever is given. ``copy_number`` 0 is the first
    slip, n the n-th reprint; ``watermark`` ("" none) marks training slips. ``qr`` is what the phone reads.
    """

    service: Text
    person: str
    receipt_number: str
    state: State
    hall: str
    printed_at: datetime
    catalogue_version: str
    complaint_phone: str
    qr: str = ""
    line: Text = NOTHING
    fee: Text = NOTHING
    what_next: tuple[Text, ...] = ()
    accepted_at: datetime | None = None
    promised_date: date | None = None
    copy_number: int = 0
    watermark: Text = NOTHING
