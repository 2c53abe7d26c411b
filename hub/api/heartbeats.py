"""A machine lives, and hears what it shall do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
import structlog
from litestar import Response, post
from litestar.openapi import ResponseSpec
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub import audit_heads, events
from hub.api.caller import Caller, forget_old_nonces, signed_answer
from hub.api.enrolments import numbering_of
from hub.context import Hub
from hub.gaps import note_all_sent
from hub.machine_keys import chain_of, note_form, note_hub_key
from kiosk import shapes
from kiosk.messages.encoding import decode
from kiosk.messages.fleet import MOST_COMMANDS, Command, Heartbeat, HeartbeatAnswer, KeyStatement, sign_hub_keys

_log = structlog.get_logger()


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
        await _note_commands_done(conn, caller.kiosk_id, beat.done_commands, now)
        rows = await conn.execute(
            "select id::text, verb, arguments from command where kiosk_id = %s and done_at is null order by id",
            [caller.kiosk_id],
        )
        commands = list(islice(_readable(caller.kiosk_id, await rows.fetchall()), MOST_COMMANDS))
        numbers = await numbering_of(conn, caller.kiosk_id, chain) if numbering else None
    await forget_old_nonces(hub)
    said = _key_statement(hub, caller)
    return signed_answer(hub, caller.stamp, 200, HeartbeatAnswer(commands, hub.stamp(), said, numbers, proved))


def _readable(kiosk_id: str, rows: Iterable[Sequence[Any]]) -> Iterator[Command]:
    """As a machine reads them: one that it could not read would cost it the whole answer, and the next ones too."""
    for ident, verb, arguments in rows:
        try:
            yield shapes.convert({"id": ident, "do": verb, "arguments": arguments}, Command)
        except msgspec.ValidationError as error:
            _log.error("command_left_out", kiosk_id=kiosk_id, id=ident, why=str(error))


def _key_statement(hub: Hub, caller: Caller) -> KeyStatement:
    """Which keys the machine shall have: the answer around it is signed by the one that it knows."""
    seal_key, verify_key, private = hub.keys.stated(caller.suite, caller.stamp.hub_key)
    said = sign_hub_keys(caller.kiosk_id, seal_key, verify_key, private, caller.suite)
    if not caller.stamp.hub_key:
        return said
    return msgspec.structs.replace(said, former=hub.keys.former_verify_keys(caller.suite))


async def _note_commands_done(conn: AsyncConnection, kiosk_id: str, ids: list[str], now: datetime) -> None:
    for command_id in ids:
        rows = await conn.execute(
            "update command set done_at = %s where kiosk_id = %s and id::text = %s and done_at is null returning verb",
            [now, kiosk_id, command_id],
        )
        if await rows.fetchone():
            await events.record(conn, now, actor=kiosk_id, kind="command_done", kiosk_id=kiosk_id, id=command_id)
