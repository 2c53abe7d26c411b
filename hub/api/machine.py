"""What concerns the machine: enrolment, heartbeats, catalogue, and live questions."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated

import msgspec
from litestar import Request, Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import Parameter
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub import events
from hub.answers import KINDS, answer, progress
from hub.api.caller import Caller, forget_old_nonces, read_head, signed_answer, verify_head
from hub.api.problems import Problem
from hub.context import Hub
from hub.gaps import note_all_sent
from hub.machines import Proof, chain_of, last_receipt, note_form, number_of, public_keys, register
from kiosk.catalogue.loader import digests_of, read_folder, shipped
from kiosk.messages.encoding import canonical_json, decode, sha256_hex, typed
from kiosk.messages.fleet import (
    Command,
    Enrolled,
    Enrolment,
    Heartbeat,
    HeartbeatAnswer,
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
from kiosk.messages.requests import MESSAGES
from kiosk.messages.seal import require_sign_key, sign

CODE_LIVES = timedelta(hours=24)


def new_code() -> str:
    """A one-time code that a technician can type."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(3))


def code_digest(code: str) -> str:
    """What the hub keeps of a code."""
    return hashlib.sha256(code.strip().upper().encode()).hexdigest()


async def add_code(conn: AsyncConnection, now: datetime, kiosk_id: str | None) -> str:
    """Makes a one-time enrolment code for one machine; None: for the one that uses it first."""
    code = new_code()
    await conn.execute(
        "insert into enrolment_code (code_sha256, made_at, bound_to) values (%s, %s, %s)",
        [code_digest(code), now, kiosk_id],
    )
    return code


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
    if wish.suite not in hub.keys.private:
        raise Problem(422, "invalid", f"this hub has {', '.join(hub.keys.private)}", field="suite")
    require_sign_key(wish.public_key, wish.suite, "public_key")
    head = read_head(request.scope).over(sha256_hex(body))  # type: ignore[arg-type]
    stamp = head.stamp
    if stamp.suite != wish.suite:
        raise Problem(422, "invalid", "not the suite that signed the request", field="suite")
    verify_head(hub, head, wish.public_key)
    if stamp.kiosk_id != wish.kiosk_id:
        raise Problem(422, "invalid", "not the machine that signed the request", field="kiosk_id")
    async with hub.pool.connection() as conn, conn.transaction():
        if await _use_code(conn, hub, wish):
            await register(conn, wish.kiosk_id, wish.suite, wish.public_key, hub.clock.now(), last_seq)
            await events.record(conn, hub.clock.now(), actor="hub", kind="enrolled", kiosk_id=wish.kiosk_id)
        await note_form(conn, Proof(stamp, wish.public_key))
        chain = await chain_of(conn, wish.kiosk_id, wish.public_key)
        numbers = await _numbering(conn, wish.kiosk_id, chain or 1)
    keys = hub.keys.seal_key(wish.suite), hub.keys.verify_key(wish.suite)
    told = Enrolled(wish.kiosk_id, *keys, numbers if numbering else None)
    return signed_answer(hub, stamp, 201, told)


async def _numbering(conn: AsyncConnection, kiosk_id: str, chain: int) -> Numbering:
    number = await number_of(conn, kiosk_id)
    if number is None:
        raise Problem(409, "numbers", "all 10,000 machine numbers of this hub are given", field="kiosk_id")
    return Numbering(number, await last_receipt(conn, kiosk_id, chain))


async def _use_code(conn: AsyncConnection, hub: Hub, wish: Enrolment) -> bool:
    """False when the same machine has used it with the same key: its answer was lost on the way."""
    now = hub.clock.now()
    rows = await conn.execute(
        "select made_at, used_at, coalesce(bound_to, kiosk_id) from enrolment_code where code_sha256 = %s for update",
        [code_digest(wish.code)],
    )
    made_at, used_at, machine = await rows.fetchone() or (None, None, None)
    if made_at is None:
        raise Problem(403, "code", "the code is unknown", field="code")
    if machine not in (None, wish.kiosk_id):
        raise Problem(403, "code", "the code is for another machine", field="code")
    if abs(now - made_at) > CODE_LIVES:
        raise Problem(403, "code", "the code is older than 24 hours", field="code")
    if used_at is not None:
        if wish.public_key != (await public_keys(conn, wish.kiosk_id) or {}).get(wish.suite):
            raise Problem(403, "code", "the code was used", field="code")
        return False
    await conn.execute(
        "update enrolment_code set used_at = %s, kiosk_id = %s where code_sha256 = %s",
        [now, wish.kiosk_id, code_digest(wish.code)],
    )
    return True


@post(
    "/v1/heartbeats",
    responses={200: ResponseSpec(HeartbeatAnswer, generate_examples=False, description="heard; signed")},
)
async def heartbeat(caller: Caller, hub: Hub, numbering: bool = False) -> Response[bytes]:
    """Notes that a machine lives; the answer carries commands until they are reported as done.

    With ``numbering`` it also tells the machine's number and its last receipt: a new store asks before it gives any.
    """
    beat = decode(caller.body, Heartbeat)
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
        await _done(conn, caller.kiosk_id, beat.done_commands, now)
        rows = await conn.execute(
            "select id::text, verb, arguments from command where kiosk_id = %s and done_at is null order by id",
            [caller.kiosk_id],
        )
        commands = [Command(*row) for row in await rows.fetchall()]
        numbers = await _numbering(conn, caller.kiosk_id, chain) if numbering else None
    await forget_old_nonces(hub)
    mine = hub.keys.seal_key(caller.suite), hub.keys.verify_key(caller.suite)
    said = sign_hub_keys(caller.kiosk_id, *mine, hub.keys.sign_private(caller.suite), caller.suite)
    return signed_answer(hub, caller.stamp, 200, HeartbeatAnswer(commands, hub.stamp(), said, numbers))


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
    asked = open_question(kind, caller.body, hub.keys.seal_private(suite_of_question(caller.body)))
    if asked.kiosk_id != caller.kiosk_id:
        raise Problem(422, "invalid", "not the machine that signed the request", field="kiosk_id")
    said = await answer(hub, kind, asked.question, caller.kiosk_id)
    version = VERSION if request.headers.get(MESSAGES) else 1
    body = seal_answer(asked, said, hub.keys.sign_private(asked.suite), version)
    return Response(body, media_type="application/json")


@get("/v1/progress/{receipt_number:str}")
async def get_progress(receipt_number: str, caller: Caller, hub: Hub) -> ProgressAnswer:
    """Whether a case is known; a path is no place for the code of its slip, which opens more."""
    return await progress(hub, typed({"receipt_number": receipt_number}, ProgressQuestion), caller.kiosk_id)


@get("/v1/catalogue")
async def catalogue(request: Request, caller: Caller, hub: Hub) -> Response[bytes]:
    """Returns the catalogue with a manifest that the hub signed over ``{version, files}`` as canonical JSON."""
    content, tag = _catalogue(hub.catalogue.version, hub.keys.sign_private(caller.suite), caller.suite)
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
