"""The file carrier (CONTRACTS §6, docs/file-carrier.md): batches of envelopes into ``out/``, answers from ``in/``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import structlog
import trio

from kiosk.hub_link.carriers import Outgoing
from kiosk.hub_link.outcome import Outcome
from kiosk.messages.batch import (
    SUFFIX,
    FileIdentity,
    Member,
    batch_name,
    identity_of,
    keys_in,
    members_of,
    named_machine,
    own_place,
    put_aside,
    read_batch,
    take_away,
    write_batch,
)
from kiosk.messages.encoding import InvalidMessage, decode
from kiosk.messages.envelope import Header, wire
from kiosk.messages.receipts import Receipt, Refusal, parse_receipt

log = structlog.get_logger()

BATCH_ENVELOPES = 64
BATCH_BYTES = 32 * 1024 * 1024
LINGER_S = 0.5
LOOK_S = 2.0
AGAIN_AFTER_S = 12 * 3600.0


class Reply(NamedTuple):
    """One answer from ``in/``: a receipt with its bytes, or a refusal. Not yet verified."""

    said: Receipt | Refusal
    content: bytes


class Arrived(NamedTuple):
    """A file from ``in/``. ``trouble`` are the things in it that could not be read."""

    path: Path
    replies: list[Reply]
    trouble: list[str]
    identity: FileIdentity


class _Waiting(NamedTuple):
    seq: int
    key: str
    members: list[Member]
    done: list[Outcome]
    written: trio.Event


class FileCarrier:
    """One machine's side of the folder. What was written is not written again before ``again_after_s``.

    ``monotonic`` is the machine's clock in seconds.
    """

    def __init__(
        self,
        folder: str | Path,
        kiosk_id: str,
        monotonic: Callable[[], float],
        *,
        linger_s: float = LINGER_S,
        look_s: float = LOOK_S,
        again_after_s: float = AGAIN_AFTER_S,
    ) -> None:
        self.out, self.incoming, self.aside = (Path(folder) / name for name in ("out", "in", "aside"))
        self.again_after_s = again_after_s
        self._kiosk_id = kiosk_id
        self._monotonic = monotonic
        self._linger_s = linger_s
        self._look_s = look_s
        self._batch: list[_Waiting] = []
        self._bytes = 0
        self._written: dict[str, float] = {}
        self._keys_of: dict[str, frozenset[str]] = {}
        self._settled: dict[str, FileIdentity] = {}

    async def deliver(self, envelope: Outgoing) -> Outcome:
        """``sent`` once the batch with this envelope is in ``out/`` and synced. A folder that is away is ``retry``."""
        if self._is_fresh(envelope.key):
            return Outcome("sent")
        header = decode(envelope.header, Header)
        parcels = [(part.sha256, await envelope.parcel(part.name)) for part in envelope.parts]
        members = list(members_of(wire(envelope.header, envelope.signature), envelope.key, parcels))
        waiting = _Waiting(header.seq, envelope.key, members, [], trio.Event())
        self._batch.append(waiting)
        self._bytes += sum(len(member.content) for member in members)
        if len(self._batch) >= BATCH_ENVELOPES or self._bytes >= BATCH_BYTES:
            await self._write(self._take())
        else:
            with trio.move_on_after(self._linger_s):
                await waiting.written.wait()
            if waiting in self._batch:
                await self._write(self._take())
        await waiting.written.wait()
        return waiting.done[0]

    def ask_again(self, key: str) -> None:
        """The city asks for this envelope once more."""
        self._written.pop(key, None)

    async def look(self) -> Arrived | None:
        """The next file of answers, after a pause when there is none; it comes again until it is given to ``settled``.

        None when nothing came.
        """
        try:
            for path in await trio.to_thread.run_sync(self._present):
                return await trio.to_thread.run_sync(read_answers, path)
        except OSError as error:
            log.warning("files.unreadable", error=type(error).__name__)
        await trio.sleep(self._look_s)
        return None

    async def settled(self, arrived: Arrived, trouble: list[str]) -> None:
        """Takes a file away whose answers are kept; with ``trouble`` it is put aside beside its reason."""
        await trio.to_thread.run_sync(self._settle, arrived, trouble)

    async def clear_out(self, is_delivered: Callable[[str], bool]) -> None:
        """Takes away batches whose every envelope has its receipt: a stick or gateway may have copied them only."""
        await trio.to_thread.run_sync(self._clear_out, is_delivered)

    def count_aside(self) -> int:
        """How many files wait in ``aside/`` for a person. A folder that is away has none."""
        return len(list(self.aside.glob(f"*{SUFFIX}")))

    def _take(self) -> list[_Waiting]:
        batch, self._batch, self._bytes = self._batch, [], 0
        return batch

    def _is_fresh(self, key: str) -> bool:
        at = self._written.get(key)
        return at is not None and self._monotonic() - at < self.again_after_s

    async def _write(self, batch: list[_Waiting]) -> None:
        outcome = Outcome("retry", "stopped")
        try:
            await trio.to_thread.run_sync(self._write_now, batch)
            outcome = Outcome("sent")
            self._written |= dict.fromkeys((each.key for each in batch), self._monotonic())
        except OSError as error:
            outcome = Outcome("retry", f"the folder cannot be written: {error.strerror or type(error).__name__}")
        finally:
            for each in batch:
                each.done.append(outcome)
                each.written.set()

    def _write_now(self, batch: list[_Waiting]) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / batch_name(self._kiosk_id, *_span(batch))
        if not path.exists():
            self._write_file(path, batch)
        elif not self._keys_in(path).issuperset(each.key for each in batch):
            # The name is taken by other envelopes between the same numbers.
            for each in batch:
                self._write_file(own_place(self.out, self._kiosk_id, each.seq, each.key, self._keys_in), [each])

    def _write_file(self, path: Path, batch: list[_Waiting]) -> None:
        size = write_batch(path, (member for each in batch for member in each.members))
        self._keys_of[path.name] = frozenset(each.key for each in batch)
        log.info("files.written", file=path.name, envelopes=len(batch), bytes=size)

    def _keys_in(self, path: Path) -> frozenset[str]:
        """The keys that a batch of ours was written with; from its member names after a restart."""
        known = self._keys_of.get(path.name)
        if known is None:
            known = self._keys_of[path.name] = keys_in(path)
        return known

    def _present(self) -> list[Path]:
        """Files of answers that are whole, oldest name first; those for other machines are theirs."""
        if not self.incoming.is_dir():
            return []
        ours = (None, self._kiosk_id)
        found = sorted(p for p in self.incoming.glob(f"*{SUFFIX}") if named_machine(p.name) in ours)
        return [p for p in found if self._settled.get(p.name) != identity_of(p)]

    def _settle(self, arrived: Arrived, trouble: list[str]) -> None:
        path = arrived.path
        self._settled[path.name] = arrived.identity
        try:
            if trouble:
                put_aside(path, self.aside, trouble)
            take_away(path, arrived.identity)
        except OSError as error:
            log.warning("files.stays", file=path.name, error=type(error).__name__)

    def _clear_out(self, is_delivered: Callable[[str], bool]) -> None:
        if not self.out.is_dir():
            return
        for path in self.out.glob(f"*{SUFFIX}"):
            if named_machine(path.name) != self._kiosk_id:
                continue
            try:
                keys = self._keys_in(path)
                if keys and all(map(is_delivered, keys)):
                    path.unlink(missing_ok=True)
                    self._keys_of.pop(path.name, None)
            except OSError as error:
                log.warning("files.stays", file=path.name, error=type(error).__name__)


def read_answers(path: Path) -> Arrived:
    """The answers of a file, each judged on its own. Raises OSError when it cannot be read at all."""
    trouble: list[str] = []
    identity = identity_of(path)
    return Arrived(path, list(_replies(path, trouble)), trouble, identity)


def _replies(path: Path, trouble: list[str]) -> Iterator[Reply]:
    seen = set()
    for member in read_batch(path, trouble.append):
        if member.kind not in ("receipts", "refusals") or member in seen:
            continue
        seen.add(member)
        try:
            said = parse_receipt(member.content) if member.kind == "receipts" else decode(member.content, Refusal)
            yield Reply(said, member.content)
        except InvalidMessage as error:
            trouble.append(f"{member.kind[:-1]}: {error}")


def _span(batch: list[_Waiting]) -> tuple[int, int]:
    numbers = [each.seq for each in batch]
    return min(numbers), max(numbers)
