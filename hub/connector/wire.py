"""What travels between the hub and a department that is a system of its own. JSON; dates are ISO 8601.

Every call is safe to repeat. A person's number stands in bodies only, never in an address.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hub.department import Decision
from hub.desk import StageEvent, Standing
from kiosk.messages.bills import MOST_BILLS, Bill
from kiosk.messages.bounds import MOST_ITEMS, Line, Named, Word
from kiosk.messages.content import MOST_BEFORE, Answers, Applicant
from kiosk.messages.envelope import MOST_PARTS
from kiosk.messages.hall import MOST_FOUND
from kiosk.messages.ours import read_ours
from kiosk.messages.plates import PlatesQuestion
from kiosk.messages.questions import Document, Facts
from kiosk.messages.text_file import text_of

MOST_BYTES = 2 * 1024 * 1024
"""Of a body, either way."""
_TOKEN_BYTES = 1024
_LEAST_TOKEN = 32


class AboutPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/facts``, ``POST /v1/documents`` and ``POST /v1/ready``."""

    id_number: Named
    today: date


class FactsTold(msgspec.Struct, frozen=True):
    """What a department knows of a person."""

    facts: Facts


class DocumentsTold(msgspec.Struct, frozen=True):
    """What it has issued to them."""

    documents: Annotated[list[Document], Meta(max_length=MOST_ITEMS)]


class AboutBills(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/bills``: of a person, or those with these numbers."""

    id_number: Word
    numbers: Annotated[list[Named], Meta(max_length=MOST_BILLS)]
    today: date


class BillsTold(msgspec.Struct, frozen=True):
    """What is demanded."""

    bills: Annotated[list[Bill], Meta(max_length=MOST_ITEMS)]


class ReadyTold(msgspec.Struct, frozen=True):
    """The cases whose things wait for a person, in the order in which they are handed out."""

    case_keys: Annotated[list[Named], Meta(max_length=MOST_ITEMS)]


class AboutAddresses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/addresses``: standard addresses that have all these words; about nobody."""

    words: Annotated[list[Line], Meta(max_length=60)]
    most: Annotated[int, Meta(ge=1, le=MOST_FOUND)]


class AddressesTold(msgspec.Struct, frozen=True):
    """None from a department that keeps none."""

    addresses: Annotated[list[Line], Meta(max_length=MOST_FOUND)] | None = None


class AboutPlates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/plates``; answered with a ``PlatesAnswer``."""

    asked: PlatesQuestion
    now: datetime


class Brought(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``PUT /v1/applications/{key}``: a case. Under one key there is one case; another one is refused (409).

    What it was first brought with counts: until it is decided its fee may be paid back, or its original may come
    after its slip.

    ``rests_on``, ``fulfilled``, ``second_unread``, ``paid_on``: see ``Application``; said only of a case that rests on
    others, came back from its slip without the card of who came along, or was paid before ``today``.
    """

    service: Named
    applicant: Applicant
    answers: Answers
    today: date
    second: Applicant | None = None
    paid_fen: int = 0
    rests_on: Annotated[tuple[Word, ...], Meta(max_length=MOST_BEFORE)] = ()
    fulfilled: Annotated[tuple[Word, ...], Meta(max_length=200)] = ()
    second_unread: bool = False
    paid_on: date | None = None

    @property
    def case(self) -> tuple[str, Applicant, dict[str, Any]]:
        """What makes it this case and no other."""
        return self.service, self.applicant, self.answers


class More(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``PUT /v1/supplements/{key}``: what was asked for in a case. ``papers``: the names of its parts."""

    case_key: Named
    answers: Answers
    papers: Annotated[list[Word], Meta(max_length=MOST_PARTS)]
    today: date


class HandedOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``PUT /v1/hand_outs/{case key}``: a machine has given it to its person."""

    today: date


class MoreTold(msgspec.Struct, frozen=True):
    """``took``: the case takes it and goes on."""

    took: bool


class Said(msgspec.Struct, frozen=True):
    """``queued`` (202): kept, and not decided yet; asking again brings no second one. ``decided`` (200)."""

    state: Literal["queued", "decided"]
    decision: Decision | None = None


class StagesTold(msgspec.Struct, frozen=True):
    """``GET /v1/stages?after=N&today=D``: what happened since, in order; each again until a higher N is asked."""

    stages: Annotated[list[StageEvent], Meta(max_length=MOST_ITEMS)]


class BooksTold(msgspec.Struct, frozen=True):
    """``GET /v1/applications``: every accepted case and where it stands, for comparing the books."""

    standings: Annotated[list[Standing], Meta(max_length=1_000_000)]


def read_token(file: Path) -> str:
    """The secret that both sides have in a file of their own. Raises ValueError, OSError."""
    token = text_of(file, read_ours(file, _TOKEN_BYTES)).strip()
    if len(token) < _LEAST_TOKEN or not token.isascii():
        raise ValueError(
            f"{file}: a token has at least {_LEAST_TOKEN} letters and digits; make one with: openssl rand -hex 32"
        )
    return token
