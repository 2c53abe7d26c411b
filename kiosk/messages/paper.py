"""A case on paper: the second copy that the slip of an undelivered case carries, and what the hub makes of it.

The paper holds the envelope's facts and the ``form`` part, byte for byte; portrait and signature picture do not fit.
``form`` is packed (raw DEFLATE, RFC 1951, with a dictionary whose number stands in front), sealed to the hub, and
signed together with the facts by the machine's key. The result is cut into codes: ``TB1:`` and base45 (RFC 9285, which
keeps a QR code alphanumeric) of mark, number, count, CRC-32 and a piece. Any order, any repetition of codes will do.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib import resources
from itertools import product
from math import prod
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

import msgspec
from base45 import b45decode, b45encode
from msgspec import Meta

from kiosk import shapes
from kiosk.messages.bounds import Count, Number, Word
from kiosk.messages.encoding import InvalidMessage, from_text, to_text
from kiosk.messages.envelope import KioskId, Seq
from kiosk.messages.seal import seal, sign, unseal, verify

PREFIX = "TB1:"
PAPER_PART = "paper"
DICTIONARY = 2
"""Which dictionary new copies are packed with. Old ones stay readable: a dictionary file never changes."""

CODE_CHARACTERS = 600
"""A code holds at most so many: QR version 15 at level M (ISO/IEC 18004 table 7), 77 modules a side."""

MAX_CODES = 4
MAX_FORM_BYTES = 65536
_SIGNED_AS = b"tongban-paper/1|"
_HEAD_BYTES = 10
_RECEIPT_DIGITS = 24
_MILLISECOND = 1000
_MOST_TRIES = 100_000
"""Half a second; seventeen codes for each of four numbers."""


class PaperTooLong(ValueError):
    """A case that ``MAX_CODES`` codes cannot hold."""


class PaperFacts(NamedTuple):
    """What the copy says in the open, all of it in the envelope's header or on the slip in words.

    ``sha256`` is the digest of the envelope that this is a copy of, ``seq`` its number; ``created_at`` is aware.
    """

    kiosk_id: str
    seq: int
    sha256: str
    key: str
    case_id: str | None
    receipt_number: str
    created_at: datetime
    suite: str


class PaperCopy(NamedTuple):
    """A whole copy as read. Nothing of it is proved before ``check``."""

    facts: PaperFacts
    signed: bytes
    signature: str
    sealed: bytes

    def check(self, public_key: str) -> None:
        """Raises BadSignature unless the machine's key signed exactly this copy."""
        verify(_SIGNED_AS + self.signed, self.signature, public_key, self.facts.suite)

    def form(self, private_key: str) -> bytes:
        """The bytes of the ``form`` part. Raises SealBroken, InvalidMessage."""
        return _unpack(unseal(self.sealed, private_key, **_place(self.facts)))


class Code(NamedTuple):
    """One piece of a copy. ``mark`` is the same on all codes of a copy; ``number`` counts from 1 to ``total``."""

    mark: str
    number: int
    total: int
    piece: bytes


class _Signed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    version: Literal[1]
    suite: Word
    kiosk_id: KioskId
    seq: Seq
    sha256: Annotated[bytes, Meta(min_length=32, max_length=32)]
    key: Annotated[bytes, Meta(min_length=16, max_length=16)]
    case_id: Number | Literal[True] | None  # True: the same as the key
    receipt_number: Annotated[bytes, Meta(min_length=10, max_length=10)]
    created_at: Count
    sealed: bytes


