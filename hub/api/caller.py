"""Who calls: every request is signed by a machine's key, is recent, and comes once."""

from __future__ import annotations

from typing import NamedTuple

from litestar import Request

from hub.api.problems import Problem
from hub.context import Hub
from kiosk.messages.encoding import sha256_hex
from kiosk.messages.requests import WINDOW_S, Stamp, WrongTime, read_stamp, verify_request


class Caller(NamedTuple):
    """The machine that signed this request, its key, and the body that was signed."""

    kiosk_id: str
    public_key: str
    body: bytes


async def signed_caller(request: Request, hub: Hub) -> Caller:
    """The caller of a signed request. Raises Problem 401 or 403, BadSignature."""
    body = await request.body()
    stamp = read_stamp(request.headers)
    async with hub.pool.connection() as conn:
        rows = await conn.execute("select public_key from kiosk where kiosk_id = %s", [stamp.kiosk_id])
        row = await rows.fetchone()
        if row is None:
            raise Problem(403, "unknown_machine", "this machine is not enrolled")
        verify_stamp(request, hub, stamp, body, row[0])
        fresh = await conn.execute(
            "insert into nonce values (%s, %s, %s) on conflict do nothing returning nonce",
            [stamp.kiosk_id, stamp.nonce, stamp.time_s],
        )
        if await fresh.fetchone() is None:
            raise Problem(401, "replayed", "this request was received before; sign it afresh")
    return Caller(stamp.kiosk_id, row[0], body)


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


async def forget_old_nonces(hub: Hub) -> None:
    """Drops nonces whose requests would be refused for their time anyway."""
    now_s = int(hub.clock.now().timestamp())
    async with hub.pool.connection() as conn:
        await conn.execute("delete from nonce where time_s < %s", [now_s - 2 * WINDOW_S])
