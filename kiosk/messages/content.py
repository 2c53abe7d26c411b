"""What the sealed parts say once opened. The part named ``form`` is one of these.

What a machine of another version says besides is passed over; a language or a kind that nobody knows is kept as it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kiosk.messages.encoding import decode

FORM_PART = "form"
FOR_LIFE = "长期"
"""In place of a card's last day."""


class Applicant(msgspec.Struct, frozen=True, omit_defaults=True):
    """The card's fields as read. Dates are ``YYYYMMDD``, ``valid_to`` may be ``长期``; unknown fields are passed over.

    ``name`` has GB 18030's private-use characters at their true places; ``raw_name`` is the chip's own where it
    differs. ``address`` is the one that counts: the last one appended to the chip (居民身份证法 art. 11), else the
    first, which then stands alone; ``first_address`` is set when another was appended. ``added_addresses_unread``: the
    card was lifted before its appended addresses were read, so the register has to say.
    """

    kind: str
    name: str
    sex: str
    birth: str
    number: str
    nation: str = ""
    address: str = ""
    authority: str = ""
    valid_from: str = ""
    valid_to: str = ""
    english_name: str = ""
    pass_number: str = ""
    raw_name: str = ""
    first_address: str = ""
    added_addresses: tuple[str, ...] = ()
    added_addresses_unread: bool = False
    nation_code: str = ""
    nationality: str = ""
    times_issued: str = ""
    old_number_link: str = ""
    card_version: str = ""

    @property
    def shown_name(self) -> str:
        """The Chinese name, of a foreigner without one the Latin name."""
        return self.name or self.english_name


class Identity(msgspec.Struct, frozen=True):
    """How the person was verified: by face (``engine``, ``distance``) or by a guide (``guide_ref``)."""

    method: Literal["face", "guide"]
    decision: str
    distance: float | None = None
    engine: str = ""
    guide_ref: str = ""


class CaseForm(msgspec.Struct, frozen=True):
    """One case as filed. ``answers`` are the service's own fields by key."""

    service: str
    catalogue_version: str
    receipt_number: str
    applicant: Applicant
    answers: dict[str, Any]
    identity: Identity
    filed_at: datetime
    offline: bool = False
    language: str = "zh"


class Rating(msgspec.Struct, frozen=True):
    """好差评 of one case: 5 is very satisfied, 1 very dissatisfied; ``reasons`` are keys, asked for grades 1 and 2.

    ``service`` is that of the rated case, "" when the machine does not know it.
    """

    receipt_number: str
    service: str
    grade: Annotated[int, Meta(ge=1, le=5)]
    reasons: list[str] = []
    catalogue_version: str = ""


class Complaint(msgspec.Struct, frozen=True):
    """``kind`` complaint 投诉, report 举报, praise 表扬 or suggestion 建议. An anonymous one has no contact."""

    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    kind: str
    contact: str | None = None
    anonymous: bool = False
    complaint_number: str = ""
    receipt_number: str = ""


CONTENT: dict[str, type[CaseForm | Rating | Complaint]] = {"case": CaseForm, "rating": Rating, "complaint": Complaint}


def encode_content(content: CaseForm | Rating | Complaint) -> bytes:
    """The plain bytes of a ``form`` part."""
    return msgspec.json.encode(content)


def decode_content(kind: str, plain: bytes) -> CaseForm | Rating | Complaint:
    """The content of an envelope of ``kind``. Raises InvalidMessage naming the field, KeyError for another kind."""
    return decode(plain, CONTENT[kind])
