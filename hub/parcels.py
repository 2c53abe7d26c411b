"""Sealed parts, stored by digest. What comes in chunks is its sender's own upload until it is whole and right.

What no envelope has named yet counts against the machine that brought it, and goes after a day: a machine whose
envelope then misses it is told so and sends it again.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.sql import SQL

from hub.machine_keys import FRESH, Proof

QUOTA_BYTES = 256 * 1024 * 1024
"""What one machine may have here that no envelope names: uploads by their full length, each as 4 KB at least."""
_LEAST_BYTES = 4096


class WrongOffset(Exception):
    """The chunk begins after what is there; ``offset`` is where to go on."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"go on at {offset}")
        self.offset = offset


class WrongDigest(Exception):
    """The bytes are not those that the digest names."""


class QuotaReached(Exception):
    """The machine has brought too much that no envelope names."""


class Progress(NamedTuple):
    """How much of a parcel is there."""

    received: int
    total: int
    complete: bool


async def progress(conn: AsyncConnection, kiosk_id: str, sha256: str) -> Progress | None:
    """What is there of a parcel for this machine: the whole, its own upload, or None."""
    asked = {"sha256": sha256, "kiosk_id": kiosk_id}
    rows = await conn.execute(
        "select total, total, true from parcel where complete and sha256 = %(sha256)s union all "
        "select received, total, false from upload where kiosk_id = %(kiosk_id)s and sha256 = %(sha256)s limit 1",
        asked,
    )
    row = await rows.fetchone()
    return Progress(*row) if row else None


_ROOM = SQL("""room as (
    select %(length)s + coalesce(sum(greatest(bytes, {least})), 0) <= {quota} as is_left from (
        select bytes from unclaimed_parcel where kiosk_id = %(kiosk_id)s
        union all select total from upload where kiosk_id = %(kiosk_id)s and sha256 <> %(sha256)s) waiting)""").format(
    least=_LEAST_BYTES, quota=QUOTA_BYTES
)
_KEEP = """with {}, {}, made as (
        insert into parcel (sha256, total, received, complete)
        select %(sha256)s, %(length)s, %(length)s, true from fresh, room where is_left
        on conflict do nothing returning sha256
    ), kept as (insert into parcel_chunk select sha256, 0, %(content)s from made),
    counted as (insert into unclaimed_parcel select sha256, %(kiosk_id)s, %(length)s from made),
    done as (delete from upload using made where kiosk_id = %(kiosk_id)s and upload.sha256 = made.sha256)
    select exists (select from fresh), exists (select from made),
        exists (select from parcel where sha256 = %(sha256)s and complete)"""
_KEEP_ONCE = SQL(_KEEP).format(FRESH, _ROOM).as_bytes()
_KEEP_NOW = SQL(_KEEP).format(SQL("fresh as (select 1)"), _ROOM).as_bytes()


