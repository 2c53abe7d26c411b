"""Envelopes and their parcels."""

from __future__ import annotations

import asyncio
import contextlib
import re

import msgspec
from litestar import Response, head, post, put
from litestar.openapi import ResponseSpec
from psycopg import AsyncConnection

from hub import inbox, parcels
from hub.api.caller import Caller, fresh
from hub.api.problems import Problem, problem_of
from hub.batch_intake import Judged, take_in_batch
from hub.context import Hub
from hub.machine_keys import NotFresh
from kiosk.messages.batch import BatchAnswer, BatchResult
from kiosk.messages.bounds import SHA256
from kiosk.messages.encoding import BadSignature, InvalidMessage
from kiosk.messages.envelope import PARCEL_BYTES, Submission, digest_of_wire, parse
from kiosk.messages.receipts import Receipt, parcel_named

CHUNK_BYTES = 8 * 1024 * 1024
BATCH_BYTES = 128 * 1024 * 1024
SMALL_BYTES = 1024 * 1024
_LARGE = asyncio.Semaphore(2)
"""Of what is larger, so many at a time are in memory on their way from a file to the database."""
_BATCHES = asyncio.Semaphore(2)
"""So many are read at a time: one of 1 KB may take a thread for seconds, and there are few."""
_bringing: set[str] = set()
"""The machines whose batch is being read, or waits for that: each has one at a time."""
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_DESCRIPTION = "201 new, 200 the same receipt again, 409 another envelope is held, 424 parcels are missing"


@put(
    "/v1/envelopes/{key:str}",
    responses={
        200: ResponseSpec(Receipt, generate_examples=False, description="repeat"),
        201: ResponseSpec(Receipt, generate_examples=False, description="received"),
    },
    description=_DESCRIPTION,
)
async def put_envelope(key: str, sender: Caller, hub: Hub) -> Response[bytes]:
    """Receives an envelope."""
    async with hub.pool.connection() as conn:
        try:
            return await _receive(conn, key, sender, hub)
        except NotFresh:
            return await _receive(conn, key, await fresh(conn, hub, sender), hub)
        except (Problem, InvalidMessage) as error:
            await fresh(conn, hub, sender)
            raise _refused(error, hub, sender, sha256=digest_of_wire(sender.body), key=key) from error


class _NotItsOwn(Problem):
    """Of an envelope that another machine has made: no word of ours about that one is put into a stranger's hands."""


def _refused(error: Problem | InvalidMessage, hub: Hub, caller: Caller, *, sha256: str, key: str = "") -> Problem:
    problem = problem_of(error) if isinstance(error, InvalidMessage) else error
    if isinstance(problem, _NotItsOwn):
        return problem
    return problem.signed(hub, caller.suite, sha256=sha256, key=key, knows=caller.stamp.hub_key)


async def _receive(conn: AsyncConnection, key: str, caller: Caller, hub: Hub) -> Response[bytes]:
    sent = parse(caller.body)
    signed_by = _checked_sender(sent, key, caller)
    try:
        received = await inbox.receive(hub, conn, sent, signed_by, proof=caller.proof, knows=caller.stamp.hub_key)
    except inbox.OtherHeld as error:
        held = msgspec.json.decode(error.receipt)
        raise Problem(409, "other_held", "another envelope is held", field=error.field, held=held) from error
    except inbox.ParcelsMissing as error:
        raise Problem(424, "parcels_missing", str(error), missing=error.digests) from error
    except inbox.WrongSize as error:
        raise Problem(422, "invalid", "not the parcel's length", field=error.field) from error
    return Response(received.receipt, status_code=201 if received.fresh else 200, media_type="application/json")


def _checked_sender(sent: Submission, key: str, caller: Caller) -> str:
    """The public key that signed it. Raises Problem."""
    if sent.header.key != key:
        raise Problem(422, "invalid", "not the key of the address", field="header.key")
    is_own = sent.header.kiosk_id == caller.kiosk_id
    try:
        signed_by = inbox.check_signature(sent, caller.public_keys)
    except BadSignature as error:
        wrong = Problem if is_own else _NotItsOwn
        raise wrong(422, "invalid", str(error), field="signature") from error
    if not is_own:
        raise Problem(422, "invalid", "not the machine that signed the request", field="header.kiosk_id")
    return signed_by


@post("/v1/batches", status_code=200)
async def post_batch(caller: Caller, hub: Hub) -> BatchAnswer:
    """Receives a batch file that one machine brings for others; each envelope is judged by its own signature."""
    if caller.kiosk_id in _bringing:
        raise Problem(503, "busy", "a batch of this machine is being read, try again", headers={"Retry-After": "5"})
    _bringing.add(caller.kiosk_id)
    try:
        async with _BATCHES:
            judged, trouble = await take_in_batch(hub, caller.sent.as_file())
    finally:
        _bringing.remove(caller.kiosk_id)
    return BatchAnswer([_result(each) for each in judged], trouble)


