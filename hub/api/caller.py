"""Who calls: every request is signed by a machine's key, is recent, and comes once."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import msgspec
from litestar import Request, Response
from litestar.types import HTTPScope
from psycopg import AsyncConnection

from hub.api.bodies import NO_BODY, Body
from hub.api.problems import Problem
from hub.context import Hub
from hub.machine_keys import NotFresh, Proof, least_form, take_nonce
from kiosk.messages.encoding import BadSignature
from kiosk.messages.fleet import Enrolled, HeartbeatAnswer
from kiosk.messages.requests import (
    ANSWER,
    NEWEST_FORM,
    WINDOW_S,
    Call,
    Stamp,
    WrongTime,
    read_stamp,
    sign_answer,
    verify_request,
)
from kiosk.messages.seal import new_sign_key

CALLER = "tongban.caller"
"""Where the front (hub/api/front.py) leaves the caller of a request, in its scope."""


class Head(NamedTuple):
    """A request without its body: what was signed, and its headers by their names in lower case."""

    call: Call
    headers: Mapping[str, str]
    stamp: Stamp

    def over(self, body_sha256: str) -> Head:
        """With the digest of the body that came: in form 1 nothing told it before."""
        return self._replace(call=self.call._replace(body_sha256=body_sha256))


def read_head(scope: HTTPScope) -> Head:
    """What a request says of itself. Raises BadSignature naming the header that is missing, malformed or said twice."""
    headers: dict[str, str] = {}
    for raw_name, value in scope["headers"]:
        name = raw_name.decode("latin-1")
        if name in headers and name.startswith(_ONCE):
            raise BadSignature(f"header {name} is said twice")
        headers.setdefault(name, value.decode("latin-1"))
    query = scope["query_string"]
    path = scope["raw_path"] + (b"?" + query if query else b"")
    stamp = read_stamp(headers)
    said = [headers.get(name, "") for name in ("host", "content-range")]
    return Head(Call(scope["method"], path.decode("latin-1"), stamp.body_sha256, *said), headers, stamp)


_ONCE = ("tongban-", "host", "content-range")


class Caller(NamedTuple):
    """The machine that signed this request, its keys by suite, the request, the proof of it, and the body."""

    kiosk_id: str
    public_keys: dict[str, str]
    head: Head
    proof: Proof
    sent: Body = NO_BODY

    @property
    def body(self) -> bytes:
        """The body as a whole, read from the disk where it is large."""
        return self.sent.content

    @property
    def stamp(self) -> Stamp:
        """The signing stamp."""
        return self.proof.stamp

    @property
    def suite(self) -> str:
        """In which it signed."""
        return self.stamp.suite


async def signed_caller(request: Request, hub: Hub) -> Caller:
    """The caller of a signed request that came for the first time. Raises Problem 401, BadSignature."""
    async with hub.pool.connection() as conn:
        return await fresh(conn, hub, verified_caller(request))


def verified_caller(request: Request) -> Caller:
    """The caller as the front verified it: the work's own statement must take the proof."""
    return request.scope[CALLER]  # type: ignore[typeddict-item]


async def verify(hub: Hub, head: Head) -> Caller:
    """The caller by the keys that this process saw last: what is done for it must take its proof.

    It saves a question to the database, where every millisecond counts. Raises Problem 401, BadSignature.
    """
    if (guess := hub.machines.guess(head.stamp.kiosk_id)) is not None:
        with contextlib.suppress(Problem, BadSignature):
            return _verified(hub, head, guess)
    # What is wrong is told by the keys as they are: a machine may have enrolled anew a moment ago.
    async with hub.pool.connection() as conn:
        return _verified(hub, head, await hub.machines.look(conn, head.stamp.kiosk_id))


async def fresh(conn: AsyncConnection, hub: Hub, caller: Caller) -> Caller:
    """The caller with its proof taken. Raises Problem 401, BadSignature."""
    if caller.proof.is_taken:
        return caller
    try:
        await take_nonce(conn, caller.proof)
    except NotFresh:
        keys = await hub.machines.look(conn, caller.kiosk_id)
        caller = _verified(hub, caller.head, keys)._replace(sent=caller.sent)
        try:
            await take_nonce(conn, caller.proof)
        except NotFresh:
            raise await _not_served(conn, caller) from None
    return caller


async def _not_served(conn: AsyncConnection, caller: Caller) -> Problem:
    if await least_form(conn, caller.kiosk_id, caller.proof.public_key) > caller.stamp.form:
        return Problem(401, "old_form", f"this machine has signed in form {NEWEST_FORM} before; sign in that form")
    return Problem(401, "replayed", "this request was received before; sign it afresh")


def _verified(hub: Hub, head: Head, keys: dict[str, str] | None) -> Caller:
    """Whoever shows no enrolled machine's signature hears the same, at the same cost, whatever id he named."""
    stamp = head.stamp
    key = (keys or {}).get(stamp.suite)
    try:
        verify_head(hub, head, key or _nobodys_key(stamp.suite))
    except BadSignature:
        key = None
    if keys is None or key is None:
        raise BadSignature("no machine is enrolled here by this id with the key that signed")
    return Caller(stamp.kiosk_id, keys, head, Proof(stamp, key))


@cache
def _nobodys_key(suite: str) -> str:
    return new_sign_key(suite).public


def verify_head(hub: Hub, head: Head, public_key: str) -> None:
    """Raises BadSignature, or Problem 401 for a wrong clock: the answer's ``Tongban-Time`` tells the right one."""
    now_s = int(hub.clock.now().timestamp())
    calls = [head.call._replace(host=name) for name in hub.names] or [head.call]
    try:
        _verify_as_any(head.stamp, calls, public_key, now_s)
    except WrongTime as error:
        raise Problem(401, "wrong_time", str(error), hub_time=now_s) from error


def _verify_as_any(stamp: Stamp, calls: Sequence[Call], public_key: str, now_s: int) -> None:
    *others, last = calls
    for call in others:
        with contextlib.suppress(BadSignature):
            return verify_request(stamp, call, public_key=public_key, now_s=now_s)
    return verify_request(stamp, last, public_key=public_key, now_s=now_s)


def signed_answer(hub: Hub, stamp: Stamp, status: int, answer: Enrolled | HeartbeatAnswer) -> Response[bytes]:
    """An answer that a machine may act on: the hub signs its bytes for this one request."""
    content = msgspec.json.encode(answer)
    headers = {ANSWER: sign_answer(status, content, stamp, hub.keys.sign_private(stamp.suite, stamp.hub_key))}
    return Response(content, status_code=status, media_type="application/json", headers=headers)


async def forget_old_nonces(hub: Hub) -> None:
    """Drops nonces whose requests would be refused for their time anyway."""
    now_s = int(hub.clock.now().timestamp())
    async with hub.pool.connection() as conn:
        await conn.execute("delete from nonce where time_s < %s", [now_s - 2 * WINDOW_S])
