"""What a queued row consists of, and the digests that tell whether it is still what was put."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

PLACES = 256
_STATES = {"stored", "sending", "delivered", "held"}
_FACTS = ("seq", "key", "kind", "case_id", "receipt_number", "priority", "created_at", "bytes", "parts",
          "prev_sha256", "sha256")  # fmt: skip


class PartDigest(NamedTuple):
    """One sealed part: SHA-256 (hex) and length of the sealed bytes."""

    name: str
    sha256: str
    bytes: int


_PARTS = msgspec.json.Decoder(list[PartDigest])
"""Learnt here, before there are threads: msgspec shows a half-learnt kind to whoever asks for it meanwhile."""


def digest(raw: bytes) -> str:
    return sha256(raw).hexdigest()


def envelope_digest(header: bytes, signature: str) -> str:
    """SHA-256 (hex) of a header with its signature text: the chain's link, and what a receipt names."""
    return digest(header + signature.encode("utf-8"))


def row_digest(row: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of what never changes in a row of the outbox."""
    return digest(msgspec.json.encode([row[name] for name in _FACTS]))


def parts_of(row: Mapping[str, Any]) -> list[PartDigest]:
    return _PARTS.decode(row["parts"])


def parcel_id(seq: int, place: int) -> int:
    """The number of a parcel: that of its row, and its place within."""
    return seq * PLACES + place


def damage_of(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a row of the outbox, in words for a technician; None when it is whole.

    Rows that an older version put carry no digest of their own; their header's is checked all the same.
    """
    try:
        if row["state"] not in _STATES:
            return "the state cannot be read"
        if row["row_sha256"] is not None and row["row_sha256"] != row_digest(row):
            return "the row is not what was put"
        if row["header"] is not None and envelope_digest(row["header"], row["signature"]) != row["sha256"]:
            return "the header is not what was signed"
        parts_of(row)
    except (msgspec.MsgspecError, TypeError, ValueError, AttributeError):
        return "a value is not of its kind"
    return None


def part_damage(part: PartDigest, sealed: bytes | None) -> str | None:
    """What is wrong with the stored bytes of one part; None when they are what was signed."""
    if sealed is None:
        return f"part {part.name} is gone"
    return None if digest(sealed) == part.sha256 else f"part {part.name} is not what was signed"
