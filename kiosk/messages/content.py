"""What the sealed parts say once opened. The part named ``form`` is one of these.

What a machine of another version says besides is passed over; a language or a kind that nobody knows is kept as it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import Line, Lines, Number, NumberIfAny, Word, check_values
from kiosk.messages.encoding import decode
from kiosk.messages.envelope import Key

FORM_PART = "form"
SECOND_PART = "second_person"
"""An ``Applicant``: who came along, guardian or agent."""
SECOND_ANSWER = "second_card"
"""The answer that says as what the second person came: ``guardian`` or ``agent``."""
APPOINTMENT = "appointment"
"""The answer that says when the person comes to the counter, in local time."""
POSTED_CASE = "posted_case"
"""The answer that says which case is posted after all."""
PLATE_NUMBER = "plate_number"
"""The answer, and the step, by which a number is chosen."""
FOR_LIFE = "长期"
"""In place of a card's last day."""
MOST_BEFORE = 16
"""So many cases may one rest on."""
Answers = Annotated[dict[Word, Any], Meta(max_length=200)]
_YEARS_OF_FILING = range(2000, 2101)


class Applicant(msgspec.Struct, frozen=True, omit_defaults=True):
    """The card's fields as read. Dates are ``YYYYMMDD``, ``valid_to`` may be ``长期``; unknown fields are passed over.

    ``name`` has GB 18030's private-use characters at their true places; ``raw_name`` is the chip's own where it
    differs. ``address`` is the one that counts: the last one appended to the chip (居民身份证法 art. 11), else the
    first, which then stands alone; ``first_address`` is set when another was appended. ``added_addresses_unread``: the
    card was lifted before its appended addresses were read, so the register has to say.
    """

    kind: Word
    name: Line
    sex: Word
    birth: Word
    number: Word
    nation: Line = ""
    address: Line = ""
    authority: Line = ""
    valid_from: Word = ""
    valid_to: Word = ""
    english_name: Line = ""
    pass_number: Word = ""
    raw_name: Line = ""
    first_address: Line = ""
    added_addresses: Annotated[tuple[Line, ...], Meta(max_length=32)] = ()
    added_addresses_unread: bool = False
    nation_code: Word = ""
    nationality: Word = ""
    times_issued: Word = ""
    old_number_link: Word = ""
    card_version: Word = ""

    @property
    def shown_name(self) -> str:
        """The Chinese name, of a foreigner without one the Latin name."""
        return self.name or self.english_name


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the person was verified: by face (``engine``, ``distance``) or by a guide (``guide_ref``).

    ``without_card``: no card was read; the number was typed, the rest is the register's. What is not so is left out:
    a usual case, copied onto its slip, has to fit into one code.
    """

    method: Literal["face", "guide"]
    decision: Word
    distance: float | None = None
    engine: Line = ""
    guide_ref: Word = ""
    without_card: bool = False


class CaseForm(msgspec.Struct, frozen=True):
    """One case as filed. ``answers`` are the service's own fields by key.

    ``slip_code`` is what its slip has besides the number; "" from machines of before: the card opens such a case. Its
    name is short on the wire because the second copy on paper has little room. ``bundle``: the number that cases which
    were filed together have in common; not said of one that was filed alone. ``bundle_key``: the catalogue's name of
    what they are together, ``rests_on``: the keys of those that must be accepted before this one.
    """

    service: Number
    catalogue_version: Word
    receipt_number: Number
    applicant: Applicant
    answers: Answers
    identity: Identity
    filed_at: datetime
    offline: bool = False
    language: Word = "zh"
    slip_code: NumberIfAny = msgspec.field(default="", name="code")
    bundle: NumberIfAny | msgspec.UnsetType = msgspec.UNSET
    bundle_key: NumberIfAny | msgspec.UnsetType = msgspec.UNSET
    rests_on: Annotated[tuple[Key, ...], Meta(max_length=MOST_BEFORE)] | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        check_values(self.answers)
        _check_filed(self.filed_at)


class Rating(msgspec.Struct, frozen=True):
    """好差评 of one case: 5 is very satisfied, 1 very dissatisfied; ``reasons`` are keys, asked for grades 1 and 2.

    ``service`` is that of the rated case, "" when the machine does not know it. A case of another visit is rated with
    the code of its slip or the number of its person's card. What was only looked at has no ``receipt_number``.
    """

    receipt_number: NumberIfAny
    service: NumberIfAny
    grade: Annotated[int, Meta(ge=1, le=5)]
    reasons: Annotated[list[Word], Meta(max_length=64)] = []
    catalogue_version: Word = ""
    slip_code: NumberIfAny = ""
    id_number: Word = ""


class Complaint(msgspec.Struct, frozen=True):
    """``kind`` complaint 投诉, report 举报, praise 表扬 or suggestion 建议. An anonymous one has no contact."""

    text: Annotated[Lines, Meta(min_length=1)]
    kind: Word
    contact: Line | None = None
    anonymous: bool = False
    complaint_number: NumberIfAny = ""
    receipt_number: NumberIfAny = ""
    slip_code: NumberIfAny = ""


class PostAddress(msgspec.Struct, frozen=True):
    """Whereto something is posted: to the person whose card was read, and nobody else."""

    name: Line
    phone: Word
    address: Annotated[Line, Meta(min_length=1)]


class Delivery(msgspec.Struct, frozen=True):
    """Delivery by post of what comes of a case. The address stands nowhere else: not in the case, not on its paper.

    ``case_key``: the key of that case's envelope; ``id_number``: of its applicant, or it counts for nothing.
    """

    case_key: Key
    id_number: Word
    to: PostAddress


class Supplement(msgspec.Struct, frozen=True):
    """补正: what a department has asked for in a case that is under way, brought by its person or a child's guardian.

    ``receipt_number`` is the case's, ``id_number`` its person's, whose card was read; ``identity`` is of who was
    verified, a guardian if ``answers`` say so (``second_card``), who is a part beside this one like the papers.
    """

    receipt_number: Number
    id_number: Word
    identity: Identity
    answers: Answers
    filed_at: datetime
    catalogue_version: Word = ""

    def __post_init__(self) -> None:
        check_values(self.answers)
        _check_filed(self.filed_at)


class HandOut(msgspec.Struct, frozen=True):
    """What a machine has put into a person's hand for a case that it has filed, or keeps there for them.

    ``way``: ``made`` in the machine, or ``locker`` with its number in ``lock``. ``end``: ``collected``, by the device's
    own word (and, of a locker that cannot feel what lies in it, the person's); ``retained``: it was not taken, and
    staff gives it out; ``in_doubt``: the door may have been opened, and nobody said that it was taken.
    """

    case_key: Key
    way: Word
    end: Word
    lock: Annotated[int, Meta(ge=0, le=255)] = 0


def _check_filed(at: datetime) -> None:
    # At the edge of the calendar a moment has no day in another place.
    if at.year not in _YEARS_OF_FILING:
        raise ValueError("filed_at: not a moment of this century")


Content = CaseForm | Rating | Complaint | Delivery | Supplement | HandOut
CONTENT: dict[str, type[Content]] = {
    "case": CaseForm,
    "rating": Rating,
    "complaint": Complaint,
    "delivery": Delivery,
    "supplement": Supplement,
    "hand_out": HandOut,
}


def encode_content(content: Content) -> bytes:
    """The plain bytes of a ``form`` part. Raises InvalidMessage for what the hub would not read."""
    plain = msgspec.json.encode(content)
    decode(plain, type(content))
    return plain


def decode_content(kind: str, plain: bytes) -> Content:
    """The content of an envelope of ``kind``. Raises InvalidMessage naming the field, KeyError for another kind."""
    return decode(plain, CONTENT[kind])
