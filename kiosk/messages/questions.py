"""Live questions (CONTRACTS §6), sealed in both directions and signed by the hub.

The asker puts a fresh public key inside the sealed question; the answer is sealed to it and signed, so that only this
asker reads it and what it says (``progress``) can be proved later. Wire forms:
question ``{version, suite, kiosk_id, key, sealed}``, answer ``{version, suite, key, sealed, signature}``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from kiosk import shapes
from kiosk.messages.bills import MOST_BILLS, Bill, BillsAnswer, BillsQuestion, SlipCode
from kiosk.messages.bounds import (
    MOST_FEN,
    MOST_ITEMS,
    Base64,
    Line,
    Lines,
    Named,
    Number,
    Signed,
    Word,
    check_values,
)
from kiosk.messages.encoding import (
    BadSignature,
    InvalidMessage,
    canonical_json,
    decode,
    decode_json,
    from_text,
    sha256_hex,
    to_text,
    typed,
)
from kiosk.messages.envelope import Key, KioskId, new_key
from kiosk.messages.hall import (
    AddressAnswer,
    AddressQuestion,
    CodeAnswer,
    CodeQuestion,
    PostAnswer,
    PostCase,
    PostQuestion,
    Slot,
    SlotsAnswer,
    SlotsQuestion,
)
from kiosk.messages.handover import HandoverAnswer, HandoverQuestion, ResumeAnswer, ResumeQuestion
from kiosk.messages.lockers import LockerAnswer, LockerQuestion
from kiosk.messages.parked import ParkAnswer, ParkedFact, ParkQuestion
from kiosk.messages.places import NearbyAnswer, NearbyQuestion
from kiosk.messages.plates import PlatesAnswer, PlatesQuestion
from kiosk.messages.register import NameCountAnswer, NameCountQuestion, RegisterAnswer, RegisterQuestion
from kiosk.messages.seal import new_seal_key, require_seal_key, seal, sign, unseal, verify
from kiosk.messages.suites import DEFAULT
from kiosk.messages.violations import Violation, ViolationsAnswer, ViolationsQuestion
from kiosk.messages.visits import Introduction, VisitKey

Fact = str | int | bool
VERSION = 3
"""Of what we read (``Tongban-Messages``). 1, without it: reasons joined in a note; 2: as a list; 3: with ``silent``."""
_REASONS_LISTED = 2
SILENT_TOLD = 3
"""From here on an asker sees that documents are not all that there are."""
BY_WEEKENDS, BY_LAW = "weekends", "law"
"""How a promised date was counted whose year, or one before it, has no published holidays yet."""
MOST_FACTS = 200
"""Of one department about one person."""
Facts = Annotated[dict[Word, Any], Meta(max_length=MOST_FACTS)]
_CODES = re.compile(r"[a-z][a-z0-9_]*(?:[ ,]+[a-z][a-z0-9_]*)*")


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of answers: what another version says besides is passed over, what we say by default is left out."""


class DueQuestion(_Data, frozen=True):
    """Asks what is due for this person in all lines."""

    id_number: Named


class DueFact(_Said, frozen=True):
    """One due service: ``facts`` fill the service's own reason text; ``due_on`` orders the list."""

    service: Word
    facts: Facts
    due_on: date | None = None

    def __post_init__(self) -> None:
        check_values(self.facts)


class DueAnswer(_Said, frozen=True):
    """``silent``: lines that did not answer in time, so that the page can say that the list may be longer.

    ``unreadable``, here and below: how many items were in a form that this version cannot read; never sent.
    """

    items: Annotated[list[DueFact], Meta(max_length=MOST_ITEMS)]
    silent: Annotated[list[Word], Meta(max_length=MOST_ITEMS)] = []
    unreadable: int = 0
    parked: Annotated[list[ParkedFact], Meta(max_length=MOST_ITEMS)] = []


class EligibilityQuestion(_Data, frozen=True):
    """Asks whether this person may have this service now."""

    service: Number
    id_number: Named


class EligibilityAnswer(_Said, frozen=True):
    """``facts`` are what the rules were applied to; ``failed`` ALL check ids that do not hold (一次性告知)."""

    facts: Facts
    failed: Annotated[list[Word], Meta(max_length=MOST_ITEMS)]

    def __post_init__(self) -> None:
        check_values(self.facts)


MOST_NUMBERS = 50


