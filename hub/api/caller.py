"""Who calls: every request is signed by a machine's key, is recent, and comes once."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from litestar import Request, Response
from psycopg import AsyncConnection

from hub.api.problems import Problem
from hub.context import Hub
from hub.machines import NotFresh, Proof, least_form, take_nonce
from kiosk.messages.encoding import BadSignature, sha256_hex
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


class Caller(NamedTuple):
    """The machine that signed this request, its keys by suite, the body that was signed, and the proof of it."""

    kiosk_id: str
    public_keys: dict[str, str]
    body: bytes
    proof: Proof

    @property
    def stamp(self) -> Stamp:
        """The signing stamp."""
        return self.proof.stamp

    @property
    def suite(self) -> str:
        """In which it signed."""
        return self.stamp.suite


async def signed_caller(request: Request, hub: Hub) -> Caller:
    """The caller of a signed request that came for the first time. Raises Problem 401 or 403, BadSignature."""
    async with hub.pool.connection() as conn:
        return await fresh(conn, request, hub, await verified_caller(request, hub))


async def verified_caller(request: Request, hub: Hub) -> Caller:
    """The caller by the keys that this process saw last: the work's own statement must take the proof.

    It saves a question to the database, where every millisecond counts. Raises Problem 401 or 403, BadSignature.
    """
    body = await request.body()
    stamp = read_stamp(request.headers)
    if (guess := hub.machines.guess(stamp.kiosk_id)) is not None:
        with contextlib.suppress(Problem, BadSignature):
            return _verified(request, hub, stamp, body, guess)
    # What is wrong is told by the keys as they are: a machine may have enrolled anew a moment ago.
    async with hub.pool.connection() as conn:
        return _verified(request, hub, stamp, body, await hub.machines.look(conn, stamp.kiosk_id))


async def fresh(conn: AsyncConnection, request: Request, hub: Hub, caller: Caller) -> Caller:
    """The caller with its proof taken. Raises Problem 401 or 403, BadSignature."""
    if caller.proof.is_taken:
        return caller
    try:
        await take_nonce(conn, caller.proof)
    except NotFresh:
        keys = await hub.machines.look(conn, caller.kiosk_id)
        caller = _verified(request, hub, caller.stamp, caller.body, keys)
        try:
            await take_nonce(conn, caller.proof)
        except NotFresh:
            raise await _not_served(conn, caller) from None
    return caller


async def _not_served(conn: AsyncConnection, caller: Caller) -> Problem:
    if await least_form(conn, caller.kiosk_id, caller.proof.public_key) > caller.stamp.form:
        return Problem(401, "old_form", f"this machine has signed in form {NEWEST_FORM} before; sign in that form")
    return Problem(401, "replayed", "this request was received before; sign it afresh")


def _verified(request: Request, hub: Hub, stamp: Stamp, body: bytes, keys: dict[str, str] | None) -> Caller:
    if keys is None:
        raise Problem(403, "unknown_machine", "this machine is not enrolled")
    if stamp.suite not in keys:
        raise Problem(403, "unknown_suite", f"this machine is not enrolled with a key of suite {stamp.suite}")
    verify_stamp(request, hub, stamp, body, keys[stamp.suite])
    return Caller(stamp.kiosk_id, keys, body, Proof(stamp, keys[stamp.suite]))


def verify_stamp(request: Request, hub: Hub, stamp: Stamp, body: bytes, public_key: str) -> None:
    """Raises BadSignature, or Problem 401 for a wrong clock: the answer's ``Tongban-Time`` tells the right one."""
    query = request.scope["query_string"]
    path = request.scope["raw_path"] + (b"?" + query if query else b"")
    said = [request.headers.get(name, "") for name in ("host", "content-range")]
    call = Call(request.method, path.decode("latin-1"), sha256_hex(body), *said)
    now_s = int(hub.clock.now().timestamp())
    try:
        _verify_as_any(stamp, [call._replace(host=name) for name in hub.names] or [call], public_key, now_s)
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
    headers = {ANSWER: sign_answer(status, content, stamp, hub.keys.sign_private(stamp.suite))}
    return Response(content, status_code=status, media_type="application/json", headers=headers)


async def forget_old_nonces(hub: Hub) -> None:
    """Drops nonces whose requests would be refused for their time anyway."""
    now_s = int(hub.clock.now().timestamp())
    async with hub.pool.connection() as conn:
        await conn.execute("delete from nonce where time_s < %s", [now_s - 2 * WINDOW_S])
