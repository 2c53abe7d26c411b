"""The envelope (CONTRACTS §5): a signed header that names its sealed parts.

On the wire (``PUT /v1/envelopes/{key}`` and in file batches) an envelope is ``{"header": {...}, "signature": "..."}``.
The receiver writes the header as canonical JSON again and verifies the signature over those bytes, so white space and
member order on the way do not matter, while any changed value does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import uuid6
from msgspec import Meta

from kiosk.clock import from_rfc3339, to_rfc3339
from kiosk.messages.bounds import END, KIOSK_ID, SHA256, Count, Moment, Number, Seq, Signed, Word
from kiosk.messages.encoding import InvalidMessage, canonical_json, decode_json, sha256_hex, typed
from kiosk.messages.seal import sign, verify
from kiosk.messages.suites import DEFAULT, suite_named

KINDS = ("case", "rating", "complaint", "device_event", "audit_head", "finding", "delivery", "supplement", "hand_out")
Kind = Literal[
    "case", "rating", "complaint", "device_event", "audit_head", "finding", "delivery", "supplement", "hand_out"
]
FIRST_PREV = "0" * 64
MOST_PARTS = 64
ENVELOPE_BYTES = 1024 * 1024
PARCEL_BYTES = 64 * 1024 * 1024
"""By whichever way it comes."""

Sha256 = Annotated[str, Meta(pattern=f"^{SHA256}{END}")]
KEY = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
Key = Annotated[str, Meta(pattern=f"^{KEY}{END}")]
KioskId = Annotated[str, Meta(pattern=f"^{KIOSK_ID}{END}")]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sealed part: digest and length of the sealed bytes."""

    name: Annotated[str, Meta(pattern=f"^[a-z0-9_.-]{{1,64}}{END}")]
    sha256: Sha256
    bytes: Count


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed. ``created_at`` is RFC 3339 and informative only; order is ``seq``."""

    version: Literal[1]
    suite: Word
    kiosk_id: KioskId
    seq: Seq
    key: Key
    kind: Kind
    case_id: Number | None
    created_at: Moment
    parts: Annotated[list[Part], Meta(max_length=MOST_PARTS)]
    prev_sha256: Sha256


class Submission(NamedTuple):
    """An envelope as received: the typed header, its canonical bytes and its signature."""

    header: Header
    header_bytes: bytes
    signature: str

    @property
    def digest(self) -> str:
        return digest(self.header_bytes, self.signature)


class _Wire(msgspec.Struct, forbid_unknown_fields=True):
    header: dict[str, Any]
    signature: Signed


def new_key() -> str:
    """A UUIDv7 (RFC 9562), made with the first keystroke and never again for the same filing."""
    return str(uuid6.uuid7())


def make_header(
    *,
    kiosk_id: str,
    seq: int,
    key: str,
    kind: Kind,
    case_id: str | None,
    created_at: datetime,
    parts: Sequence[tuple[str, bytes]],
    prev_sha256: str = FIRST_PREV,
    suite: str = DEFAULT,
) -> Header:
    """The header of ``parts`` (name, sealed bytes). ``created_at`` is an aware moment."""
    named = [Part(name, sha256_hex(sealed), len(sealed)) for name, sealed in parts]
    return Header(1, suite, kiosk_id, seq, key, kind, case_id, to_rfc3339(created_at), named, prev_sha256)


def canonical(header: Header) -> bytes:
    """The bytes that are signed: RFC 8785, UTF-8.

    Without floats and with ASCII names sorted JSON is canonical; the hub writes a header in 1 µs instead of 50.
    """
    return msgspec.json.encode(header, order="sorted")


def sign_header(header_bytes: bytes, private_key: str, suite: str = DEFAULT) -> str:
    """The signature over exactly ``header_bytes``."""
    return sign(header_bytes, private_key, suite)


def verify_header(header_bytes: bytes, signature: str, public_key: str, suite: str = DEFAULT) -> None:
    """Raises BadSignature unless the kiosk's key signed exactly these bytes."""
    verify(header_bytes, signature, public_key, suite)


def digest(header_bytes: bytes, signature: str) -> str:
    """SHA-256 (hex) of the header with its signature: the canonical bytes followed by the signature's ASCII text.

    It is ``prev_sha256`` of the next header and ``sha256`` of the receipt.
    """
    return sha256_hex(header_bytes + signature.encode("ascii"))


def wire(header_bytes: bytes, signature: str) -> bytes:
    """The body of ``PUT /v1/envelopes/{key}``."""
    return b'{"header":' + header_bytes + b',"signature":' + msgspec.json.encode(signature) + b"}"


def parse(body: bytes) -> Submission:
    """An envelope from its wire form; the signature is not yet verified. Raises InvalidMessage naming the field."""
    form = typed(decode_json(body), _Wire)
    header = parse_header(form.header)
    return Submission(header, canonical(header), form.signature)


def digest_of_wire(body: bytes) -> str:
    """The digest by which the sender knows what it sent, right or wrong; of the body where that is no envelope."""
    try:
        form = typed(decode_json(body), _Wire)
        return digest(canonical_json(form.header), form.signature)
    except InvalidMessage:
        return sha256_hex(body)


def parse_header(values: dict[str, Any]) -> Header:
    """A header from plain values, every rule checked. Raises InvalidMessage naming the field below ``header``."""
    header = typed(values, Header, "header")
    if header.seq == 1 and header.prev_sha256 != FIRST_PREV:
        raise InvalidMessage("header.prev_sha256", "the first envelope of a machine follows 64 zeros")
    names = [part.name for part in header.parts]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidMessage(f"header.parts[{index}].name", "named twice")
    _check_moment(header.created_at)
    _check_suite(header.suite)
    return header


def _check_moment(stamp: str) -> None:
    try:
        from_rfc3339(stamp)
    except ValueError:
        raise InvalidMessage("header.created_at", "not an RFC 3339 moment with its offset") from None


def _check_suite(name: str) -> None:
    try:
        suite_named(name)
    except InvalidMessage as error:
        raise InvalidMessage("header.suite", error.reason) from None
