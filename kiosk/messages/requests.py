"""Signatures around HTTP (CONTRACTS §6): every request's, and those of answers that change what a machine does."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kiosk.messages.bounds import KIOSK_ID
from kiosk.messages.encoding import BadSignature, sha256_hex
from kiosk.messages.seal import sign, verify
from kiosk.messages.suites import DEFAULT, SUITES

KIOSK = "Tongban-Kiosk"
TIME = "Tongban-Time"
NONCE = "Tongban-Nonce"
SIGNATURE = "Tongban-Signature"
MESSAGES = "Tongban-Messages"
"""The version of answers that the asker reads; not signed: without it the answer says less."""
SUITE = "Tongban-Suite"
"""Named by machines of another suite than ``std``."""
FORM = "Tongban-Form"
"""The form of the signed text; without it form 1, of machines that are one version older. A hub names the newest."""
BODY = "Tongban-Body"
"""The SHA-256 of the body (form 2), so that a signature can be judged before the body is read."""
HUB_KEY = "Tongban-Hub-Key"
"""The id of the hub's key by which the machine checks its word; not signed: another one proves nothing to it."""
NEWEST_FORM = 2
"""Form 1 covers neither the machine's id nor the host nor ``Content-Range``."""
ANSWER = "Tongban-Answer"
"""The hub's signature of its answer to an enrolment or a heartbeat."""
WINDOW_S = 300
_NONCE = re.compile("[!-~]{16,64}")


class Stamp(NamedTuple):
    """Who signed a request, when (Unix seconds) and with which nonce."""

    kiosk_id: str
    time_s: int
    nonce: str
    signature: str
    suite: str = DEFAULT
    form: int = 1
    body_sha256: str = ""
    """As the machine says it (form 2)."""
    hub_key: str = ""
    """As the machine names it; "" from one of before."""


class Call(NamedTuple):
    """What a signature is over, besides machine, time and nonce. ``path`` is as sent, with its query."""

    method: str
    path: str
    body_sha256: str
    host: str = ""
    """As in the header ``Host``, in lower case."""
    content_range: str = ""
    """As in the header of that name, "" without."""


class WrongTime(BadSignature):
    """A rightly signed request from a clock too far from ours."""


def signed_text(call: Call, kiosk_id: str, time_s: int, nonce: str, form: int) -> bytes:
    """What is signed: nine lines joined by a line feed; six in form 1."""
    method, path, body_sha256, host, content_range = call
    if form == 1:
        lines = ("tongban-request/1", method.upper(), path, body_sha256)
    else:
        lines = ("tongban-request/2", kiosk_id, method.upper(), host.lower(), path, content_range, body_sha256)
    return "\n".join((*lines, str(time_s), nonce)).encode()


def sign_request(
    method: str,
    path: str,
    body: bytes,
    *,
    kiosk_id: str,
    private_key: str,
    time_s: int,
    host: str,
    content_range: str = "",
    suite: str = DEFAULT,
    form: int = NEWEST_FORM,
) -> dict[str, str]:
    """The headers of one request; a repeated request is signed afresh.

    ``time_s`` is Unix seconds; add the hub's offset when the clocks differ: each answer of the hub carries its own
    time in ``Tongban-Time``.
    """
    nonce, digest = secrets.token_urlsafe(18), sha256_hex(body)
    text = signed_text(Call(method, path, digest, host, content_range), kiosk_id, time_s, nonce, form)
    named = {} if suite == DEFAULT else {SUITE: suite}
    if form > 1:
        named |= {FORM: str(form), BODY: digest}
    return {KIOSK: kiosk_id, TIME: str(time_s), NONCE: nonce, SIGNATURE: sign(text, private_key, suite), **named}


def read_stamp(headers: Mapping[str, str]) -> Stamp:
    """The signing headers of a request. Raises BadSignature naming the one that is missing or malformed."""
    kiosk_id, time_s, nonce, signature = (_header(headers, name) for name in (KIOSK, TIME, NONCE, SIGNATURE))
    if not re.fullmatch(KIOSK_ID, kiosk_id):
        raise BadSignature(f"header {KIOSK} is no machine's name")
    if not time_s.isdigit() or len(time_s) > 12:
        raise BadSignature(f"header {TIME} is not Unix seconds")
    if not _NONCE.fullmatch(nonce):
        raise BadSignature(f"header {NONCE} must have 16 to 64 characters")
    suite = headers.get(SUITE) or headers.get(SUITE.lower()) or DEFAULT
    if suite not in SUITES:
        raise BadSignature(f"header {SUITE} names a suite that this hub does not have")
    return Stamp(kiosk_id, int(time_s), nonce, signature, suite, *_form(headers), _hub_key(headers))


def _form(headers: Mapping[str, str]) -> tuple[int, str]:
    named = headers.get(FORM) or headers.get(FORM.lower())
    if named is None:
        return 1, ""
    if named != str(NEWEST_FORM):
        raise BadSignature(f"header {FORM} names a form that this hub does not know")
    return NEWEST_FORM, _header(headers, BODY)


def _hub_key(headers: Mapping[str, str]) -> str:
    named = headers.get(HUB_KEY) or headers.get(HUB_KEY.lower()) or ""
    return named[:64] if named.isascii() and named.isalnum() else ""


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name) or headers.get(name.lower())
    if not value or len(value) > 512 or not value.isascii():
        raise BadSignature(f"header {name} is missing or malformed")
    return value


def verify_request(stamp: Stamp, call: Call, *, public_key: str, now_s: int) -> None:
    """Raises BadSignature, or WrongTime outside ±300 s. Whether the nonce was seen before is the receiver's to know."""
    if stamp.form > 1 and stamp.body_sha256 != call.body_sha256:
        raise BadSignature("the body is not the one that was signed")
    text = signed_text(call, stamp.kiosk_id, stamp.time_s, stamp.nonce, stamp.form)
    verify(text, stamp.signature, public_key, stamp.suite)
    if abs(stamp.time_s - now_s) > WINDOW_S:
        raise WrongTime(f"the request's time is more than {WINDOW_S} s away from the hub's")


def _answered_text(status: int, kiosk_id: str, nonce: str, body_sha256: str) -> bytes:
    return "\n".join(("tongban-answer/1", str(status), kiosk_id, nonce, body_sha256)).encode()


def sign_answer(status: int, body: bytes, stamp: Stamp, private_key: str) -> str:
    """The hub's signature over its answer to the request with this stamp: an answer to another one is none."""
    return sign(_answered_text(status, stamp.kiosk_id, stamp.nonce, sha256_hex(body)), private_key, stamp.suite)


def verify_answer(
    signature: str,
    status: int,
    body: bytes,
    *,
    kiosk_id: str,
    nonce: str,
    verify_key: str | Sequence[str],
    suite: str = DEFAULT,
) -> None:
    """Raises BadSignature unless the hub has said exactly this to exactly this request."""
    verify(_answered_text(status, kiosk_id, nonce, sha256_hex(body)), signature, verify_key, suite)
