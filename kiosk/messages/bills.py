"""What a department demands of somebody, by the number under which anybody may pay it: fines, fees of documents."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from kiosk.cases import SLIP_CODE_DIGITS
from kiosk.messages.bounds import END, MOST_FEN, MOST_ITEMS, Named, Number, Word

SlipCode = Annotated[str, Meta(pattern=f"^[0-9]{{{SLIP_CODE_DIGITS}}}{END}")]
MOST_BILLS = 20
"""Paid at once: more than anybody owes."""
Fen = Annotated[int, Meta(ge=0, le=MOST_FEN)]


class BillsQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a service asks this person to pay; with the number and code of a slip, what is due of that case."""

    service: Number
    id_number: Named
    receipt_number: Number | None = None
    slip_code: SlipCode | None = None


class Bill(msgspec.Struct, frozen=True, omit_defaults=True):
    """One demand. ``number``: by which it is paid; ``what``: a code of the department's; ``late_fen``: added today.

    Nothing of whose it is: who pays for somebody else sees what it costs.
    """

    number: Word
    what: Word
    fee_fen: Fen
    late_fen: Fen = 0
    pay_until: date | None = None
    is_paid: bool = False

    @property
    def due_fen(self) -> int:
        """What is still to be paid."""
        return 0 if self.is_paid else self.fee_fen + self.late_fen


class BillsAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``known``: the slip's number is known, its code is missing or wrong; ``wait_s``: too many tries."""

    bills: Annotated[list[Bill], Meta(max_length=MOST_ITEMS)]
    known: bool = False
    wait_s: Annotated[int, Meta(ge=0, le=7 * 86400)] = 0
    unreadable: int = 0