class _Payload(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    signed: bytes
    signature: bytes


def make_paper(form: bytes, facts: PaperFacts, *, seal_key: str, private_key: str) -> bytes:
    """The copy of ``form`` (the plain bytes of that part), sealed to the hub and signed by the machine.

    Sealing is never the same twice: make it once and print the same bytes again.
    """
    signed = msgspec.msgpack.encode(
        _Signed(
            version=1,
            suite=facts.suite,
            kiosk_id=facts.kiosk_id,
            seq=facts.seq,
            sha256=bytes.fromhex(facts.sha256),
            key=UUID(facts.key).bytes,
            case_id=True if facts.case_id == facts.key else facts.case_id,
            receipt_number=int(facts.receipt_number).to_bytes(10, "big"),
            created_at=round(facts.created_at.timestamp() * _MILLISECOND),
            sealed=seal(_pack(form), seal_key, **_place(facts)),
        )
    )
    signature = from_text(sign(_SIGNED_AS + signed, private_key, facts.suite))
    return msgspec.msgpack.encode(_Payload(signed, signature))


def read_paper(payload: bytes) -> PaperCopy:
    """The copy in ``payload``. Raises InvalidMessage."""
    try:
        outer = shapes.from_msgpack(payload, _Payload)
        found = shapes.from_msgpack(outer.signed, _Signed)
        created_at = datetime.fromtimestamp(found.created_at / _MILLISECOND, UTC)
    except (ValueError, OverflowError, OSError, RecursionError) as error:
        raise InvalidMessage("paper", f"not a copy of a case: {error}") from error
    number = f"{int.from_bytes(found.receipt_number, 'big'):024d}"
    if len(number) > _RECEIPT_DIGITS:
        raise InvalidMessage("paper.receipt_number", f"more than {_RECEIPT_DIGITS} digits")
    key = str(UUID(bytes=found.key))
    facts = PaperFacts(
        kiosk_id=found.kiosk_id,
        seq=found.seq,
        sha256=found.sha256.hex(),
        key=key,
        case_id=key if found.case_id is True else found.case_id,
        receipt_number=number,
        created_at=created_at,
        suite=found.suite,
    )
    return PaperCopy(facts, outer.signed, to_text(outer.signature), found.sealed)


def mark_of(payload: bytes) -> str:
    """What tells the codes of one copy from those of others; stands in words beside them (``3FA2-9C01``)."""
    digits = sha256(payload).hexdigest()[:8].upper()
    return f"{digits[:4]}-{digits[4:]}"


def to_codes(payload: bytes) -> tuple[str, ...]:
    """The texts of the QR codes, of nearly equal length. Raises PaperTooLong."""
    # Three characters are two bytes, the last two are one (RFC 9285).
    whole, left = divmod(CODE_CHARACTERS - len(PREFIX), 3)
    room = whole * 2 + (left == 2) - _HEAD_BYTES
    count = -(-len(payload) // room)
    if count > MAX_CODES:
        raise PaperTooLong(f"{len(payload)} bytes need {count} codes, {MAX_CODES} are the most")
    size = -(-len(payload) // count)
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    mark = sha256(payload).digest()[:4]
    return tuple(_code(mark, number, count, piece) for number, piece in enumerate(pieces, 1))


def read_code(text: str) -> Code | None:
    """One code; None for a code that is not ours. Raises InvalidMessage for one that is ours and damaged."""
    if not text.startswith(PREFIX):
        return None
    raw = _from_base45(text[len(PREFIX) :])
    mark, number, count, crc, piece = raw[:4], *raw[4:6], raw[6:10], raw[10:]
    if zlib.crc32(mark + bytes((number, count)) + piece).to_bytes(4, "big") != crc or not 1 <= number <= count:
        raise InvalidMessage("code", "damaged")
    digits = mark.hex().upper()
    return Code(f"{digits[:4]}-{digits[4:]}", number, count, piece)


def missing_codes(codes: Iterable[Code]) -> list[int]:
    """The numbers that are not among the codes of one copy."""
    there = list(codes)
    return sorted(set(range(1, there[0].total + 1)) - {code.number for code in there})


def whole_copies(codes: Iterable[Code]) -> list[tuple[Code, ...]]:
    """Which of the codes of one mark make a copy together, in their order: the mark is the digest of the whole.

    Whoever prints a code can give it any mark, so there may be several of a number. Where there are too many to try
    each with each, none is said to belong.
    """
    by_total: dict[int, dict[int, list[Code]]] = {}
    for code in dict.fromkeys(codes):
        by_total.setdefault(code.total, {}).setdefault(code.number, []).append(code)
    found: list[tuple[Code, ...]] = []
    for total, numbered in by_total.items():
        if len(numbered) == total and prod(map(len, numbered.values())) <= _MOST_TRIES:
            ways = product(*(each for _, each in sorted(numbered.items())))
            found += [way for way in ways if mark_of(payload_of(way)) == way[0].mark]
    return found


def payload_of(codes: Iterable[Code]) -> bytes:
    """The payload of a whole copy."""
    return join_codes({code.number: code.piece for code in codes})


def join_codes(codes: Mapping[int, bytes]) -> bytes:
    """The payload from all its pieces by number. What it is worth, only ``read_paper`` and ``check`` can tell."""
    return b"".join(piece for _, piece in sorted(codes.items()))


def _place(facts: PaperFacts) -> dict[str, str]:
    return {"kiosk_id": facts.kiosk_id, "key": facts.key, "part": PAPER_PART, "suite": facts.suite}


def _pack(form: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _dictionary(DICTIONARY))
    return bytes((DICTIONARY,)) + packer.compress(form) + packer.flush()


def _unpack(packed: bytes) -> bytes:
    try:
        unpacker = zlib.decompressobj(-15, _dictionary(packed[0]))
        form = unpacker.decompress(packed[1:], MAX_FORM_BYTES)
    except (IndexError, FileNotFoundError, zlib.error) as error:
        raise InvalidMessage("paper.form", "packed in a way that this build does not know") from error
    if not unpacker.eof:
        raise InvalidMessage("paper.form", f"more than {MAX_FORM_BYTES} bytes, or cut off")
    return form


@cache
def _dictionary(number: int) -> bytes:
    return (resources.files("kiosk.messages") / f"paper_dictionary_{number}.txt").read_bytes()


def _code(mark: bytes, number: int, count: int, piece: bytes) -> str:
    head = mark + bytes((number, count))
    return PREFIX + b45encode(head + zlib.crc32(head + piece).to_bytes(4, "big") + piece).decode()


def _from_base45(text: str) -> bytes:
    try:
        raw = b45decode(text.encode())
    except ValueError as error:
        raise InvalidMessage("code", "not base45") from error
    if len(raw) < _HEAD_BYTES:
        raise InvalidMessage("code", "too short")
    return raw
