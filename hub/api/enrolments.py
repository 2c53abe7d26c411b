"""A machine becomes known: its public key for a one-time code."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import Request, Response, post
from litestar.openapi import ResponseSpec
from litestar.params import Parameter
from psycopg import AsyncConnection

from hub import enrolment, events
from hub.api.caller import read_head, signed_answer, verify_head
from hub.api.problems import Problem
from hub.context import Hub
from hub.machine_keys import Proof, chain_of, last_receipt, note_form, note_hub_key, number_of, register
from kiosk.messages.bounds import MAX_INT
from kiosk.messages.encoding import decode, sha256_hex
from kiosk.messages.fleet import Enrolled, Enrolment, Numbering
from kiosk.messages.requests import Stamp
from kiosk.messages.seal import key_id, require_sign_key


@post(
    "/v1/enrolments", responses={201: ResponseSpec(Enrolled, generate_examples=False, description="enrolled; signed")}
)
async def enrol(
    request: Request,
    hub: Hub,
    numbering: bool = False,
    last_seq: Annotated[int, Parameter(ge=0, le=MAX_INT)] | None = None,
) -> Response[bytes]:
    """Registers a machine's public key for a one-time code; the request is signed with that key.

    With ``numbering`` the answer also tells the machine's number; one that is a version older does not know of it.
    ``last_seq``, what its store has used, tells a new store from one that has changed its suite.
    """
    body = await request.body()
    wish = decode(body, Enrolment)
    if wish.suite not in hub.keys.suites:
        raise Problem(422, "invalid", f"this hub has {', '.join(hub.keys.suites)}", field="suite")
    require_sign_key(wish.public_key, wish.suite, "public_key")
    head = read_head(request.scope).over(sha256_hex(body))  # type: ignore[arg-type]
    stamp = head.stamp
    if stamp.suite != wish.suite:
        raise Problem(422, "invalid", "not the suite that signed the request", field="suite")
    verify_head(hub, head, wish.public_key)
    if stamp.kiosk_id != wish.kiosk_id:
        raise Problem(422, "invalid", "not the machine that signed the request", field="kiosk_id")
    numbers = await _enrolled(hub, wish, stamp, request.client.host if request.client else "", last_seq)
    hub.keys.look_again()
    seal_key, verify_key, _ = hub.keys.stated(wish.suite, stamp.hub_key)
    told = Enrolled(wish.kiosk_id, seal_key, verify_key, numbers if numbering else None)
    return signed_answer(hub, stamp, 201, told)


async def _enrolled(hub: Hub, wish: Enrolment, stamp: Stamp, client: str, last_seq: int | None) -> Numbering:
    """Raises Problem for a code that does not let it in; a wrong one is counted."""
    now, address = hub.clock.now(), enrolment.network_of(client)
    async with hub.pool.connection() as conn:
        await enrolment.require_pace(conn, wish.code, address, now)
        try:
            async with conn.transaction():
                await _register_once(conn, wish, now, last_seq)
                await note_form(conn, Proof(stamp, wish.public_key))
                chain = await chain_of(conn, wish.kiosk_id, wish.public_key)
                told = hub.keys.stated(wish.suite, stamp.hub_key)[1]
                await note_hub_key(conn, wish.kiosk_id, key_id(told))
                return await numbering_of(conn, wish.kiosk_id, chain or 1)
        except enrolment.WrongCode as error:
            await enrolment.note_wrong(conn, wish, address, now, str(error))
            raise Problem(403, "code", str(error), field="code") from error


async def _register_once(conn: AsyncConnection, wish: Enrolment, now: datetime, last_seq: int | None) -> None:
    used = await enrolment.use_code(conn, wish, now)
    if used.again:
        return
    await register(conn, wish.kiosk_id, wish.suite, wish.public_key, now, last_seq, used.valid_to)
    kind = "machine_replaced" if used.replaced else "enrolled"
    await events.record(conn, now, actor="hub", kind=kind, kiosk_id=wish.kiosk_id, sign_key=key_id(wish.public_key))


async def numbering_of(conn: AsyncConnection, kiosk_id: str, chain: int) -> Numbering:
    number = await number_of(conn, kiosk_id)
    if number is None:
        raise Problem(409, "numbers", "all 10,000 machine numbers of this hub are given", field="kiosk_id")
    return Numbering(number, await last_receipt(conn, kiosk_id, chain))
