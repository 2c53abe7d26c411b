"""Errors as ``application/problem+json`` (RFC 9457) that name the field."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from hub.context import Hub
from hub.gateway import DepartmentDown
from kiosk.messages.encoding import BadSignature, InvalidMessage
from kiosk.messages.receipts import HELD, sign_refusal
from kiosk.messages.seal import SealBroken

_log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer other than what was asked for. ``kind`` is a stable word, ``more`` further members of the body."""

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.headers = headers or {}
        self.more = more

    def signed(self, hub: Hub, suite: str, *, sha256: str, key: str = "") -> Problem:
        """With the hub's own refusal of an envelope, or of a parcel (no ``key``): without it nobody is held."""
        if self.status in HELD:
            reason = f"{self} ({self.more['field']})" if self.more.get("field") else str(self)
            signer = {"private_key": hub.keys.sign_private(suite), "suite": suite}
            status: Any = self.status
            self.more["refusal"] = sign_refusal(key, sha256, status=status, reason=reason[:500], **signer)
        return self


def problem_of(error: InvalidMessage) -> Problem:
    """What does not keep the contract, with the field that it names."""
    return Problem(422 if error.field else 400, "invalid", error.reason, field=error.field)


def _answer(problem: Problem) -> Response[bytes]:
    body = {
        "type": f"urn:tongban:problem:{problem.kind}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": str(problem),
        **problem.more,
    }
    return Response(
        msgspec.json.encode(body), status_code=problem.status, media_type=MEDIA_TYPE, headers=problem.headers
    )


def _problem(_: Request, error: Problem) -> Response[bytes]:
    return _answer(error)


def _invalid(_: Request, error: InvalidMessage) -> Response[bytes]:
    return _answer(problem_of(error))


def _unreadable(_: Request, error: SealBroken) -> Response[bytes]:
    return _answer(Problem(422, "sealed_to_another", str(error), field="sealed"))


def _unsigned(_: Request, error: BadSignature) -> Response[bytes]:
    return _answer(Problem(401, "signature", str(error)))


def _away(_: Request, error: DepartmentDown) -> Response[bytes]:
    return _answer(
        Problem(503, "department_down", "the department does not answer", headers={"Retry-After": "5"}, line=str(error))
    )


def _http(_: Request, error: HTTPException) -> Response[bytes]:
    return _answer(Problem(error.status_code, "request", error.detail))


def _surprise(request: Request, error: Exception) -> Response[bytes]:
    # The outermost boundary of a request: whatever it was, the client may try again.
    _log.exception("request_failed", method=request.method, route=request.scope["path_template"], error=repr(error))
    return _answer(Problem(500, "internal", "the hub failed, try again"))


HANDLERS: dict[Any, Any] = {
    Problem: _problem,
    InvalidMessage: _invalid,
    SealBroken: _unreadable,
    BadSignature: _unsigned,
    DepartmentDown: _away,
    HTTPException: _http,
    Exception: _surprise,
}
