"""Sealed parts, stored by digest and received in chunks that can be resumed."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.sql import SQL

from hub.machines import FRESH, Proof

MAX_PARCEL_BYTES = 64 * 1024 * 1024


class WrongOffset(Exception):
    """The chunk begins after what is there; ``offset`` is where to go on."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"go on at {offset}")
        self.offset = offset


class WrongDigest(Exception):
    """The bytes are not those that the digest names."""


class Progress(NamedTuple):
    """How much of a parcel is there."""

    received: int
    total: int
    complete: bool


async def progress(conn: AsyncConnection, sha256: str) -> Progress | None:
    """What is there of a parcel, None for nothing."""
    row = await (
        await conn.execute("select received, total, complete from parcel where sha256 = %s", [sha256])
    ).fetchone()
    return Progress(*row) if row else None


_PUT_WHOLE = (
    SQL("""with {}, made as (
               insert into parcel (sha256, total, received, complete)
               select %(sha256)s, %(length)s, %(length)s, true from fresh on conflict do nothing returning sha256
           ), kept as (insert into parcel_chunk select sha256, 0, %(content)s from made)
           select exists (select from fresh), exists (select from made),
               (select complete from parcel where sha256 = %(sha256)s)""")
    .format(FRESH)
    .as_bytes()
)


async def put_whole(conn: AsyncConnection, proof: Proof, sha256: str, content: bytes) -> bool | None:
    """Adds a parcel that came in one piece, in one statement: whether it is new; None when an upload has begun.

    Raises WrongDigest, NotFresh.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WrongDigest("the bytes do not have this digest")
    whole = {"sha256": sha256, "length": len(content), "content": content}
    rows = await conn.execute(_PUT_WHOLE, {**whole, **proof.values()})
    is_fresh, new, there = await rows.fetchone() or (False, False, None)
    proof.count(is_fresh)
    return new if new or there else None


async def put_chunk(conn: AsyncConnection, sha256: str, start: int, chunk: bytes, total: int) -> Progress:
    """Adds a chunk in one transaction; a repeated one changes nothing. Raises WrongOffset, WrongDigest."""
    async with conn.transaction():
        await conn.execute("insert into parcel (sha256, total) values (%s, %s) on conflict do nothing", [sha256, total])
        found = await conn.execute(
            "select received, total, complete from parcel where sha256 = %s for update", [sha256]
        )
        row = await found.fetchone()
        there = Progress(*row) if row else Progress(0, total, complete=False)
        if there.complete:
            return there
        if there.total != total:
            raise WrongDigest("the parcel was begun with another length")
        if start > there.received:
            raise WrongOffset(there.received)
        fresh = chunk[there.received - start :]
        received = there.received + len(fresh)
        if fresh or not total:
            await conn.execute("insert into parcel_chunk values (%s, %s, %s)", [sha256, there.received, fresh])
        return await _note(conn, sha256, received, total)


async def _note(conn: AsyncConnection, sha256: str, received: int, total: int) -> Progress:
    complete = received == total
    if complete and hashlib.sha256(await content(conn, sha256)).hexdigest() != sha256:
        # The transaction is undone, but what came before it is spoiled too: begin again.
        raise WrongDigest("the bytes do not have this digest")
    await conn.execute("update parcel set received = %s, complete = %s where sha256 = %s", [received, complete, sha256])
    return Progress(received, total, complete)


async def forget(conn: AsyncConnection, sha256: str) -> None:
    """Removes an incomplete parcel, so that a damaged upload can begin again."""
    await conn.execute("delete from parcel where sha256 = %s and not complete", [sha256])


async def content(conn: AsyncConnection, sha256: str) -> bytes:
    """The bytes of a parcel."""
    rows = await conn.execute("select content from parcel_chunk where sha256 = %s order by start", [sha256])
    return b"".join([row[0] for row in await rows.fetchall()])
