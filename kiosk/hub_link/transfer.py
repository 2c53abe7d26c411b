"""Envelopes in a file, for a machine that will never come back online: written out, and taken in again elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import msgspec
import trio

from kiosk.hub_link.files import read_answers
from kiosk.hub_link.http import LONG_ANSWER_BYTES, HubHttp, NoAnswer
from kiosk.messages import foreign
from kiosk.messages.batch import (
    TROUBLES_TOLD,
    BatchAnswer,
    BatchResult,
    Member,
    batch_name,
    keys_below,
    members_of,
    own_place,
    pack,
    read_batch,
    write_batch,
    write_below,
)
from kiosk.messages.encoding import BadSignature, InvalidMessage, decode, sha256_hex
from kiosk.messages.envelope import Submission, parse, parse_header, wire
from kiosk.messages.foreign import OpenFolder, shown
from kiosk.messages.receipts import Receipt, parse_receipt, verify_answer, verify_receipt
from offline_cache.errors import StoreError
from offline_cache.outbox import Kept, Outbox

_CHUNK_BYTES = 16 * 1024 * 1024
HELD_BYTES = 256 * 1024 * 1024
"""Parcels of envelopes that are not yet complete, held in memory."""


class Line(NamedTuple):
    """One envelope's end, for a table."""

    kiosk_id: str
    seq: int | None
    key: str
    result: Literal["accepted", "already known", "rejected"]
    reason: str = ""


class Whole(NamedTuple):
    """An envelope from a file with its parcels by digest; ``missing`` names parts that are not in the file."""

    sent: Submission
    parcels: dict[str, bytes]
    missing: list[str]

    @property
    def bytes(self) -> int:
        return sum(map(len, self.parcels.values()))

    @property
    def members(self) -> Iterator[Member]:
        body = wire(self.sent.header_bytes, self.sent.signature)
        return members_of(body, self.sent.header.key, self.parcels.items())

    def line(self, result: Literal["accepted", "already known", "rejected"], reason: str = "") -> Line:
        header = self.sent.header
        return Line(header.kiosk_id, header.seq, header.key, result, reason)


def exit_code(lines: list[Line], trouble: list[str]) -> int:
    """0: all · 3: partly · 1: none, although there was something."""
    good = sum(line.result != "rejected" for line in lines)
    if good == len(lines) and not trouble:
        return 0
    return 3 if good else 1


# -- out --------------------------------------------------------------------------------------------------------------


def export(outbox: Outbox, path: Path) -> list[Line]:
    """Writes every envelope without a receipt into one file, from a store that is only looked at.

    What the disk has damaged is left out and named. Raises Refused when something is at the path, OSError, StoreError
    when the store cannot be read at all.
    """
    # Also when nothing waits: nobody shall take what lies there for what this store has.
    foreign.require_free(path)
    lines: list[Line] = []
    waiting = outbox.undelivered()
    keys = {row.seq: row.key for row in outbox.rows()}

    def members() -> Iterator[Member]:
        for seq in waiting:
            try:
                whole = _whole(outbox.kept(seq))
            except (StoreError, InvalidMessage, msgspec.DecodeError) as error:
                lines.append(Line("", seq, keys.get(seq, ""), "rejected", f"damaged on the disk: {error}"))
                continue
            lines.append(whole.line("accepted"))
            yield from whole.members

    if waiting:
        write_batch(path, members())
    return lines


def _whole(kept: Kept) -> Whole:
    header = parse_header(msgspec.json.decode(kept.header))
    return Whole(Submission(header, kept.header, kept.signature), kept.parcels, [])


# -- in ---------------------------------------------------------------------------------------------------------------


def envelopes_in(source: Path | BinaryIO, trouble: list[str]) -> Iterator[Whole]:
    """The envelopes of a file, each as soon as its parcels are there, the incomplete ones last.

    Raises Refused, OSError.
    """
    open_: dict[str, Whole] = {}
    unreadable = 0
    for member in read_batch(source, trouble.append):
        if member.kind != "envelopes":
            continue
        try:
            sent = parse(member.content)
            open_[sent.digest] = Whole(sent, {}, [])
        except InvalidMessage as error:
            unreadable += 1
            if unreadable <= TROUBLES_TOLD:
                trouble.append(shown(f"{shown(member.name)}: {error}", 300))
    if unreadable > TROUBLES_TOLD:
        trouble.append(f"{unreadable - TROUBLES_TOLD} more are no envelopes")
    wanted: dict[str, list[Whole]] = {}
    for whole in open_.values():
        for part in whole.sent.header.parts:
            wanted.setdefault(part.sha256, []).append(whole)
    held_bytes = 0
    for member in read_batch(source, lambda _: None):
        name = sha256_hex(member.content) if member.kind == "parcels" else ""
        for whole in wanted.pop(name, []):
            held_bytes += len(member.content)
            whole.parcels[name] = member.content
            if _is_complete(whole):
                held_bytes -= whole.bytes
                yield open_.pop(whole.sent.digest)
        if held_bytes > HELD_BYTES:
            trouble.append(f"more than {HELD_BYTES // 2**20} MB of parts lie far from their envelopes")
            break
    for whole in open_.values():
        missing = [part.name for part in whole.sent.header.parts if part.sha256 not in whole.parcels]
        yield whole._replace(missing=missing)


def _is_complete(whole: Whole) -> bool:
    return all(part.sha256 in whole.parcels for part in whole.sent.header.parts)


