"""Sealing parts to the hub (CONTRACTS §5): every part on its own, bound to machine, envelope and part name."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.messages.encoding import BadSignature, InvalidMessage, from_text, sha256_hex, to_text
from kiosk.messages.suites import DEFAULT, KeyPair, suite_named


class SealBroken(ValueError):
    """Sealed bytes that this key and this place do not open: another key, another part, or damage."""


def seal_info(kiosk_id: str, key: str, part: str) -> bytes:
    """HPKE ``info``: what a sealed part belongs to, so that it opens nowhere else."""
    return f"tongban/1|{kiosk_id}|{key}|{part}".encode()


def seal(plain: bytes, hub_key: str, *, kiosk_id: str, key: str, part: str, suite: str = DEFAULT) -> bytes:
    """``plain`` sealed to the public key ``hub_key`` (base64url). Raises InvalidMessage for one that is none.

    Each call uses a fresh ephemeral key: seal once, keep the bytes, send the same bytes.
    """
    raw = from_text(hub_key, "seal_key")
    try:
        return suite_named(suite).seal(plain, raw, seal_info(kiosk_id, key, part))
    except InvalidMessage:
        raise
    except ValueError as error:
        raise InvalidMessage("seal_key", f"no public key of suite {suite}") from error


def unseal(sealed: bytes, private_key: str, *, kiosk_id: str, key: str, part: str, suite: str = DEFAULT) -> bytes:
    """The plain bytes of a sealed part. Raises SealBroken."""
    try:
        return suite_named(suite).unseal(sealed, from_text(private_key), seal_info(kiosk_id, key, part))
    except InvalidMessage:
        raise
    except ValueError as error:
        raise SealBroken(f"part {part} of {key}: {error}") from error


def new_seal_key(suite: str = DEFAULT) -> KeyPair:
    """A fresh pair to seal to: the public half goes into ``[hub] seal_key``."""
    return KeyPair(*map(to_text, suite_named(suite).new_seal_key()))


def new_sign_key(suite: str = DEFAULT) -> KeyPair:
    """A fresh pair to sign with: of a kiosk (headers, requests) or of the hub (receipts, answers)."""
    return KeyPair(*map(to_text, suite_named(suite).new_sign_key()))


def public_sign_key(private_key: str, suite: str = DEFAULT) -> str:
    """The public half of a signing key."""
    return to_text(suite_named(suite).public_of_sign_key(from_text(private_key)))


def public_seal_key(private_key: str, suite: str = DEFAULT) -> str:
    """The public half of a sealing key."""
    return to_text(suite_named(suite).public_of_seal_key(from_text(private_key)))


def require_seal_key(public_key: str, suite: str = DEFAULT, field: str = "") -> None:
    """Raises InvalidMessage naming ``field`` for a key that nobody may seal to: not of the suite, or of small order."""
    try:
        suite_named(suite).check_seal_key(from_text(public_key, field))
    except InvalidMessage:
        raise
    except ValueError as error:
        raise InvalidMessage(field, f"not a public key of suite {suite}") from error


def require_sign_key(public_key: str, suite: str = DEFAULT, field: str = "") -> None:
    """Raises InvalidMessage naming ``field`` for a key that proves nobody: not of the suite, or of small order."""
    try:
        suite_named(suite).check_sign_key(from_text(public_key, field))
    except InvalidMessage:
        raise
    except ValueError as error:
        raise InvalidMessage(field, f"not a public key of suite {suite}") from error


def key_id(public_key: str) -> str:
    """By what a public key is called: the first 16 hex digits of the SHA-256 of its text."""
    return sha256_hex(public_key.encode())[:16]


def sign(message: bytes, private_key: str, suite: str = DEFAULT) -> str:
    """Signature over exactly these bytes, base64url without padding."""
    return to_text(suite_named(suite).sign(message, from_text(private_key)))


def verify(message: bytes, signature: str, public_key: str | Sequence[str], suite: str = DEFAULT) -> None:
    """Returns when ``signature`` is the key's (of several: one's) over ``message``. Raises BadSignature."""
    keys = [public_key] if isinstance(public_key, str) else public_key
    try:
        raw = from_text(signature)
        good = any(suite_named(suite).verify(raw, message, from_text(key)) for key in keys)
    except InvalidMessage as error:
        raise BadSignature(str(error)) from error
    if not good:
        raise BadSignature("the signature is not the key's over these bytes")
