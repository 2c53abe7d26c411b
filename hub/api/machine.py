"""What concerns the machine: enrolment, heartbeats, catalogue, and live questions."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from typing import Annotated

import msgspec
from litestar import Request, Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import Parameter
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub import audit_heads, enrolment, events, question_log
from hub.answers import KINDS, answer, progress
from hub.api.caller import Caller, forget_old_nonces, read_head, signed_answer, verify_head
from hub.api.problems import Problem
from hub.context import Hub
from hub.gaps import note_all_sent
from hub.machines import Proof, chain_of, last_receipt, note_form, note_hub_key, number_of, register
from kiosk.catalogue.loader import digests_of, read_folder, shipped
from kiosk.messages.encoding import canonical_json, decode, sha256_hex, typed
from kiosk.messages.fleet import (
    Command,
    Enrolled,
    Enrolment,
    Heartbeat,
    HeartbeatAnswer,
    KeyStatement,
    Numbering,
    sign_hub_keys,
)
from kiosk.messages.questions import (
    VERSION,
    ProgressAnswer,
    ProgressQuestion,
    open_question,
    seal_answer,
    suite_of_question,
)
from kiosk.messages.requests import MESSAGES, Stamp
from kiosk.messages.seal import key_id, require_sign_key, sign

MAX_SEQ = 2**53 - 1


@post(
    "/v1/enrolments", responses={201: ResponseSpec(Enrolled, generate_examples=False, description="enrolled; signed")}
)
async def enrol(
    request: Request,
    hub: Hub,
    numbering: bool = False,
    last_seq: Annotated[int, Parameter(ge=0, le=2**53 - 1)] | None = None,
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
                await _take_in(conn, wish, now, last_seq)
                await note_form(conn, Proof(stamp, wish.public_key))
                chain = await chain_of(conn, wish.kiosk_id, wish.public_key)
                told = hub.keys.stated(wish.suite, stamp.hub_key)[1]
                await note_hub_key(conn, wish.kiosk_id, key_id(told))
                return await _numbering(conn, wish.kiosk_id, chain or 1)
        except enrolment.WrongCode as error:
            await enrolment.note_wrong(conn, wish, address, now, str(error))
            raise Problem(403, "code", str(error), field="code") from error


async def _take_in(conn: AsyncConnection, wish: Enrolment, now: datetime, last_seq: int | None) -> None:
    used = await enrolment.use_code(conn, wish, now)
    if used.again:
        return
    await register(conn, wish.kiosk_id, wish.suite, wish.public_key, now, last_seq, used.valid_to)
    kind = "machine_replaced" if used.replaced else "enrolled"
    await events.record(conn, now, actor="hub", kind=kind, kiosk_id=wish.kiosk_id, sign_key=key_id(wish.public_key))


async def _numbering(conn: AsyncConnection, kiosk_id: str, chain: int) -> Numbering:
    number = await number_of(conn, kiosk_id)
    if number is None:
        raise Problem(409, "numbers", "all 10,000 machine numbers of this hub are given", field="kiosk_id")
    return Numbering(number, await last_receipt(conn, kiosk_id, chain))


@post(
    "/v1/heartbeats",
    responses={200: ResponseSpec(HeartbeatAnswer, generate_examples=False, description="heard; signed")},
)
async def heartbeat(caller: Caller, hub: Hub, numbering: bool = False) -> Response[bytes]:
    """Notes that a machine lives; the answer carries commands until they are reported as done.

    With ``numbering`` it also tells the machine's number and its last receipt: a new store asks before it gives any.
    """
    beat = decode(caller.body, Heartbeat)
    hub.keys.look_again()
    now = hub.clock.now()
    async with hub.pool.connection() as conn, conn.transaction():
        await conn.execute(
            "update kiosk set seen_at = %s, heartbeat = %s where kiosk_id = %s",
            [now, Jsonb(msgspec.to_builtins(beat)), caller.kiosk_id],
        )
        chain = await chain_of(conn, caller.kiosk_id, caller.proof.public_key) or 1
        if not beat.queue_depth and not beat.held:
            await note_all_sent(conn, caller.kiosk_id, chain, beat.last_seq, now)
        await note_form(conn, caller.proof)
        await note_hub_key(conn, caller.kiosk_id, caller.stamp.hub_key)
        proved = await audit_heads.hear(conn, caller.kiosk_id, chain, beat, now)
        await _done(conn, caller.kiosk_id, beat.done_commands, now)
        rows = await conn.execute(
            "select id::text, verb, arguments from command where kiosk_id = %s and done_at is null order by id",
            [caller.kiosk_id],
        )
        commands = [Command(*row) for row in await rows.fetchall()]
        numbers = await _numbering(conn, caller.kiosk_id, chain) if numbering else None
    await forget_old_nonces(hub)
    said = _key_statement(hub, caller)
    return signed_answer(hub, caller.stamp, 200, HeartbeatAnswer(commands, hub.stamp(), said, numbers, proved))


def _key_statement(hub: Hub, caller: Caller) -> KeyStatement:
    """Which keys the machine shall have: the answer around it is signed by the one that it knows."""
    seal_key, verify_key, private = hub.keys.stated(caller.suite, caller.stamp.hub_key)
    said = sign_hub_keys(caller.kiosk_id, seal_key, verify_key, private, caller.suite)
    if not caller.stamp.hub_key:
        return said
    return msgspec.structs.replace(said, former=hub.keys.former_verify_keys(caller.suite))


async def _done(conn: AsyncConnection, kiosk_id: str, ids: list[str], now: datetime) -> None:
    for command_id in ids:
        rows = await conn.execute(
            "update command set done_at = %s where kiosk_id = %s and id::text = %s and done_at is null returning verb",
            [now, kiosk_id, command_id],
        )
        if await rows.fetchone():
            await events.record(conn, now, actor=kiosk_id, kind="command_done", kiosk_id=kiosk_id, id=command_id)


@post("/v1/questions/{kind:str}", status_code=200, description="due, eligibility, progress or documents")
async def ask(kind: str, request: Request, caller: Caller, hub: Hub) -> Response[bytes]:
    """Answers a live question; question and answer are sealed."""
    if kind not in KINDS:
        raise Problem(422, "invalid", f"known questions are {', '.join(KINDS)}", field="kind")
    asked = hub.keys.open_with(
        suite_of_question(caller.body), lambda private: open_question(kind, caller.body, private)
    )
    if asked.kiosk_id != caller.kiosk_id:
        raise Problem(422, "invalid", "not the machine that signed the request", field="kiosk_id")
    await question_log.admit(hub, caller, asked)
    said = await answer(hub, kind, asked.question, caller.kiosk_id)
    version = VERSION if request.headers.get(MESSAGES) else 1
    body = seal_answer(asked, said, hub.keys.sign_private(asked.suite, caller.stamp.hub_key), version)
    return Response(body, media_type="application/json")


@get("/v1/progress/{receipt_number:str}")
async def get_progress(receipt_number: str, caller: Caller, hub: Hub) -> ProgressAnswer:
    """Whether a case is known; a path is no place for the code of its slip, which opens more."""
    return await progress(hub, typed({"receipt_number": receipt_number}, ProgressQuestion), caller.kiosk_id)


@get("/v1/catalogue")
async def catalogue(request: Request, caller: Caller, hub: Hub) -> Response[bytes]:
    """Returns the catalogue with a manifest that the hub signed over ``{version, files}`` as canonical JSON."""
    signer = hub.keys.sign_private(caller.suite, caller.stamp.hub_key)
    content, tag = _catalogue(hub.catalogue.version, signer, caller.suite)
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, headers={"ETag": tag})
    return Response(content, media_type="application/json", headers={"ETag": tag})


@cache
def _catalogue(version: str, sign_private: str, suite: str) -> tuple[bytes, str]:
    files = read_folder(shipped())
    manifest = {"version": version, "files": digests_of(files)}
    signed = {**manifest, "signature": sign(canonical_json(manifest), sign_private, suite)}
    texts = {name: raw.decode() for name, raw in files.items()}
    content = canonical_json({"manifest": signed, "files": texts})
    return content, f'"{hashlib.sha256(content).hexdigest()}"'
