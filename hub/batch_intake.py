"""Envelopes that come in a batch file: each judged on its own, in the same transaction and with the same receipt."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from psycopg import AsyncConnection

from hub import inbox, parcels
from hub.context import Hub
from hub.ended_keys import NO_LEAVE, UNSIGNED, Leave, note_taken, signer_of
from hub.machine_keys import MachineKey, hub_key_of, keys_of
from kiosk.clock import from_rfc3339
from kiosk.messages.batch import TROUBLES_TOLD, Member, read_batch
from kiosk.messages.encoding import BadSignature, InvalidMessage, sha256_hex
from kiosk.messages.envelope import PARCEL_BYTES, Submission, parse
from kiosk.messages.foreign import shown
from kiosk.messages.receipts import refusal_bytes, sign_refusal

Result = Literal["accepted", "known", "rejected"]
Source = Path | BinaryIO
UNSIGNED_TOLD = 100
UNSIGNED_JUDGED = 1000
_REASON_CHARACTERS = 300


class Judged(NamedTuple):
    """One envelope's end. ``answer`` goes back to its machine: a receipt, a refusal, or nothing to an unknown one."""

    result: Result
    reason: str
    kiosk_id: str
    seq: int
    key: str
    answer: Member | None


class TakenIn(NamedTuple):
    """What became of a batch. ``trouble`` is what could not be read or was not believed, in words."""

    judged: list[Judged]
    trouble: list[str]

    @property
    def is_whole(self) -> bool:
        return not self.trouble and all(each.result != "rejected" for each in self.judged)


class _Stopped(Exception):
    """Nobody waits for what this thread reads any more."""


async def take_in_batch(hub: Hub, source: Source, leave: Leave = NO_LEAVE) -> TakenIn:
    """Takes in a batch file: first what was signed, then only the parcels that it names, then each envelope.

    A batch that came over HTTPS counts as by file too: another machine brings it, its own may be away for long. With a
    supervisor's ``leave`` it may be signed by keys that have ended.
    Canceled, it ends soon, whatever it reads. Raises Refused for a path that is no file, OSError when the disk fails
    and psycopg.Error when the database does: then it can be taken in again.
    """
    stopped = threading.Event()

    def pause() -> None:
        if stopped.is_set():
            raise _Stopped

    try:
        return await _take_in_members(hub, source, leave, pause)
    finally:
        stopped.set()


async def _take_in_members(hub: Hub, source: Source, leave: Leave, pause: Callable[[], None]) -> TakenIn:
    trouble: list[str] = []
    found = await asyncio.to_thread(_envelopes, source, trouble, pause)
    judged: list[Judged] = []
    async with hub.pool.connection() as conn:
        signed = await _signers(hub, conn, found, judged, leave)
    if len(signed) < len(found):
        trouble.append(f"more than {UNSIGNED_JUDGED} envelopes are {UNSIGNED}; what follows was not judged")
    sent = [each for each in found if signed.get(each.digest)]
    wanted = {part.sha256: each.header.kiosk_id for each in sent for part in each.header.parts}
    # A file may be read for a minute: meanwhile it has no connection, of which all machines together have a few.
    async for content in _parcels(source, set(wanted), pause):
        digest = sha256_hex(content)
        # Without its parcels an envelope is refused, and comes again.
        with contextlib.suppress(parcels.QuotaReached):
            async with hub.pool.connection() as conn:
                await parcels.put_whole(conn, wanted[digest], digest, content, None)
    async with hub.pool.connection() as conn:
        for each in sorted(sent, key=lambda each: (each.header.kiosk_id, each.header.seq)):
            judged.append(await _receive(hub, conn, each, signed[each.digest]))
    return TakenIn(_without_many_unsigned(judged, trouble), trouble)


def _without_many_unsigned(judged: list[Judged], trouble: list[str]) -> list[Judged]:
    """Anybody can write thousands of them: a few are told one by one."""
    unsigned = [each for each in judged if each.reason == UNSIGNED]
    if len(unsigned) <= UNSIGNED_TOLD:
        return judged
    trouble.append(f"{len(unsigned) - UNSIGNED_TOLD} more envelopes are {UNSIGNED}")
    return unsigned[:UNSIGNED_TOLD] + [each for each in judged if each.reason != UNSIGNED]


def _envelopes(source: Source, trouble: list[str], pause: Callable[[], None]) -> list[Submission]:
    found: dict[str, Submission] = {}
    empty = True
    unreadable = 0
    for member in read_batch(source, trouble.append, pause):
        empty = False
        if member.kind != "envelopes":
            continue
        try:
            sent = parse(member.content)
            found[sent.digest] = sent
        except InvalidMessage as error:
            unreadable += 1
            if unreadable <= TROUBLES_TOLD:
                trouble.append(shown(f"{shown(member.name)}: {error}", _REASON_CHARACTERS))
    if unreadable > TROUBLES_TOLD:
        trouble.append(f"{unreadable - TROUBLES_TOLD} more are no envelopes")
    if empty and not trouble:
        trouble.append("nothing is in it")
    return list(found.values())


