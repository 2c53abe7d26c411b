"""Errors as ``application/problem+json`` (RFC 9457) that name the field."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
import psycopg
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from hub.context import Hub
from hub.gateway import DepartmentDown
from kiosk.logs import place_of
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

    def signed(self, hub: Hub, suite: str, *, sha256: str, key: str = "", knows: str = "") -> Problem:
        """With the hub's own refusal of an envelope, or of a parcel (no ``key``): without it nobody is held.

        ``knows``: the id of the hub's key by which the machine checks.
        """
        if self.status in HELD:
            reason = f"{self} ({self.more['field']})" if self.more.get("field") else str(self)
            signer = {"private_key": hub.keys.sign_private(suite, knows), "suite": suite}
            status: Any = self.status
            self.more["refusal"] = sign_refusal(key, sha256, status=status, reason=reason[:500], **signer)
        return self


def not_found() -> Problem:
    """As for any address that there is not."""
    return Problem(404, "request", "Not Found")


def problem_of(error: InvalidMessage) -> Problem:
    """What does not keep the contract, with the field that it names."""
    return Problem(422 if error.field else 400, "invalid", error.reason, field=error.field)


def answer_of(error: Exception, method: str, route: str) -> Response[bytes]:
    """The answer that tells of what a request ended with. A surprise is logged: the client may try again.

    Its words are not: they may quote what a person filed, as a database's do of a row that it refuses.
    """
    problem = error if isinstance(error, Problem) else _problem_of(error)
    if problem is None:
        _log.error("request_failed", method=method, route=route, error=type(error).__name__, where=place_of(error))
        problem = Problem(500, "internal", "the hub failed, try again")
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


def _problem_of(error: Exception) -> Problem | None:
    if isinstance(error, InvalidMessage):
        return problem_of(error)
    if isinstance(error, SealBroken):
        return Problem(422, "sealed_to_another", str(error), field="sealed")
    if isinstance(error, BadSignature):
        return Problem(401, "signature", str(error))
    if isinstance(error, psycopg.DataError):
        # The types of the messages bound what comes in; what slips through is the sender's, who need not try again.
        return Problem(422, "invalid", "holds what the database cannot")
    wait = {"Retry-After": "5"}
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        # It is away, restarts, or has no room: told once a look by what runs beside, not by each request.
        return Problem(503, "database_down", "the hub's database does not answer, try again", headers=wait)
    if isinstance(error, DepartmentDown):
        return Problem(503, "department_down", "the department does not answer", headers=wait, line=str(error))
    return Problem(error.status_code, "request", error.detail) if isinstance(error, HTTPException) else None


def _handled(request: Request, error: Exception) -> Response[bytes]:
    return answer_of(error, request.method, str(request.scope.get("path_template", "")))


HANDLERS: dict[Any, Any] = {HTTPException: _handled, Exception: _handled}