def take_answers(
    outbox: Outbox, source: Path | BinaryIO, verify_key: str | Sequence[str], suite: str, trouble: list[str]
) -> list[Line]:
    """Receipts and refusals from a file into this machine's own store. Raises Refused, OSError, StoreError."""
    lines: list[Line] = []
    others = 0
    arrived = read_answers(source)
    trouble += arrived.trouble
    for reply in arrived.replies:
        proof = outbox.proof(reply.said.key)
        if proof is None:
            others += 1
            if others <= TROUBLES_TOLD:
                lines.append(Line("", None, reply.said.key, "rejected", "an answer to another machine"))
            continue
        try:
            verify_answer(reply.said, verify_key, key=proof.key, sha256=proof.sha256, suite=suite)
        except BadSignature as error:
            lines.append(Line("", proof.seq, proof.key, "rejected", str(error)))
            continue
        if proof.state == "delivered":
            lines.append(Line("", proof.seq, proof.key, "already known", "delivered"))
        elif isinstance(reply.said, Receipt):
            outbox.delivered(proof.seq, reply.content)
            lines.append(Line("", proof.seq, proof.key, "accepted", "delivered"))
        else:
            if reply.said.status != 424:
                outbox.hold(proof.seq, f"{reply.said.status} {reply.said.reason}")
            lines.append(Line("", proof.seq, proof.key, "accepted", f"refused: {reply.said.reason}"))
    if others > TROUBLES_TOLD:
        trouble.append(f"{others - TROUBLES_TOLD} more are answers to another machine")
    return lines


def own_line(outbox: Outbox, whole: Whole) -> Line | None:
    """What this store says to an envelope that it has filed itself: it needs no import. None for any other."""
    proof = outbox.proof(whole.sent.header.key)
    if proof is None:
        return None
    if proof.sha256 != whole.sent.digest:
        return whole.line("rejected", "not what this machine has filed under this key")
    return whole.line("already known", proof.state)


class Forward(NamedTuple):
    """How envelopes of another store go on, unchanged and as that machine's: to the hub, or into a folder."""

    send: Callable[[list[Whole]], list[Line]]
    room: int = _CHUNK_BYTES

    def all(self, envelopes: Iterator[Whole]) -> Iterator[Line]:
        """Each envelope's end; those that go together are sent together."""
        chunk: list[Whole] = []
        for whole in envelopes:
            if whole.missing:
                yield whole.line("rejected", f"damaged or missing in the file: {', '.join(whole.missing)}")
                continue
            if chunk and sum(each.bytes for each in chunk) + whole.bytes > self.room:
                yield from self.send(chunk)
                chunk = []
            chunk.append(whole)
        if chunk:
            yield from self.send(chunk)


def into_folder(folder: Path, chunk: list[Whole]) -> list[Line]:
    """Into ``out/`` of the file carrier, under the name of the machine that filed them."""
    machines: dict[str, list[Whole]] = {}
    for whole in chunk:
        machines.setdefault(whole.sent.header.kiosk_id, []).append(whole)
    folder.mkdir(parents=True, exist_ok=True)
    with OpenFolder.at(folder) as exchange, exchange.below("out", make_mode=0o777) as out:
        for kiosk_id, theirs in machines.items():
            _into(out, kiosk_id, theirs)
    return [whole.line("accepted", "in the folder for the hub") for whole in chunk]


def _into(out: OpenFolder, kiosk_id: str, theirs: list[Whole]) -> None:
    numbers = [whole.sent.header.seq for whole in theirs]
    batches = [(batch_name(kiosk_id, min(numbers), max(numbers)), theirs)]
    if out.identity(batches[0][0]) is not None:
        keys_in = partial(keys_below, out)
        batches = [(own_place(out, kiosk_id, w.sent.header.seq, w.sent.header.key, keys_in), [w]) for w in theirs]
    for name, content in batches:
        write_below(out, name, (member for whole in content for member in whole.members))


def to_hub(http: HubHttp, verify_key: str | Sequence[str], suite: str, chunk: list[Whole]) -> list[Line]:
    """To the hub's API; what it says to each. A hub that does not answer rejects nothing for good: import again.

    Only what the hub's receipt proves is called accepted: the file may be thrown away afterwards.
    """
    body = pack(member for whole in chunk for member in whole.members)

    async def send() -> BatchAnswer:
        try:
            kind = {"Content-Type": "application/octet-stream"}
            answer = await http.send("POST", "/v1/batches", body, headers=kind, limit_bytes=LONG_ANSWER_BYTES)
        finally:
            await http.aclose()
        if answer.status != 200:
            raise NoAnswer(answer.problem)
        return decode(answer.body, BatchAnswer)

    try:
        said = {each.key: each for each in trio.run(send).results}
    except (NoAnswer, InvalidMessage) as error:
        return [whole.line("rejected", f"the hub did not take it ({error}); import again") for whole in chunk]
    return [_line_of_result(whole, said.get(whole.sent.header.key), verify_key, suite) for whole in chunk]


def _line_of_result(whole: Whole, found: BatchResult | None, verify_key: str | Sequence[str], suite: str) -> Line:
    sent = whole.sent
    if found is None:
        return whole.line("rejected", "the hub said nothing to it; import again")
    if found.result == "rejected":
        return whole.line("rejected", found.reason)
    if sent.header.suite != suite:
        return whole.line("rejected", f"import it on a machine of suite {sent.header.suite}: it checks receipts")
    try:
        receipt = parse_receipt((found.receipt or "").encode())
        verify_receipt(receipt, verify_key, key=sent.header.key, sha256=sent.digest, suite=suite)
    except (BadSignature, InvalidMessage) as error:
        return whole.line("rejected", f"no receipt of the hub ({error}); import again")
    return whole.line("already known" if found.result == "known" else "accepted", found.reason)
