"""The inbox: an envelope, its effect and its receipt in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from psycopg import AsyncConnection, DataError
from psycopg.sql import SQL

from hub import events, paper_copies
from hub.context import Hub
from hub.gaps import CHAIN_BROKEN, HELD
from hub.machine_keys import FRESH, Proof
from hub.work import OPEN_TASK, OPENED_KINDS
from kiosk.messages.encoding import BadSignature, InvalidMessage
from kiosk.messages.envelope import Submission, verify_header
from kiosk.messages.receipts import parse_receipt, receipt_bytes, sign_receipt, verify_receipt


class Received(NamedTuple):
    """``fresh`` is false for a repeat, whose receipt is the byte-identical first one while its key is good."""

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
    number_held: bytes | None
    """The receipt of another envelope that has this number."""
    paper: str | None
    """The digest of the envelope whose copy came back from paper before it."""
    chain: int
    """That of the store whose key signed it; each numbers on its own."""


_LOOKS = 5


class _ContradictsPaper(Exception):
    pass


def check_signature(sent: Submission, public_keys: Mapping[str, str]) -> str:
    """Which of a machine's keys (by suite) signed the envelope. Raises BadSignature when none did."""
    key = public_keys.get(sent.header.suite)
    if key is None:
        raise BadSignature(f"the machine is not enrolled with a key of suite {sent.header.suite}")
    verify_header(sent.header_bytes, sent.signature, key, sent.header.suite)
    return key


async def is_known(conn: AsyncConnection, sent: Submission) -> bool:
    """Whether exactly this envelope is here."""
    rows = await conn.execute("select 1 from envelope where key = %s and sha256 = %s", [sent.header.key, sent.digest])
    return await rows.fetchone() is not None


async def receive(
    hub: Hub,
    conn: AsyncConnection,
    sent: Submission,
    signed_by: str,
    *,
    proof: Proof | None = None,
    by_file: bool = False,
    knows: str = "",
) -> Received:
    """Takes in an envelope that this public key has signed; ``proof`` of the request that brought it, if one did.

    ``knows``: the id of the hub's key by which the machine checks the receipt.

    Raises OtherHeld, ParcelsMissing, WrongSize, NotFresh, InvalidMessage.
    """
    try:
        return await _receive(hub, conn, sent, signed_by, proof, by_file=by_file, knows=knows)
    except _ContradictsPaper:
        header, now = sent.header, hub.clock.now()
        said = {"key": header.key, "kiosk_id": header.kiosk_id, "seq": header.seq, "sha256": sent.digest}
        await events.record(conn, now, actor="hub", kind=paper_copies.CONTRADICTED, **said)
        raise OtherHeld("header.key", b"null") from None  # a paper copy has no receipt
    except DataError as error:
        # The bounds of the header's type should not let it come so far; if they do, this one is judged alone.
        raise InvalidMessage("header", "holds what the database cannot") from error
    except OtherHeld as error:
        await _hold(hub, conn, sent, signed_by, error.field)
        raise


async def _receive(
    hub: Hub,
    conn: AsyncConnection,
    sent: Submission,
    signed_by: str,
    proof: Proof | None,
    *,
    by_file: bool,
    knows: str,
) -> Received:
    for _ in range(_LOOKS):
        look = await _look(conn, sent, signed_by, proof if proof and not proof.is_taken else None)
        if look.held is not None:
            return await _repeat(hub, conn, sent, *look.held, knows=knows)
        if look.paper not in (None, sent.digest):
            raise _ContradictsPaper
        if look.number_held is not None:
            raise OtherHeld("header.seq", look.number_held)
        _check_parcels(sent, look.sizes)
        if receipt := await _commit_envelope(hub, conn, sent, look, by_file=by_file, knows=knows):
            return Received(fresh=True, receipt=receipt)
        # Something came in under this key or this number since the look: look again.
    raise RuntimeError("what is held under a key changes again and again")


async def _hold(hub: Hub, conn: AsyncConnection, sent: Submission, signed_by: str, field: str) -> None:
    """Keeps what contradicts the envelope that was here first, once: header and signature prove who said it."""
    header, now = sent.header, hub.clock.now()
    async with conn.transaction():
        fresh = await conn.execute(
            "insert into held_envelope select %s, %s, %s, %s, %s, %s, %s, %s, chain from kiosk_key "
            "where kiosk_id = %s and public_key = %s on conflict do nothing returning key",
            [
                *(sent.digest, header.kiosk_id, header.seq, header.key),
                *(sent.header_bytes, sent.signature, field, now),
                *(header.kiosk_id, signed_by),
            ],
        )
        if await fresh.fetchone():
            said = {"key": header.key, "kiosk_id": header.kiosk_id, "seq": header.seq, "sha256": sent.digest}
            await events.record(conn, now, actor="hub", kind=HELD, field=field, **said)


async def _repeat(
    hub: Hub, conn: AsyncConnection, sent: Submission, sha256: str, receipt: bytes, *, knows: str
) -> Received:
    if sha256 != sent.digest:
        raise OtherHeld("header.key", receipt)
    if _is_by_ended_key(hub, sent, receipt):
        receipt = await _signed_anew(hub, conn, sent, receipt, knows)
    return Received(fresh=False, receipt=receipt)


def _is_by_ended_key(hub: Hub, sent: Submission, receipt: bytes) -> bool:
    """Whether nobody can check it any more: the key that signed it was retired."""
    hub.keys.look_again()
    suite = sent.header.suite
    trusted = [*hub.keys.former_verify_keys(suite), hub.keys.verify_key(suite)]
    try:
        verify_receipt(parse_receipt(receipt), trusted, key=sent.header.key, sha256=sent.digest, suite=suite)
    except BadSignature:
        return True
    return False


