"""The hub's receipt: the only thing that lets a case be called ``delivered``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import END, Line, Signed, Word, one_line
from kiosk.messages.encoding import (
    BadSignature,
    InvalidMessage,
    canonical_json,
    decode,
    decode_json,
    sha256_hex,
    typed,
)
from kiosk.messages.envelope import KEY, Key, Seq, Sha256
from kiosk.messages.seal import sign, verify
from kiosk.messages.suites import DEFAULT


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``sha256`` is the envelope's digest, ``hub_seq`` its place in the hub's inbox, ``received_at`` RFC 3339 UTC."""

    key: Key
    sha256: Sha256
    hub_seq: Seq
    received_at: Word
    signature: Signed


def receipt_text(key: str, sha256: str, hub_seq: int, received_at: str) -> bytes:
    """What the hub signs: canonical JSON of the receipt's other four fields."""
    return msgspec.json.encode(
        {"key": key, "sha256": sha256, "hub_seq": hub_seq, "received_at": received_at}, order="sorted"
    )


def sign_receipt(
    key: str, sha256: str, *, hub_seq: int, received_at: str, private_key: str, suite: str = DEFAULT
) -> Receipt:
    """The receipt, signed by the hub's key."""
    signature = sign(receipt_text(key, sha256, hub_seq, received_at), private_key, suite)
    return Receipt(key, sha256, hub_seq, received_at, signature)


def receipt_bytes(receipt: Receipt) -> bytes:
    """The body of the answer, the same bytes on every repeat."""
    return msgspec.json.encode(receipt, order="sorted")


def parse_receipt(body: bytes) -> Receipt:
    """A receipt from an answer's body. Raises InvalidMessage."""
    return decode(body, Receipt)


def verify_receipt(
    receipt: Receipt, verify_key: str | Sequence[str], *, key: str, sha256: str, suite: str = DEFAULT
) -> None:
    """Raises BadSignature unless the hub received exactly the envelope ``key`` with digest ``sha256``."""
    if (receipt.key, receipt.sha256) != (key, sha256):
        raise BadSignature("a receipt for another envelope")
    text = receipt_text(receipt.key, receipt.sha256, receipt.hub_seq, receipt.received_at)
    verify(text, receipt.signature, verify_key, suite)


Status = Literal[400, 409, 413, 422, 424]
HELD: frozenset[int] = frozenset({400, 409, 413, 422})
"""With one of these a person decides; 424: something is missing, send it again."""


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why an envelope got no receipt, in the hub's own signed words; ``status`` is the API's.

    By file it travels alone, over HTTPS as the member ``refusal`` of the problem. A refused parcel has no ``key``: it
    is named by ``parcel_named``.
    """

    key: Annotated[str, Meta(pattern=f"^({KEY})?{END}")]
    sha256: Sha256
    status: Status
    reason: Line
    signature: Signed


def parcel_named(kiosk_id: str, sha256: str) -> str:
    """What a refusal of a parcel names: this machine's upload, not whatever another one sends under the same digest."""
    return sha256_hex(f"tongban/parcel|{kiosk_id}|{sha256}".encode())


def refusal_text(key: str, sha256: str, status: int, reason: str) -> bytes:
    """What the hub signs: canonical JSON of the refusal's other four fields."""
    return canonical_json({"key": key, "sha256": sha256, "status": status, "reason": reason})


def sign_refusal(
    key: str, sha256: str, *, status: Status, reason: str, private_key: str, suite: str = DEFAULT
) -> Refusal:
    """The refusal, signed by the hub's key."""
    reason = one_line(reason)
    return Refusal(key, sha256, status, reason, sign(refusal_text(key, sha256, status, reason), private_key, suite))


def verify_answer(
    said: Receipt | Refusal, verify_key: str | Sequence[str], *, key: str, sha256: str, suite: str = DEFAULT
) -> None:
    """Raises BadSignature unless the hub said this of exactly the envelope ``key`` with digest ``sha256``."""
    if isinstance(said, Receipt):
        verify_receipt(said, verify_key, key=key, sha256=sha256, suite=suite)
    else:
        verify_refusal(said, verify_key, key=key, sha256=sha256, suite=suite)


def refusal_in(body: bytes) -> Refusal | None:
    """The refusal that an answer's body holds, as its member or as the whole; not yet verified."""
    try:
        told = decode_json(body)
        return typed(told.get("refusal", told) if isinstance(told, dict) else told, Refusal)
    except InvalidMessage:
        return None


def refusal_bytes(refusal: Refusal) -> bytes:
    """A refusal as it travels."""
    return canonical_json(msgspec.to_builtins(refusal))


def verify_refusal(
    refusal: Refusal, verify_key: str | Sequence[str], *, key: str, sha256: str, suite: str = DEFAULT
) -> None:
    """Raises BadSignature unless the hub refused exactly the envelope ``key`` with digest ``sha256``."""
    if (refusal.key, refusal.sha256) != (key, sha256):
        raise BadSignature("a refusal of another envelope")
    text = refusal_text(refusal.key, refusal.sha256, refusal.status, refusal.reason)
    verify(text, refusal.signature, verify_key, suite)
