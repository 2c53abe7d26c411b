"""The inbox: an envelope, its effect and its receipt in one transaction."""

from __future__ import annotations

from typing import NamedTuple

from psycopg import AsyncConnection

from hub import events, parcels
from hub.context import Hub
from hub.work import OPENED_KINDS, open_later
from kiosk.messages.envelope import Submission
from kiosk.messages.receipts import receipt_bytes, sign_receipt


class Received(NamedTuple):
    """``fresh`` is false for a repeat, whose receipt is the byte-identical first one."""

    fresh: bool
    receipt: bytes


class OtherHeld(Exception):
    """Another envelope has this key or this number; ``receipt`` is the held one's."""

    def __init__(self, field: str, receipt: bytes) -> None:
        super().__init__(field)
        self.field = field
        self.receipt = receipt


class ParcelsMissing(Exception):
    """Parcels that must come first."""

    def __init__(self, digests: list[str]) -> None:
        super().__init__(f"{len(digests)} parcels are missing")
        self.digests = digests


class WrongSize(Exception):
    """A part's length is not that of its parcel; ``field`` names it."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


async def receive(hub: Hub, conn: AsyncConnection, sent: Submission) -> Received:
    """Takes in an envelope whose signature was verified. Raises OtherHeld, ParcelsMissing, WrongSize."""
    async with conn.transaction():
        held = await _held(conn, sent)
        if held is not None:
            return Received(fresh=False, receipt=held)
        await _check_parcels(conn, sent)
        receipt = await _insert(hub, conn, sent)
        if receipt is not None:
            await _effect(hub, conn, sent)
            return Received(fresh=True, receipt=receipt)
        # Another connection brought it a moment ago: the insert has waited for that commit.
        held = await _held(conn, sent)
    if held is None:
        raise OtherHeld("header.seq", await _receipt_of_number(conn, sent))
    return Received(fresh=False, receipt=held)


async def _held(conn: AsyncConnection, sent: Submission) -> bytes | None:
    rows = await conn.execute("select sha256, receipt from envelope where key = %s", [sent.header.key])
    row = await rows.fetchone()
    if row is None:
        return None
    if row[0] != sent.digest:
        raise OtherHeld("header.key", row[1])
    return row[1]


async def _receipt_of_number(conn: AsyncConnection, sent: Submission) -> bytes:
    rows = await conn.execute(
        "select receipt from envelope where kiosk_id = %s and seq = %s", [sent.header.kiosk_id, sent.header.seq]
    )
    row = await rows.fetchone()
    return row[0] if row else b"null"


async def _check_parcels(conn: AsyncConnection, sent: Submission) -> None:
    sizes = await parcels.complete_sizes(conn, [part.sha256 for part in sent.header.parts])
    missing = [part.sha256 for part in sent.header.parts if part.sha256 not in sizes]
    if missing:
        raise ParcelsMissing(missing)
    for index, part in enumerate(sent.header.parts):
        if sizes[part.sha256] != part.bytes:
            raise WrongSize(f"header.parts[{index}].bytes")


async def _insert(hub: Hub, conn: AsyncConnection, sent: Submission) -> bytes | None:
    header = sent.header
    row = await (await conn.execute("select nextval('hub_seq')")).fetchone()
    hub_seq = row[0] if row else 0
    received_at = hub.stamp()
    receipt = receipt_bytes(
        sign_receipt(
            header.key,
            sent.digest,
            hub_seq=hub_seq,
            received_at=received_at,
            private_key=hub.keys.sign_private,
            suite=header.suite,
        )
    )
    rows = await conn.execute(
        """insert into envelope (key, hub_seq, kiosk_id, seq, kind, case_id, header, signature, sha256, received_at,
           receipt) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning key""",
        [
            *(header.key, hub_seq, header.kiosk_id, header.seq, header.kind, header.case_id, sent.header_bytes),
            *(sent.signature, sent.digest, received_at, receipt),
        ],
    )
    return receipt if await rows.fetchone() else None


async def _effect(hub: Hub, conn: AsyncConnection, sent: Submission) -> None:
    header, now = sent.header, hub.clock.now()
    said = {"actor": "hub", "key": header.key, "kiosk_id": header.kiosk_id}
    await events.record(conn, now, kind="received", what=header.kind, seq=header.seq, **said)
    if not await _follows(conn, sent):
        await events.record(conn, now, kind="chain_broken", seq=header.seq, **said)
    if header.kind == "case":
        await conn.execute("insert into case_file (key, state) values (%s, 'delivered')", [header.key])
        await events.record(conn, now, kind=events.CASE_STATE, state="delivered", note="", **said)
    if header.kind in OPENED_KINDS:
        await open_later(hub.jobs, conn, header.key)


async def _follows(conn: AsyncConnection, sent: Submission) -> bool:
    """Whether the chain agrees with those neighbours that are already here."""
    header = sent.header
    rows = await conn.execute(
        "select seq, sha256, convert_from(header, 'UTF8')::jsonb->>'prev_sha256' from envelope "
        "where kiosk_id = %s and seq in (%s, %s)",
        [header.kiosk_id, header.seq - 1, header.seq + 1],
    )
    for seq, sha256, prev_sha256 in await rows.fetchall():
        if seq < header.seq and sha256 != header.prev_sha256:
            return False
        if seq > header.seq and prev_sha256 != sent.digest:
            return False
    return True