async def _signers(
    hub: Hub, conn: AsyncConnection, found: list[Submission], judged: list[Judged], leave: Leave
) -> dict[str, str]:
    """The signers by digest. A file full of what nobody signed is not judged to its end: the others' files wait."""
    keys: dict[str, list[MachineKey]] = {}
    signed: dict[str, str] = {}
    unsigned = 0
    for each in found:
        kiosk_id, told = each.header.kiosk_id, len(judged)
        if kiosk_id not in keys:
            keys[kiosk_id] = await keys_of(conn, kiosk_id)
        signed[each.digest] = await _signer(hub, conn, each, judged, leave, keys[kiosk_id])
        unsigned += any(one.reason == UNSIGNED for one in judged[told:])
        if unsigned > UNSIGNED_JUDGED:
            break
        await asyncio.sleep(0)
    return signed


async def _signer(
    hub: Hub, conn: AsyncConnection, sent: Submission, judged: list[Judged], leave: Leave, keys: Sequence[MachineKey]
) -> str:
    """The public key that signed an envelope which is to be taken in; empty for one that was judged already."""
    header, now = sent.header, hub.clock.now()
    written_at = from_rfc3339(header.created_at)
    who = {"written_at": written_at, "now": now, "leave": leave}
    found = signer_of(keys, header.kiosk_id, lambda key: _signed_by(sent, key), **who)
    reason = found.refusal
    if found.key and reason and await inbox.is_known(conn, sent):
        reason = ""  # It came while its key was good; this is a second copy, and its receipt is there.
    if not reason and any(part.bytes > PARCEL_BYTES for part in header.parts):
        reason = f"a parcel has at most {PARCEL_BYTES} bytes"
    if reason or found.key is None:
        judged.append(Judged("rejected", reason, header.kiosk_id, header.seq, header.key, None))
        return ""
    if found.by_leave:
        await note_taken(conn, now, leave, header.kiosk_id, [header.key])
    return found.key.public_key


def _signed_by(sent: Submission, key: MachineKey) -> bool:
    try:
        inbox.check_signature(sent, {key.suite: key.public_key})
    except BadSignature:
        return False
    return True


async def _parcels(source: Source, wanted: set[str], pause: Callable[[], None]) -> AsyncIterator[bytes]:
    """The parcels in the file that are wanted, one at a time: together they may be large."""
    members = _wanted(source, wanted, pause)
    while (content := await asyncio.to_thread(next, members, None)) is not None:
        yield content


def _wanted(source: Source, wanted: Iterable[str], pause: Callable[[], None]) -> Iterator[bytes]:
    left = set(wanted)
    # Without this a batch whose parcels are known, or of nobody, would be read for nothing.
    if not left:
        return
    for member in read_batch(source, lambda _: None, pause):
        digest = sha256_hex(member.content) if member.kind == "parcels" else ""
        if digest in left:
            left.remove(digest)
            yield member.content
            if not left:
                return


async def _receive(hub: Hub, conn: AsyncConnection, sent: Submission, signed_by: str) -> Judged:
    header = sent.header
    place = header.kiosk_id, header.seq, header.key
    knows = await hub_key_of(conn, header.kiosk_id)
    try:
        received = await inbox.receive(hub, conn, sent, signed_by, by_file=True, knows=knows)
    except inbox.OtherHeld as error:
        return _refused(hub, sent, knows, 409, f"another envelope is held ({error.field})")
    except inbox.ParcelsMissing as error:
        return _refused(hub, sent, knows, 424, str(error))
    except inbox.WrongSize as error:
        return _refused(hub, sent, knows, 422, f"not the parcel's length ({error.field})")
    except InvalidMessage as error:
        return _refused(hub, sent, knows, 422, str(error))
    answer = Member("receipts", f"{header.key}.json", received.receipt)
    return Judged("accepted" if received.fresh else "known", "", *place, answer)


def _refused(hub: Hub, sent: Submission, knows: str, status: Literal[409, 422, 424], reason: str) -> Judged:
    header = sent.header
    signer = {"private_key": hub.keys.sign_private(header.suite, knows), "suite": header.suite}
    refusal = sign_refusal(header.key, sent.digest, status=status, reason=reason, **signer)
    answer = Member("refusals", f"{header.key}.json", refusal_bytes(refusal))
    return Judged("rejected", reason, header.kiosk_id, header.seq, header.key, answer)
