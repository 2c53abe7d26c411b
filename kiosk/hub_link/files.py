"""The file carrier (CONTRACTS §6, docs/file-carrier.md): batches of envelopes into ``out/``, answers from ``in/``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import structlog
import trio

from kiosk.hub_link.carriers import Outgoing
from kiosk.hub_link.outcome import Outcome
from kiosk.messages.batch import (
    FILE_BYTES,
    SUFFIX,
    TROUBLES_TOLD,
    Member,
    batch_name,
    keys_below,
    members_of,
    named_machine,
    own_place,
    read_batch,
    write_below,
)
from kiosk.messages.encoding import InvalidMessage, decode
from kiosk.messages.envelope import Header, wire
from kiosk.messages.foreign import FileIdentity, OpenFolder, Refused, shown
from kiosk.messages.receipts import Receipt, Refusal, parse_receipt
from kiosk.threads import in_thread

log = structlog.get_logger()

BATCH_ENVELOPES = 64
BATCH_BYTES = 32 * 1024 * 1024
LINGER_S = 0.5
LOOK_S = 2.0
AGAIN_AFTER_S = 12 * 3600.0
ROUND_FILES = 500
"""So many are read one after the other before the folder is listed anew: it may hold a hundred times as many."""


class Reply(NamedTuple):
    """One answer from ``in/``: a receipt with its bytes, or a refusal. Not yet verified."""

    said: Receipt | Refusal
    content: bytes


class Said(NamedTuple):
    """The answers of a file, and the things in it that could not be read."""

    replies: list[Reply]
    trouble: list[str]


class Arrived(NamedTuple):
    """A file from ``in/`` and what it says."""

    name: str
    identity: FileIdentity
    replies: list[Reply]
    trouble: list[str]


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
        self._folder = Path(folder)
        self.again_after_s = again_after_s
        self._kiosk_id = kiosk_id
        self._monotonic = monotonic
        self._linger_s = linger_s
        self._look_s = look_s
        self._batch: list[_Waiting] = []
        self._bytes = 0
        self._written: dict[str, float] = {}
        self._keys_of: dict[str, frozenset[str]] = {}
        self._round: list[tuple[str, FileIdentity]] = []
        self._settled: dict[str, FileIdentity] = {}
        self._told: dict[str, str] = {}

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
            await self._write(self._take_waiting())
        else:
            with trio.move_on_after(self._linger_s):
                await waiting.written.wait()
            if waiting in self._batch:
                await self._write(self._take_waiting())
        await waiting.written.wait()
        return waiting.done[0]

    def ask_again(self, key: str) -> None:
        """The city asks for this envelope once more."""
        self._written.pop(key, None)

    async def look(self) -> Arrived | None:
        """The next file of answers, after a pause when there is none; it comes again until it is given to ``settled``.

        None when nothing came.
        """
        found = await in_thread(self._next)
        if found is None:
            await trio.sleep(self._look_s)
        return found

    async def settled(self, arrived: Arrived, trouble: list[str]) -> None:
        """Takes a file away whose answers are kept; with ``trouble`` it is put aside beside its reason."""
        await in_thread(self._put_away, arrived, trouble)

    async def clear_out(self, is_delivered: Callable[[str], bool]) -> None:
        """Takes away batches whose every envelope has its receipt: a stick or gateway may have copied them only."""
        await in_thread(self._clear_out, is_delivered)

    def count_aside(self) -> int:
        """How many files wait in ``aside/`` for a person. A folder that is away has none."""
        try:
            with OpenFolder.at(self._folder) as folder, folder.open_aside() as aside:
                return sum(1 for _ in aside.names(".txt"))
        except (Refused, OSError):
            return 0

    def _take_waiting(self) -> list[_Waiting]:
        batch, self._batch, self._bytes = self._batch, [], 0
        return batch

    def _is_fresh(self, key: str) -> bool:
        at = self._written.get(key)
        return at is not None and self._monotonic() - at < self.again_after_s

    async def _write(self, batch: list[_Waiting]) -> None:
        outcome = Outcome("retry", "")
        try:
            await in_thread(self._write_now, batch)
            outcome = Outcome("sent")
            self._written |= dict.fromkeys((each.key for each in batch), self._monotonic())
        except (Refused, OSError) as error:
            outcome = Outcome("retry", f"the folder cannot be written: {_why(error)}")
        finally:
            for each in batch:
                each.done.append(outcome)
                each.written.set()

    def _write_now(self, batch: list[_Waiting]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with OpenFolder.at(self._folder) as folder, folder.below("out", make_mode=0o777) as out:
            name = batch_name(self._kiosk_id, *_span(batch))
            keys = partial(self._keys_in, out)
            if out.identity(name) is None:
                self._write_file(out, name, batch)
            elif not keys(name).issuperset(each.key for each in batch):
                # The name is taken by other envelopes between the same numbers.
                for each in batch:
                    self._write_file(out, own_place(out, self._kiosk_id, each.seq, each.key, keys), [each])

    def _write_file(self, out: OpenFolder, name: str, batch: list[_Waiting]) -> None:
        size = write_below(out, name, (member for each in batch for member in each.members))
        self._keys_of[name] = frozenset(each.key for each in batch)
        log.info("files.written", file=name, envelopes=len(batch), bytes=size)

    def _keys_in(self, out: OpenFolder, name: str) -> frozenset[str]:
        """The keys that a batch of ours was written with; from its member names after a restart."""
        known = self._keys_of.get(name)
        if known is None:
            known = self._keys_of[name] = keys_below(out, name, trio.from_thread.check_cancelled)
        return known

    def _next(self) -> Arrived | None:
        """The first file of answers that can be read, and what it says; whatever is wrong with others."""
        try:
            with OpenFolder.at(self._folder) as folder, folder.below("in") as incoming:
                self._tell("", "")
                self._round = self._round or self._present(incoming)[:ROUND_FILES]
                while self._round:
                    name, identity = self._round.pop(0)
                    if incoming.identity(name) == identity and (said := self._read(incoming, name)) is not None:
                        return Arrived(name, identity, *said)
        except FileNotFoundError:
            return None
        except (Refused, OSError) as error:
            self._tell("", _why(error))
        return None

    def _present(self, incoming: OpenFolder) -> list[tuple[str, FileIdentity]]:
        """Files of answers that are whole, those with our name first; those for other machines are theirs."""
        names = [name for name in incoming.names(SUFFIX) if named_machine(name) in (None, self._kiosk_id)]
        present = {name: at for name in names if (at := incoming.identity(name)) is not None}
        self._settled = {name: at for name, at in self._settled.items() if present.get(name) == at}
        self._told = {name: why for name, why in self._told.items() if not name or name in present}
        unread = [(name, at) for name, at in present.items() if name not in self._settled]
        return sorted(unread, key=lambda each: (named_machine(each[0]) is None, each))

    def _read(self, incoming: OpenFolder, name: str) -> Said | None:
        """The boundary of one foreign file. None: it stays, and is looked at again."""
        try:
            with incoming.open_file(name, FILE_BYTES) as file:
                return read_answers(file, trio.from_thread.check_cancelled)
        except FileNotFoundError:
            return None
        except Refused as error:
            if not error.may_pass:
                return Said([], [str(error)])
            self._tell(name, str(error))
        except OSError as error:
            self._tell(name, _why(error))
        except Exception as error:
            # What no rule foresaw must not be met again at every start.
            log.exception("files.crashed", file=shown(name))
            return Said([], [f"could not be judged ({type(error).__name__})"])
        return None

    def _tell(self, name: str, reason: str) -> None:
        """Once for each file, or with "" for the folder itself, as long as nothing changes."""
        if reason and self._told.get(name) != reason:
            log.warning("files.unreadable", file=shown(name), reason=shown(reason))
        self._told[name] = reason

    def _put_away(self, arrived: Arrived, trouble: list[str]) -> None:
        name, identity = arrived.name, arrived.identity
        self._settled[name] = identity
        try:
            with OpenFolder.at(self._folder) as folder, folder.below("in") as incoming:
                if trouble:
                    with folder.open_aside() as aside:
                        incoming.put_aside(name, identity, aside, trouble)
                else:
                    incoming.remove(name, identity)
        except (Refused, OSError) as error:
            log.warning("files.stays", file=shown(name), reason=_why(error))

    def _clear_out(self, is_delivered: Callable[[str], bool]) -> None:
        try:
            with OpenFolder.at(self._folder) as folder, folder.below("out") as out:
                ours = [name for name in out.names(SUFFIX) if named_machine(name) == self._kiosk_id]
                for name in ours:
                    self._clear_one(out, name, is_delivered)
        except (Refused, OSError):
            return  # a folder that is away, such as a stick that was pulled out, is cleared when it is back

    def _clear_one(self, out: OpenFolder, name: str, is_delivered: Callable[[str], bool]) -> None:
        try:
            identity, keys = out.identity(name), self._keys_in(out, name)
            if identity is not None and keys and all(map(is_delivered, keys)):
                out.remove(name, identity)
                self._keys_of.pop(name, None)
        except OSError as error:
            log.warning("files.stays", file=name, error=type(error).__name__)


def read_answers(source: Path | BinaryIO, pause: Callable[[], None] = lambda: None) -> Said:
    """The answers of a file, each judged on its own. Raises Refused, OSError when it cannot be read at all."""
    trouble: list[str] = []
    return Said(list(_replies(source, trouble, pause)), trouble)


def _replies(source: Path | BinaryIO, trouble: list[str], pause: Callable[[], None]) -> Iterator[Reply]:
    seen = set()
    for member in read_batch(source, trouble.append, pause):
        if member.kind not in ("receipts", "refusals") or member in seen:
            continue
        seen.add(member)
        try:
            said = parse_receipt(member.content) if member.kind == "receipts" else decode(member.content, Refusal)
            yield Reply(said, member.content)
        except InvalidMessage as error:
            if len(trouble) <= TROUBLES_TOLD:
                trouble.append(shown(f"{member.kind[:-1]}: {error}", 300))


def _why(error: Refused | OSError) -> str:
    return str(error) if isinstance(error, Refused) else error.strerror or type(error).__name__


def _span(batch: list[_Waiting]) -> tuple[int, int]:
    numbers = [each.seq for each in batch]
    return min(numbers), max(numbers)