class ProgressQuestion(_Data, frozen=True, omit_defaults=True):
    """All cases of a person; one by its receipt number; or several by their envelopes' keys, which nobody guesses.

    Receipt numbers can be guessed: one is answered with the code of its slip, without it only whether it is known.
    ``receipt_numbers`` (machines one version older) tells nothing any more; a hub that old knows no ``keys``.
    """

    receipt_number: Number | None = None
    id_number: Named | None = None
    receipt_numbers: Annotated[list[Number], Meta(max_length=MOST_NUMBERS)] = []
    keys: Annotated[list[Key], Meta(max_length=MOST_NUMBERS)] = []
    slip_code: SlipCode | None = None


class ProgressState(_Said, frozen=True):
    """One state with its proof: when (RFC 3339 UTC), by whom (``hub``, a line), and the codes of all reasons why.

    State, actor and reason may be of a later version: they are shown plainly. A hub of before told the reasons in
    ``note`` only, joined by blanks or commas; ``reasons`` are read from it.
    """

    state: Word
    at: Word
    by: Word
    note: Lines = ""
    reasons: Annotated[list[Word], Meta(max_length=MOST_ITEMS)] = []

    def __post_init__(self) -> None:
        if not self.reasons and _CODES.fullmatch(self.note):
            msgspec.structs.force_setattr(self, "reasons", re.split("[ ,]+", self.note))


class CaseProgress(_Said, frozen=True):
    """``masked_name`` only: a public screen shows it. ``promised_date`` only after acceptance.

    ``promised_by``: ``weekends`` when holidays could not be counted, because their year is not published yet; ``law``
    when the law's own limit ends before the promised one.
    """

    receipt_number: Word
    service: Word
    masked_name: Line
    states: Annotated[list[ProgressState], Meta(max_length=MOST_ITEMS)]
    promised_date: date | None = None
    promised_by: Word = ""


class ProgressAnswer(_Said, frozen=True):
    """``known``: the number is known, its code is missing or wrong; ``wait_s``: too many tries, nothing was judged."""

    cases: Annotated[list[CaseProgress], Meta(max_length=MOST_ITEMS)]
    unreadable: int = 0
    known: bool = False
    wait_s: Annotated[int, Meta(ge=0, le=7 * 86400)] = 0


class DocumentsQuestion(_Data, frozen=True):
    """The exit-entry documents of a person."""

    id_number: Named


class Endorsement(_Said, frozen=True):
    """``type`` L, G, S …; ``place`` ``hong_kong`` or ``macao``; ``remaining`` entries (−1: unlimited)."""

    type: Word
    place: Word
    remaining: Annotated[int, Meta(ge=-1, le=2**31)]
    valid_until: date


class Document(_Said, frozen=True):
    kind: Word
    number_masked: Word
    expires_on: date
    state: Word
    endorsements: Annotated[list[Endorsement], Meta(max_length=MOST_ITEMS)]


class DocumentsAnswer(_Said, frozen=True):
    """``silent``: departments that did not answer in time and may hold more."""

    documents: Annotated[list[Document], Meta(max_length=MOST_ITEMS)]
    unreadable: int = 0
    silent: Annotated[list[Word], Meta(max_length=MOST_ITEMS)] = []


MOST_PAID = 20
"""Items of one payment: more than anybody can have done in a visit."""


class PaymentItem(_Data, frozen=True, omit_defaults=True):
    """One fee of one case, due now. The hub judges the amount by its own catalogue.

    ``bills``: what the department demands under these numbers is part of it, by the department's own word.
    """

    case_id: Key
    service: Number
    amount_fen: Annotated[int, Meta(ge=1, le=MOST_FEN)]
    bills: Annotated[list[Named], Meta(max_length=MOST_BILLS)] = []


class PaymentEnd(_Data, frozen=True):
    """What came of a case: ``produced`` in the machine, ``filed`` for the department to decide, or ``none``."""

    case_id: Key
    outcome: Literal["produced", "filed", "none"]


class PaymentQuestion(_Data, frozen=True, omit_defaults=True):
    """``open`` makes the order of a person, ``ask`` tells how it stands, ``end`` closes it and says what came of it.

    ``order`` is made by the machine before it asks, so that asking again is harmless and asking after a restart finds
    it. Nobody guesses it: ``ask`` and ``end`` need no person. ``interrupted``: the visit broke off.
    """

    order: Key
    action: Literal["open", "ask", "end"]
    id_number: Annotated[str, Meta(max_length=64)] = ""
    items: Annotated[list[PaymentItem], Meta(max_length=MOST_PAID)] = []
    ends: Annotated[list[PaymentEnd], Meta(max_length=MOST_PAID)] = []
    interrupted: bool = False


