"""Text forms shared by all messages: base64url, canonical JSON, and errors that name the field."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any, TypeVar

import msgspec
import rfc8785

from kiosk import shapes
from kiosk.messages.bounds import MAX_DEPTH, is_deep

T = TypeVar("T")
_PATH = re.compile(r" - at (?:`key` in )?`\$\.?(?P<path>.*)`$")
_NAMED = re.compile(r"(?:missing required|unknown) field `(?P<name>[^`]*)`")


class InvalidMessage(ValueError):
    """A message that does not keep the contract. ``field`` is its place (``header.seq``), ``reason`` the rule."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


class BadSignature(ValueError):
    """Bytes that were not signed by the key they should be signed by."""


def to_text(raw: bytes) -> str:
    """base64url without padding (RFC 4648 §5)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def from_text(text: str, field: str = "") -> bytes:
    """The bytes of a base64url text without padding. Raises InvalidMessage naming ``field``."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidMessage(field, "not base64url without padding") from error
    if to_text(raw) != text:
        raise InvalidMessage(field, "not base64url without padding")
    return raw


def sha256_hex(raw: bytes) -> str:
    """SHA-256 as lower-case hex."""
    return hashlib.sha256(raw).hexdigest()


def canonical_json(value: Any) -> bytes:
    """RFC 8785 bytes of plain JSON values. Raises InvalidMessage for what JSON cannot say.

    As a number out of range, or half a surrogate pair, also in a name.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise InvalidMessage("", str(error)) from error


def decode_json(body: bytes) -> Any:
    """Plain values of a JSON body, whoever sent it. Raises InvalidMessage."""
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidMessage("", f"not JSON: {error}") from error
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and is_deep(values):
        raise InvalidMessage("", f"nested deeper than {MAX_DEPTH}")
    return values


def typed(value: Any, kind: type[T], prefix: str = "") -> T:
    """``value`` (plain JSON values) as ``kind``. Raises InvalidMessage naming the field below ``prefix``."""
    try:
        return shapes.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), prefix) from error


def decode(body: bytes, kind: type[T]) -> T:
    """A JSON body as ``kind``. Raises InvalidMessage naming the field."""
    return typed(decode_json(body), kind)


def _invalid(message: str, prefix: str) -> InvalidMessage:
    place = _PATH.search(message)
    named = _NAMED.search(message)
    steps = [prefix, place["path"] if place else "", named["name"] if named else ""]
    field = ".".join(step for step in steps if step).replace(".[", "[")
    return InvalidMessage(field, _PATH.sub("", message))
