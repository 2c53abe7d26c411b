"""The inbox: an envelope, its effect and its receipt in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from psycopg import AsyncConnection

from hub import events, paper_copies
from hub.context import Hub
from hub.gaps import CHAIN_BROKEN, HELD
from hub.work import OPENED_KINDS, open_later
from kiosk.messages.encoding import BadSignature
from kiosk.messages.envelope import Submission, verify_header
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


class _Look(NamedTuple):
    """What the database knows before an envelope comes in, in one question."""

    held: tuple[str, bytes] | None
    sizes: dict[str, int]
    neighbours: list[tuple[int, str, str]]
    hub_seq: int
    paper: str | None
    """The digest of the envelope whose copy came back from paper before it."""


class _ContradictsPaper(Exception):
    pass


def check_signature(sent: Submission, public_keys: Mapping[str, str]) -> None:
    """Raises BadSignature unless the machine with these keys (by suite) signed the envelope."""
    key = public_keys.get(sent.header.suite)
    if key is None:
        raise BadSignature(f"the machine is not enrolled with a key of suite {sent.header.suite}")
    verify_header(sent.header_bytes, sent.signature, key, sent.header.suite)


async def receive(hub: Hub, conn: AsyncConnection, sent: Submission, *, by_file: bool = False) -> Received:
    """Takes in an envelope whose signature was verified. Raises OtherHeld, ParcelsMissing, WrongSize."""
    try:
        return await _receive(hub, conn, sent, by_file=by_file)
    except _ContradictsPaper:
        header, now = sent.header, hub.clock.now()
        said = {"key": header.key, "kiosk_id": header.kiosk_id, "seq": header.seq, "sha256": sent.digest}
        await events.record(conn, now, actor="hub", kind=paper_copies.CONTRADICTED, **said)
        raise OtherHeld("header.key", b"null") from None  # a paper copy has no receipt
    except OtherHeld as error:
        await _hold(hub, conn, sent, error.field)
        raise


async def _receive(hub: Hub, conn: AsyncConnection, sent: Submission, *, by_file: bool) -> Received:
    header = sent.header
    # In a pipeline, what needs no answer goes to the database together with what does.
    async with conn.pipeline(), conn.transaction():
        await paper_copies.one_at_a_time(conn, header.key)
        look = await _look(conn, sent)
        if look.held is not None:
            return _repeat(sent, *look.held)
        if look.paper not in (None, sent.digest):
            raise _ContradictsPaper
        _check_parcels(sent, look.sizes)
        receipt = await _insert(hub, conn, sent, look.hub_seq, by_file=by_file)
        if receipt is None:
            raise OtherHeld("header.seq", await _receipt_of_number(conn, header.kiosk_id, header.seq))
        broken = _broken_at(sent, look.neighbours)
        await _effect(hub, conn, sent, broken_at=broken, restored=look.paper is not None)
    return Received(fresh=True, receipt=receipt)


async def _hold(hub: Hub, conn: AsyncConnection, sent: Submission, field: str) -> None:
    """Keeps what contradicts the envelope that was here first, once: header and signature prove who said it."""
    header, now = sent.header, hub.clock.now()
    async with conn.transaction():
        fresh = await conn.execute(
            "insert into held_envelope values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning key",
            [
                *(sent.digest, header.kiosk_id, header.seq, header.key),
                *(sent.header_bytes, sent.signature, field, now),
            ],
        )
        if await fresh.fetchone():
            said = {"key": header.key, "kiosk_id": header.kiosk_id, "seq": header.seq, "sha256": sent.digest}
            await events.record(conn, now, actor="hub", kind=HELD, field=field, **said)


def _repeat(sent: Submission, sha256: str, receipt: bytes) -> Received:
    if sha256 != sent.digest:
        raise OtherHeld("header.key", receipt)
    return Received(fresh=False, receipt=receipt)


async def _receipt_of_number(conn: AsyncConnection, kiosk_id: str, seq: int) -> bytes:
    rows = await conn.execute("select receipt from envelope where kiosk_id = %s and seq = %s", [kiosk_id, seq])
    ((receipt,),) = await rows.fetchall()
    return receipt


async def _look(conn: AsyncConnection, sent: Submission) -> _Look:
    header = sent.header
    rows = await conn.execute(
        """with held as (select sha256, receipt from envelope where key = %s)
           select (select sha256 from held), (select receipt from held),
               (select jsonb_object_agg(sha256, total) from parcel where complete and sha256 = any(%s)),
               (select jsonb_agg(jsonb_build_array(seq, sha256, prev_sha256)) from envelope
                where kiosk_id = %s and seq in (%s, %s)),
               case when exists (select from held) then 0 else nextval('hub_seq') end,
               (select sha256 from paper_copy where key = %s)""",
        [
            *(header.key, [part.sha256 for part in header.parts]),
            *(header.kiosk_id, header.seq - 1, header.seq + 1, header.key),
        ],
    )
    sha256, receipt, sizes, neighbours, hub_seq, paper = await rows.fetchone() or (None,) * 6
    return _Look((sha256, receipt) if sha256 and receipt else None, sizes or {}, neighbours or [], hub_seq or 0, paper)


def _check_parcels(sent: Submission, sizes: dict[str, int]) -> None:
    missing = [part.sha256 for part in sent.header.parts if part.sha256 not in sizes]
    if missing:
        raise ParcelsMissing(missing)
    for index, part in enumerate(sent.header.parts):
        if sizes[part.sha256] != part.bytes:
            raise WrongSize(f"header.parts[{index}].bytes")


async def _insert(hub: Hub, conn: AsyncConnection, sent: Submission, hub_seq: int, *, by_file: bool) -> bytes | None:
    header = sent.header
    received_at = hub.stamp()
    signer = {"private_key": hub.keys.sign_private(header.suite), "suite": header.suite}
    signed = sign_receipt(header.key, sent.digest, hub_seq=hub_seq, received_at=received_at, **signer)
    receipt = receipt_bytes(signed)
    rows = await conn.execute(
        """insert into envelope (key, hub_seq, kiosk_id, seq, kind, case_id, header, signature, sha256, prev_sha256,
               received_at, receipt, by_file)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning key""",
        [
            *(header.key, hub_seq, header.kiosk_id, header.seq, header.kind, header.case_id, sent.header_bytes),
            *(sent.signature, sent.digest, header.prev_sha256, received_at, receipt, by_file),
        ],
    )
    return receipt if await rows.fetchone() else None


async def _effect(hub: Hub, conn: AsyncConnection, sent: Submission, *, broken_at: list[int], restored: bool) -> None:
    header, now = sent.header, hub.clock.now()
    said = {"actor": "hub", "key": header.key, "kiosk_id": header.kiosk_id}
    await events.record(conn, now, kind="received", what=header.kind, seq=header.seq, **said)
    for seq in broken_at:
        await events.record(conn, now, kind=CHAIN_BROKEN, seq=seq, **said)
    if restored:
        # The paper copy had the effect; what the paper could not hold (portrait, signature) is here now.
        await events.record(conn, now, kind=paper_copies.ORIGINAL_ARRIVED, **said)
        return
    if header.kind == "case":
        await conn.execute("insert into case_file (key, state) values (%s, 'delivered')", [header.key])
        await events.record(conn, now, kind=events.CASE_STATE, state="delivered", note="", **said)
    if header.kind in OPENED_KINDS:
        await open_later(hub.jobs, conn, header.key)


def _broken_at(sent: Submission, neighbours: list[tuple[int, str, str]]) -> list[int]:
    """The numbers that do not follow the one before them, as far as those neighbours are already here."""
    header = sent.header
    links = []
    for seq, sha256, prev_sha256 in neighbours:
        if seq < header.seq:
            links.append((header.seq, header.prev_sha256, sha256))
        else:
            links.append((seq, prev_sha256, sent.digest))
    return [seq for seq, named, found in links if named != found]