class PaidItem(_Said, frozen=True):
    """``state``: unpaid, paid, produced, refund_due or refunded."""

    case_id: Word
    state: Word


class PaymentAnswer(_Said, frozen=True):
    """How an order stands; ``pay_url`` is what the QR code of an unpaid one says, for ``left_s`` seconds.

    ``state``: unpaid, paid, closed, unavailable (nobody takes money now: ``reason``) or unknown (the acquirer does not
    answer, ask again).
    """

    state: Word
    pay_url: Line = ""
    left_s: Annotated[int, Meta(ge=0, le=86400)] = 0
    reason: Word = ""
    items: Annotated[list[PaidItem], Meta(max_length=MOST_ITEMS)] = []


class CertificateQuestion(_Data, frozen=True):
    """Asks for the sealed paper of an accepted case: ``key`` is that of its envelope."""

    service: Number
    id_number: Named
    key: Key


class CertificateAnswer(_Said, frozen=True):
    """``ready`` with the sealed ``pdf``; else nothing but ``window``: later, never and not yet look alike here."""

    state: Word
    number: Word = ""
    code: Word = ""
    pdf: Base64 = ""


QUESTIONS: dict[str, tuple[type[msgspec.Struct], type[msgspec.Struct]]] = {
    "due": (DueQuestion, DueAnswer),
    "eligibility": (EligibilityQuestion, EligibilityAnswer),
    "progress": (ProgressQuestion, ProgressAnswer),
    "documents": (DocumentsQuestion, DocumentsAnswer),
    "payment": (PaymentQuestion, PaymentAnswer),
    "violations": (ViolationsQuestion, ViolationsAnswer),
    "bills": (BillsQuestion, BillsAnswer),
    "certificate": (CertificateQuestion, CertificateAnswer),
    "name_count": (NameCountQuestion, NameCountAnswer),
    "register": (RegisterQuestion, RegisterAnswer),
    "slots": (SlotsQuestion, SlotsAnswer),
    "post": (PostQuestion, PostAnswer),
    "address": (AddressQuestion, AddressAnswer),
    "code": (CodeQuestion, CodeAnswer),
    "park": (ParkQuestion, ParkAnswer),
    "handover": (HandoverQuestion, HandoverAnswer),
    "resume": (ResumeQuestion, ResumeAnswer),
    "nearby": (NearbyQuestion, NearbyAnswer),
    "locker": (LockerQuestion, LockerAnswer),
    "plates": (PlatesQuestion, PlatesAnswer),
}
_LISTS: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "due": ("items", DueFact),
    "progress": ("cases", CaseProgress),
    "documents": ("documents", Document),
    "violations": ("violations", Violation),
    "bills": ("bills", Bill),
    "slots": ("slots", Slot),
    "post": ("cases", PostCase),
}


class _QuestionWire(_Data, frozen=True):
    version: Literal[1]
    suite: Word
    kiosk_id: KioskId
    key: Key
    sealed: Base64


class _AnswerWire(msgspec.Struct, frozen=True):
    version: Literal[1]
    suite: Word
    key: Key
    sealed: Base64
    signature: Signed


class _Inside(_Data, frozen=True, omit_defaults=True):
    answer_key: Signed
    question: dict[str, Any]
    visit: Introduction | None = None
    signature: Base64 = ""


class Opener(NamedTuple):
    """Opens the one answer to the one question; holds the private key that nobody else has."""

    kind: str
    kiosk_id: str
    key: str
    private_key: str
    suite: str

    def open(self, body: bytes, verify_key: str | Sequence[str]) -> Any:
        """The typed answer. Raises BadSignature, InvalidMessage or SealBroken."""
        form = decode(body, _AnswerWire)
        if form.key != self.key or form.suite != self.suite:
            raise BadSignature("an answer to another question")
        sealed = from_text(form.sealed, "sealed")
        verify(_answer_text(self.kind, self.kiosk_id, self.key, sealed), form.signature, verify_key, self.suite)
        part = f"answer:{self.kind}"
        plain = unseal(sealed, self.private_key, kiosk_id=self.kiosk_id, key=self.key, part=part, suite=self.suite)
        return read_answer(self.kind, plain)


class Asked(NamedTuple):
    """An opened question: what the hub needs to answer it."""

    kind: str
    kiosk_id: str
    key: str
    question: Any
    answer_key: str
    suite: str
    question_bytes: bytes = b""
    visit: Introduction | None = None
    """As the asker says it, and the signature of its key: nothing of it is proved yet."""
    visit_signature: str = ""


