"""What the hub needs of whoever takes the money (支付机构, 非税平台). Amounts are integer fen, times aware."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal, NamedTuple, Protocol

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import Count, Named, Word

Fen = Annotated[int, Meta(ge=1, le=100_000_000)]
CURRENCY = "CNY"
"""ISO 4217: that of everything ordered here."""
Aware = Annotated[datetime, Meta(tz=True)]


class OrderState(msgspec.Struct, frozen=True):
    """How an order stands at the acquirer; ``trade_no`` is its own number of the payment, "" while unpaid."""

    order: Named
    state: Literal["unpaid", "paid", "closed", "unknown"]
    amount_fen: Count = 0
    currency: Word = CURRENCY
    trade_no: Word = ""
    paid_at: Aware | None = None

    def __post_init__(self) -> None:
        if self.state == "paid" and not self.trade_no:
            raise ValueError("what is paid has a trade number")


class BillRow(NamedTuple):
    """One movement of a day by the acquirer's books: ``pay`` of an order, or ``refund`` by its refund number."""

    kind: str
    number: str
    order: str
    amount_fen: int


class Bill(NamedTuple):
    """A day by the acquirer's books. ``unreadable``: its lines that say nothing that can be compared, by number."""

    rows: list[BillRow]
    unreadable: tuple[int, ...] = ()


class AcquirerAway(Exception):
    """It did not answer, or not in its own signed words: nothing is known. The text is for technicians."""


class AcquirerRefuses(Exception):
    """It has said no in its own signed words; asking again would not help."""


class BadNotice(Exception):
    """A notification that is not the acquirer's, or is too old."""


class Acquirer(Protocol):
    """The port. Every call may be made twice: the second one changes nothing.

    All raise AcquirerAway, AcquirerRefuses.
    """

    async def make_order(self, order: str, amount_fen: int, title: str, closes_at: datetime) -> str:
        """What the QR code on the screen says."""
        ...

    async def query(self, order: str) -> OrderState:
        """How it stands; ``unknown`` for an order that was never made."""
        ...

    async def close(self, order: str) -> OrderState:
        """Nobody can pay it from now on, unless it is ``paid`` already."""
        ...

    async def refund(self, refund: str, order: str, amount_fen: int) -> datetime:
        """When the money went back."""
        ...

    async def bill(self, day: date) -> Bill:
        """Every movement of a local day."""
        ...

    def read_notice(self, path: str, headers: Mapping[str, str], body: bytes, now: datetime) -> OrderState:
        """A notification that the acquirer has signed. Raises BadNotice."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
