"""Who calls: every request is signed by a machine's key, is recent, and comes once."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from litestar import Request, Response

from hub.api.problems import Problem
from hub.context import Hub
from hub.machines import public_keys
from kiosk.messages.encoding import sha256_hex
from kiosk.messages.fleet import Enrolled, HeartbeatAnswer
from kiosk.messages.requests import ANSWER, WINDOW_S, Stamp, WrongTime, read_stamp, sign_answer, verify_request


class Caller(NamedTuple):
    """The machine that signed this request, its keys by suite, the body that was signed, and the signing stamp."""

    kiosk_id: str
    public_keys: dict[str, str]
    body: bytes
    stamp: Stamp

    @property
    def suite(self) -> str:
        """In which it signed."""
        return self.stamp.suite


async def signed_caller(request: Request, hub: Hub) -> Caller:
    """The caller of a signed request. Raises Problem 401 or 403, BadSignature."""
    body = await request.body()
    stamp = read_stamp(request.headers)
    async with hub.pool.connection() as conn:
        keys = await public_keys(conn, stamp.kiosk_id)
        if keys is None:
            raise Problem(403, "unknown_machine", "this machine is not enrolled")
        if stamp.suite not in keys:
            raise Problem(403, "unknown_suite", f"this machine is not enrolled with a key of suite {stamp.suite}")
        verify_stamp(request, hub, stamp, body, keys[stamp.suite])
        fresh = await conn.execute(
            "insert into nonce values (%s, %s, %s) on conflict do nothing returning nonce",
            [stamp.kiosk_id, stamp.nonce, stamp.time_s],
        )
        if await fresh.fetchone() is None:
            raise Problem(401, "replayed", "this request was received before; sign it afresh")
    return Caller(stamp.kiosk_id, keys, body, stamp)


def verify_stamp(request: Request, hub: Hub, stamp: Stamp, body: bytes, public_key: str) -> None:
    """Raises BadSignature, or Problem 401 for a wrong clock: the answer's ``Tongban-Time`` tells the right one."""
    query = request.scope["query_string"]
    path = request.scope["raw_path"] + (b"?" + query if query else b"")
    now_s = int(hub.clock.now().timestamp())
    try:
        verify_request(
            stamp, request.method, path.decode("latin-1"), sha256_hex(body), public_key=public_key, now_s=now_s
        )
    except WrongTime as error:
        raise Problem(401, "wrong_time", str(error), hub_time=now_s) from error


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