async def put_whole(conn: AsyncConnection, kiosk_id: str, sha256: str, content: bytes, proof: Proof | None) -> bool:
    """Adds a parcel that came in one piece, in one statement with its request's proof: whether it is new.

    Raises WrongDigest, QuotaReached, NotFresh.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WrongDigest("the bytes do not have this digest")
    whole = {"kiosk_id": kiosk_id, "sha256": sha256, "length": len(content), "content": content}
    proved = proof is not None and not proof.is_taken
    values = {**whole, **proof.values()} if proof and proved else whole
    rows = await conn.execute(_KEEP_ONCE if proved else _KEEP_NOW, values)
    is_fresh, new, there = await rows.fetchone() or (False, False, False)
    if proof and proved:
        proof.count(is_fresh)
    if not new and not there:
        raise QuotaReached
    return new


_BEGIN = (
    SQL("""with {} insert into upload (kiosk_id, sha256, total)
    select %(kiosk_id)s, %(sha256)s, %(length)s from room where is_left on conflict do nothing""")
    .format(_ROOM)
    .as_bytes()
)


async def put_chunk(
    conn: AsyncConnection, kiosk_id: str, sha256: str, start: int, chunk: bytes, total: int
) -> Progress:
    """Adds a chunk to the machine's upload in one transaction; a repeated one changes nothing.

    Raises WrongOffset, WrongDigest, QuotaReached.
    """
    if (whole := await progress(conn, kiosk_id, sha256)) and whole.complete:
        return whole
    place = {"kiosk_id": kiosk_id, "sha256": sha256}
    async with conn.transaction():
        await conn.execute(_BEGIN, {**place, "length": total})
        rows = await conn.execute(
            "select received, total from upload where kiosk_id = %(kiosk_id)s and sha256 = %(sha256)s for update", place
        )
        row = await rows.fetchone()
        if row is None:
            raise QuotaReached
        received, begun = row
        if begun != total:
            raise WrongDigest("the parcel was begun with another length")
        if start > received:
            raise WrongOffset(received)
        if fresh := chunk[received - start :]:
            await conn.execute(
                "insert into upload_chunk values (%(kiosk_id)s, %(sha256)s, %(start)s, %(content)s)",
                {**place, "start": received, "content": fresh},
            )
        await conn.execute(
            "update upload set received = %(received)s, at = now() "
            "where kiosk_id = %(kiosk_id)s and sha256 = %(sha256)s",
            {**place, "received": received + len(fresh)},
        )
        if received + len(fresh) == total:
            await _finish(conn, kiosk_id, sha256, total)
    return Progress(received + len(fresh), total, complete=received + len(fresh) == total)


async def _finish(conn: AsyncConnection, kiosk_id: str, sha256: str, total: int) -> None:
    digest = hashlib.sha256()
    asked = {"kiosk_id": kiosk_id, "sha256": sha256, "length": total}
    chunks = "from upload_chunk where kiosk_id = %(kiosk_id)s and sha256 = %(sha256)s order by start"
    async with conn.cursor() as cursor:
        async for (content,) in cursor.stream(f"select content {chunks}".encode(), asked):
            digest.update(content)
    if digest.hexdigest() != sha256:
        # The transaction is undone, but what came before it is spoiled too: begin again.
        raise WrongDigest("the bytes do not have this digest")
    made = await conn.execute(
        "insert into parcel values (%(sha256)s, %(length)s, %(length)s, true) on conflict do nothing returning sha256",
        asked,
    )
    if await made.fetchone():
        await conn.execute(f"insert into parcel_chunk select sha256, start, content {chunks}".encode(), asked)
        await conn.execute("insert into unclaimed_parcel values (%(sha256)s, %(kiosk_id)s, %(length)s)", asked)
    await forget(conn, kiosk_id, sha256)


async def forget(conn: AsyncConnection, kiosk_id: str, sha256: str) -> None:
    """Removes a machine's upload, so that a damaged one can begin again."""
    await conn.execute("delete from upload where kiosk_id = %s and sha256 = %s", [kiosk_id, sha256])


async def collect_orphans(conn: AsyncConnection) -> int:
    """Removes what nobody went on with for a day, and what no envelope named; how many."""
    uploads = await conn.execute("delete from upload where at < now() - interval '1 day'")
    # Who takes an envelope in holds these rows (take_envelope): whichever comes first wins, and the other sees it.
    parcels = await conn.execute(
        "with gone as (delete from unclaimed_parcel where at < now() - interval '1 day' returning sha256) "
        "delete from parcel using gone where parcel.sha256 = gone.sha256"
    )
    return uploads.rowcount + parcels.rowcount


async def content(conn: AsyncConnection, sha256: str) -> bytes:
    """The bytes of a parcel."""
    rows = await conn.execute("select content from parcel_chunk where sha256 = %s order by start", [sha256])
    return b"".join([row[0] for row in await rows.fetchall()])