async def _signed_anew(hub: Hub, conn: AsyncConnection, sent: Submission, receipt: bytes, knows: str) -> bytes:
    """The same receipt by a key that is good, which is the one that repeats from now on."""
    before = parse_receipt(receipt)
    fresh = _signed_receipt(hub, sent, before.hub_seq, before.received_at, knows)
    await conn.execute(
        "update envelope set receipt = %s where key = %s and receipt = %s", [fresh, sent.header.key, receipt]
    )
    rows = await conn.execute("select receipt from envelope where key = %s", [sent.header.key])
    row = await rows.fetchone()
    return bytes(row[0]) if row else fresh


async def _look(conn: AsyncConnection, sent: Submission, signed_by: str, proof: Proof | None) -> _Look:
    header = sent.header
    asked = {
        "key": header.key,
        "from": header.kiosk_id,
        "signed_by": signed_by,
        "seq": header.seq,
        "parcels": _parcels(sent),
        **(proof.values() if proof else {}),
    }
    rows = await conn.execute(_LOOK_ONCE if proof else _LOOK, asked)
    found = await rows.fetchone() or (None,) * 9
    is_fresh, sha256, receipt, sizes, neighbours, hub_seq, number_held, paper, chain = found
    if proof:
        proof.count(bool(is_fresh))
    held = (sha256, receipt) if sha256 and receipt else None
    return _Look(held, sizes or {}, neighbours or [], hub_seq or 0, number_held, paper, chain or 1)


def _parcels(sent: Submission) -> str:
    """The digests of its parts as PostgreSQL writes an array; hexadecimal digits need no quotes."""
    return f"{{{','.join(part.sha256 for part in sent.header.parts)}}}"


_SEEN = """with {}held as (select sha256, receipt from envelope where key = %(key)s),
    own as (select chain from kiosk_key where kiosk_id = %(from)s and public_key = %(signed_by)s)
    select {}, (select sha256 from held), (select receipt from held),
        (select jsonb_object_agg(sha256, total) from parcel where complete and sha256 = any(%(parcels)s)),
        (select jsonb_agg(jsonb_build_array(seq, sha256, prev_sha256)) from envelope
            where kiosk_id = %(from)s and chain = (select chain from own) and seq in (%(seq)s - 1, %(seq)s + 1)),
        case when exists (select from held) then 0 else nextval('hub_seq') end,
        (select receipt from envelope
            where kiosk_id = %(from)s and chain = (select chain from own) and seq = %(seq)s and key <> %(key)s),
        (select sha256 from paper_copy where key = %(key)s),
        (select chain from own)"""
_LOOK = SQL(_SEEN).format(SQL(""), True).as_bytes()
_LOOK_ONCE = SQL(_SEEN).format(SQL("{}, ").format(FRESH), SQL("exists (select from fresh)")).as_bytes()


def _check_parcels(sent: Submission, sizes: dict[str, int]) -> None:
    missing = [part.sha256 for part in sent.header.parts if part.sha256 not in sizes]
    if missing:
        raise ParcelsMissing(missing)
    for index, part in enumerate(sent.header.parts):
        if sizes[part.sha256] != part.bytes:
            raise WrongSize(f"header.parts[{index}].bytes")


def _signed_receipt(hub: Hub, sent: Submission, hub_seq: int, received_at: str, knows: str) -> bytes:
    suite = sent.header.suite
    signer = {"private_key": hub.keys.sign_private(suite, knows), "suite": suite}
    return receipt_bytes(sign_receipt(sent.header.key, sent.digest, hub_seq=hub_seq, received_at=received_at, **signer))


async def _commit_envelope(
    hub: Hub, conn: AsyncConnection, sent: Submission, look: _Look, *, by_file: bool, knows: str
) -> bytes | None:
    """The envelope, its effect and the work that follows in one statement, the receipt; None if one came before."""
    received_at = hub.stamp()
    receipt = _signed_receipt(hub, sent, look.hub_seq, received_at, knows)
    taken = await conn.execute(_TAKE_ENVELOPE, _values(sent, look, received_at, receipt, by_file=by_file))
    row = await taken.fetchone()
    return receipt if row and row[0] else None


_TAKE_ENVELOPE = f"select take_envelope({', '.join(['%s'] * 19)})".encode()


def _values(sent: Submission, look: _Look, received_at: str, receipt: bytes, *, by_file: bool) -> list[Any]:
    header = sent.header
    return [
        *(header.key, look.hub_seq, header.kiosk_id, header.seq, header.kind, header.case_id, sent.header_bytes),
        *(sent.signature, sent.digest, header.prev_sha256, received_at, receipt, by_file, look.paper),
        *(msgspec.json.encode(_events(sent, look)).decode(), header.kind == "case" and look.paper is None, look.chain),
        _parcels(sent),
        OPEN_TASK if header.kind in OPENED_KINDS and look.paper is None else None,
    ]


def _events(sent: Submission, look: _Look) -> list[dict[str, Any]]:
    """What the log says of it, in order: ``kind`` and the rest of its data."""
    header = sent.header
    said: list[dict[str, Any]] = [{"kind": "received", "what": header.kind, "seq": header.seq}]
    said += [{"kind": CHAIN_BROKEN, "seq": seq, "chain": look.chain} for seq in _broken_at(sent, look.neighbours)]
    if look.paper is not None:
        # The paper copy had the effect; what the paper could not hold (portrait, signature) is here now.
        said.append({"kind": paper_copies.ORIGINAL_ARRIVED})
    elif header.kind == "case":
        said.append({"kind": events.CASE_STATE, "state": "delivered", "note": ""})
    return said


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