def _result(judged: Judged) -> BatchResult:
    receipt = judged.answer.content.decode() if judged.answer and judged.answer.kind == "receipts" else None
    return BatchResult(judged.result, judged.reason, judged.kiosk_id, judged.seq, judged.key, receipt)


@head("/v1/parcels/{sha256:str}", description="`Upload-Offset` tells how many bytes are there, 0 for none.")
async def head_parcel(sha256: str, caller: Caller, hub: Hub) -> Response[None]:
    """Tells where an upload goes on."""
    _check_digest(sha256)
    async with hub.pool.connection() as conn:
        there = await parcels.progress(conn, caller.kiosk_id, sha256)
    return Response(None, headers=_offset(there or parcels.Progress(0, 0, complete=False)))


@put(
    "/v1/parcels/{sha256:str}",
    description="The whole sealed part, or a chunk (`Content-Range`). 202: more must come, 416: wrong offset",
)
async def put_parcel(sha256: str, sender: Caller, hub: Hub) -> Response[None]:
    """Receives a sealed part."""
    in_memory = _LARGE if sender.sent.length > SMALL_BYTES else contextlib.nullcontext()
    async with in_memory, hub.pool.connection() as conn:
        try:
            return await _keep(conn, sha256, sender, hub)
        except NotFresh:
            return await _keep(conn, sha256, await fresh(conn, hub, sender), hub)
        except Problem as error:
            await fresh(conn, hub, sender)
            raise _refused(error, hub, sender, sha256=parcel_named(sender.kiosk_id, sha256)) from error


async def _keep(conn: AsyncConnection, sha256: str, sender: Caller, hub: Hub) -> Response[None]:
    _check_digest(sha256)
    start, total = _range(sender.head.headers.get("content-range"), sender.sent.length)
    try:
        if sender.sent.length == total:
            new = await parcels.put_whole(conn, sender.kiosk_id, sha256, sender.body, sender.proof)
            return _offset_answer(parcels.Progress(total, total, complete=True), 201 if new else 200)
        return await _keep_chunk(conn, sha256, start, await fresh(conn, hub, sender), total)
    except parcels.QuotaReached:
        reason = f"this machine has brought {parcels.QUOTA_BYTES} bytes that no envelope names"
        raise Problem(429, "quota", reason, headers={"Retry-After": "3600"}) from None
    except parcels.WrongDigest as error:
        raise Problem(422, "invalid", str(error), field="sha256") from error


async def _keep_chunk(conn: AsyncConnection, sha256: str, start: int, sender: Caller, total: int) -> Response[None]:
    before = await parcels.progress(conn, sender.kiosk_id, sha256)
    try:
        there = await parcels.put_chunk(conn, sender.kiosk_id, sha256, start, sender.body, total)
    except parcels.WrongOffset as error:
        headers = {"Upload-Offset": str(error.offset)}
        raise Problem(416, "wrong_offset", str(error), headers=headers, offset=error.offset) from error
    except parcels.WrongDigest:
        await parcels.forget(conn, sender.kiosk_id, sha256)
        raise
    known = before is not None and before.complete
    return _offset_answer(there, 200 if known else 201 if there.complete else 202)


def _offset_answer(there: parcels.Progress, status: int) -> Response[None]:
    return Response(None, status_code=status, headers=_offset(there))


def _check_digest(sha256: str) -> None:
    if not re.fullmatch(SHA256, sha256):
        raise Problem(422, "invalid", "not a SHA-256 in lower-case hex", field="sha256")


def _range(header: str | None, length: int) -> tuple[int, int]:
    """Start and total length of a chunk. Without the header the body is the whole."""
    if header is None:
        return 0, length
    found = _RANGE.fullmatch(header)
    if found is None:
        raise Problem(400, "invalid", "not `bytes first-last/total`", field="Content-Range")
    first, last, total = map(int, found.groups())
    if last - first + 1 != length or last >= total:
        raise Problem(400, "invalid", "does not fit the body", field="Content-Range")
    if total > PARCEL_BYTES:
        raise Problem(413, "too_large", f"a parcel has at most {PARCEL_BYTES} bytes", field="Content-Range")
    return first, total


def _offset(there: parcels.Progress) -> dict[str, str]:
    return {"Upload-Offset": str(there.received), "Upload-Complete": "?1" if there.complete else "?0"}
