"""The front: what is judged of a request before anything is done for it, and the shortest way to the busiest routes.

A plain ASGI layer. A machine's request (``/v1``) is judged by its head: its length, its signature (form 2 covers the
body's digest, so nobody but an enrolled machine makes this hub read a body); then its body, which must be the one that
was signed; only then the routes hear of it. Machines that sign in form 1 and those that enrol are known after their
body only: for all of these together there is little room, and none of it is that of the others.

Two routes carry nearly everything, a case is a few parcels and one envelope: their handlers are called here, without
the framework's machinery around them. They are declared like all others, so that ``/schema`` tells them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from litestar import Response
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from hub.api import messages
from hub.api.bodies import Body, ClientGone, Room, read_into, too_large
from hub.api.caller import CALLER, Caller, Head, read_head, verify
from hub.api.problems import answer_of, not_found
from hub.api.strangers import MONITOR, Doors
from hub.connections import origin_of, prove
from hub.context import Hub
from kiosk.messages.encoding import BadSignature, sha256_hex
from kiosk.messages.envelope import ENVELOPE_BYTES
from kiosk.messages.requests import FORM, NEWEST_FORM, TIME

_log = structlog.get_logger()
API = "/v1/"
BODY_BYTES = 1024 * 1024
"""The largest body of a route that is not named here."""
_LIMITS = {
    ("PUT", "envelopes"): ENVELOPE_BYTES,
    ("PUT", "parcels"): messages.CHUNK_BYTES + 1024,
    ("POST", "batches"): messages.BATCH_BYTES,
    ("POST", "enrolments"): 16 * 1024,
}
_MB = 1024 * 1024
PROVED = 160 * _MB, 1024 * _MB
"""The bodies of one enrolled machine that are under way, and of all of them; mostly on the disk."""
UNPROVED = 9 * _MB, 32 * _MB
"""The bodies from one address, and of everybody, while nobody knows whose they are."""
_DIRECT: dict[tuple[str, str], Callable[[str, Caller, Hub], Awaitable[Response]]] = {
    ("PUT", "envelopes"): messages.put_envelope.fn,
    ("PUT", "parcels"): messages.put_parcel.fn,
}
_NOTHING = sha256_hex(b"")


class Front:
    """Around the application of one process."""

    def __init__(self, hub: Hub, app: ASGIApp, doors: Doors) -> None:
        self._hub = hub
        self._doors = doors
        self._app = app
        self._proved, self._unproved = Room(*PROVED), Room(*UNPROVED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["client"] = self._doors.client(scope)
        if "//" in scope["path"]:
            # The application would find its routes by such a name too, past what is judged here.
            await self._answer(send, answer_of(not_found(), scope["method"], ""))
        elif not scope["path"].startswith(API):
            scope[MONITOR] = self._doors.is_monitor(scope)  # type: ignore[typeddict-unknown-key]
            await self._app(scope, receive, self._marked(send))
        else:
            try:
                await self._serve(scope, receive, send)
            except ClientGone:
                return
            except Exception as error:
                # The boundary of a request. The application answers its own faults, so nothing was said here yet.
                _log.debug("request_ended", error=type(error).__name__)
                await self._answer(send, answer_of(error, scope["method"], _route(scope)[0]))

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answers a request of the API. Raises what ``answer_of`` tells, and ClientGone."""
        route, name = _route(scope)
        limit = _LIMITS.get((scope["method"], route), BODY_BYTES)
        head = read_head(scope)
        length = head.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > limit:
            raise too_large()
        enrols = (scope["method"], route) == ("POST", "enrolments")
        caller = None if enrols else await self._known_by_head(head)
        body = Body(self._proved, caller.kiosk_id) if caller else Body(self._unproved, _origin(scope))
        try:
            await read_into(body, receive, limit)
            if not enrols:
                caller = await self._known_by_body(head, caller, body)
                prove(scope)
                if direct := _DIRECT.get((scope["method"], route)) if name and "/" not in name else None:
                    await self._answer(send, await direct(name, caller, self._hub))
                    return
                scope[CALLER] = caller  # type: ignore[typeddict-unknown-key]
            await self._app(scope, _again(body if enrols else None, receive), self._marked(send))
        finally:
            body.close()

    async def _known_by_head(self, head: Head) -> Caller | None:
        """None for one that only its body can prove. Raises BadSignature, Problem 401."""
        if head.stamp.form > 1:
            return await verify(self._hub, head)
        has_body = head.headers.get("content-length", "0") != "0" or "transfer-encoding" in head.headers
        return None if has_body else await verify(self._hub, head.over(_NOTHING))

    async def _known_by_body(self, head: Head, caller: Caller | None, body: Body) -> Caller:
        if caller is None:
            caller = await verify(self._hub, head.over(body.sha256))
        elif caller.head.call.body_sha256 != body.sha256:
            raise BadSignature("the body is not the one that was signed")
        return caller._replace(sent=body)

    async def _answer(self, send: Send, response: Response) -> None:
        body = response.content if isinstance(response.content, bytes) else b"null"
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.headers.items()]
        media_type = str(response.media_type or "application/json").encode()
        headers += [(b"content-type", media_type), (b"content-length", str(len(body)).encode()), *self._marks()]
        await send({"type": "http.response.start", "status": response.status_code or 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _marks(self) -> list[tuple[bytes, bytes]]:
        """Each answer tells time and form of signatures that are read here: who signed otherwise signs again."""
        return [(_TIME, str(int(self._hub.clock.now().timestamp())).encode()), _FORM]

    def _marked(self, send: Send) -> Send:
        async def send_with_marks(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._marks()]
            await send(message)

        return send_with_marks


_TIME, _FORM = TIME.lower().encode(), (FORM.lower().encode(), str(NEWEST_FORM).encode())


def _origin(scope: HTTPScope) -> str:
    return origin_of(scope["client"][0]) if scope["client"] else ""


def _route(scope: HTTPScope) -> tuple[str, str]:
    """The first word after ``/v1/``, which names the route, and what follows it."""
    route, _, name = scope["path"].removeprefix(API).partition("/")
    return route, name


def _again(body: Body | None, receive: Receive) -> Receive:
    """Gives the application a body that was read here; the others have it from their caller."""
    content: list[bytes] = [body.content if body else b""]

    async def give() -> Any:
        return {"type": "http.request", "body": content.pop(), "more_body": False} if content else await receive()

    return give