def seal_question(
    kind: str,
    payload: msgspec.Struct | dict[str, Any],
    hub_seal_key: str,
    kiosk_id: str,
    suite: str = DEFAULT,
    visit: VisitKey | None = None,
) -> tuple[bytes, Opener]:
    """The body of ``POST /v1/questions/{kind}`` and the opener of its answer. Raises InvalidMessage.

    ``visit``: the key of the visit that asks, for a question about the person whose card was read.
    """
    values = payload if isinstance(payload, dict) else msgspec.to_builtins(payload)
    shapes.convert(values, QUESTIONS[kind][0])
    key, pair, question = new_key(), new_seal_key(suite), canonical_json(values)
    proof = (visit.introduction, visit.sign(kiosk_id, kind, key, question)) if visit else (None, "")
    inside = msgspec.json.encode(_Inside(pair.public, values, *proof))
    sealed = seal(inside, hub_seal_key, kiosk_id=kiosk_id, key=key, part=f"question:{kind}", suite=suite)
    body = msgspec.json.encode(_QuestionWire(1, suite, kiosk_id, key, to_text(sealed)))
    return body, Opener(kind, kiosk_id, key, pair.private, suite)


def suite_of_question(body: bytes) -> str:
    """The suite of a sealed question, which tells the key that opens it. Raises InvalidMessage."""
    return decode(body, _QuestionWire).suite


def open_question(kind: str, body: bytes, private_key: str) -> Asked:
    """The question inside a body (hub side). Raises InvalidMessage or SealBroken."""
    form = decode(body, _QuestionWire)
    sealed, part = from_text(form.sealed, "sealed"), f"question:{kind}"
    plain = unseal(sealed, private_key, kiosk_id=form.kiosk_id, key=form.key, part=part, suite=form.suite)
    inside = decode(plain, _Inside)
    require_seal_key(inside.answer_key, form.suite, "answer_key")
    if kind not in QUESTIONS:
        raise InvalidMessage("kind", "unknown question")
    question_bytes = canonical_json(inside.question)
    question = decode(question_bytes, QUESTIONS[kind][0])
    asked = Asked(kind, form.kiosk_id, form.key, question, inside.answer_key, form.suite)
    return asked._replace(question_bytes=question_bytes, visit=inside.visit, visit_signature=inside.signature)


def read_answer(kind: str, plain: bytes) -> Any:
    """The typed answer. An item that cannot be read is counted and left out, the others stay. Raises InvalidMessage."""
    values = decode_json(plain)
    name, item_type = _LISTS.get(kind, ("", _Said))
    if isinstance(values, dict) and isinstance(items := values.get(name), list):
        good = [item for item in items if _is_readable(item, item_type)]
        values |= {name: good, "unreadable": len(items) - len(good)}
    return typed(values, QUESTIONS[kind][1])


def _is_readable(item: Any, item_type: type[msgspec.Struct]) -> bool:
    try:
        typed(item, item_type)
    except InvalidMessage:
        return False
    return True


def write_answer(answer: msgspec.Struct, version: int = VERSION) -> bytes:
    """The plain bytes of an answer for an asker that reads this version."""
    values = msgspec.to_builtins(answer)
    if version < _REASONS_LISTED and isinstance(answer, ProgressAnswer):
        for case in values["cases"]:
            for state in case["states"]:
                reasons = state.pop("reasons", [])
                state["note"] = state.get("note") or ",".join(reasons)
    return msgspec.json.encode(values)


def seal_answer(asked: Asked, answer: msgspec.Struct, hub_sign_key: str, version: int = VERSION) -> bytes:
    """The body of the answer, sealed to the asker, who reads this version, and signed by the hub."""
    place = {"kiosk_id": asked.kiosk_id, "key": asked.key, "part": f"answer:{asked.kind}", "suite": asked.suite}
    sealed = seal(write_answer(answer, version), asked.answer_key, **place)
    signature = sign(_answer_text(asked.kind, asked.kiosk_id, asked.key, sealed), hub_sign_key, asked.suite)
    return msgspec.json.encode(_AnswerWire(1, asked.suite, asked.key, to_text(sealed), signature))


def _answer_text(kind: str, kiosk_id: str, key: str, sealed: bytes) -> bytes:
    return canonical_json({"kind": kind, "kiosk_id": kiosk_id, "key": key, "sealed_sha256": sha256_hex(sealed)})
