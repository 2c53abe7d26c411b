"""The signed wire between a merchant and the reference acquirer, in the manner of the large Chinese acquirers.

A request signs method, path, time, a nonce and the body's digest; the answer signs its status, that nonce and its own
digest, so that no answer fits another request. A notification is a request of the acquirer. Ed25519, base64url.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from kiosk.messages.encoding import BadSignature, sha256_hex
from kiosk.messages.seal import sign, verify

PARTY, TIME, NONCE, SIGNATURE = "Acquirer-Party", "Acquirer-Time", "Acquirer-Nonce", "Acquirer-Signature"
APART_S = 300
"""How far the clocks may differ; what is older is a replay."""


def sign_request(method: str, path: str, body: bytes, *, party: str, private_key: str, time_s: int) -> dict[str, str]:
    """The headers of a request."""
    nonce = secrets.token_urlsafe(16)
    text = _request_text(method, path, str(time_s), nonce, body)
    return {PARTY: party, TIME: str(time_s), NONCE: nonce, SIGNATURE: sign(text, private_key)}


def check_request(
    method: str, path: str, body: bytes, headers: Mapping[str, str], *, public_key: str, now_s: int
) -> str:
    """The nonce of a request that the key has signed lately. Raises BadSignature."""
    said = {name.lower(): value for name, value in headers.items()}
    time_s, nonce = said.get(TIME.lower(), ""), said.get(NONCE.lower(), "")
    if not (time_s.isascii() and time_s.isdigit() and len(time_s) < 12) or abs(now_s - int(time_s)) > APART_S:
        raise BadSignature("signed at another time")
    verify(_request_text(method, path, time_s, nonce, body), said.get(SIGNATURE.lower(), ""), public_key)
    return nonce


def sign_answer(status: int, nonce: str, body: bytes, private_key: str) -> dict[str, str]:
    """The headers of the answer to the request with this nonce."""
    return {SIGNATURE: sign(_answer_text(status, nonce, body), private_key)}


def check_answer(status: int, nonce: str, body: bytes, signature: str, public_key: str) -> None:
    """Raises BadSignature for what the acquirer did not answer to this request."""
    verify(_answer_text(status, nonce, body), signature, public_key)


def _request_text(method: str, path: str, time_s: str, nonce: str, body: bytes) -> bytes:
    return f"{method}\n{path}\n{time_s}\n{nonce}\n{sha256_hex(body)}\n".encode()


def _answer_text(status: int, nonce: str, body: bytes) -> bytes:
    return f"{status}\n{nonce}\n{sha256_hex(body)}\n".encode()
