"""The hub's side of the file carrier: batches from ``out/``, answers into ``in/`` (docs/file-carrier.md).

Whoever may write the folder is a stranger: ``kiosk.messages.foreign`` says how its files are opened.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

import psycopg
import structlog

from hub import events
from hub.batch_intake import Judged, TakenIn, take_in_batch
from hub.context import Hub
from kiosk.logs import place_of
from kiosk.messages.batch import (
    FILE_BYTES,
    SUFFIX,
    Member,
    batch_name,
    keys_below,
    named_machine,
    own_place,
    write_below,
)
from kiosk.messages.foreign import FileIdentity, OpenFolder, Refused, shown

T = TypeVar("T")
LOOK_S = 2.0
TOLD_A_LOOK = 20
"""So many files with trouble are told one by one at each look."""
_log = structlog.get_logger()


class Handled(NamedTuple):
    """One file and what became of it."""

    name: str
    taken_in: TakenIn


def told(name: str, taken_in: TakenIn) -> dict[str, Any]:
    """What became of a file, as the command says it."""
    counts = {result: sum(j.result == result for j in taken_in.judged) for result in ("accepted", "known")}
    rejected = [
        {"kiosk_id": j.kiosk_id, "seq": j.seq, "key": j.key, "reason": j.reason} for j in taken_in.judged if j.reason
    ]
    return {"file": name, **counts, "rejected": rejected, "trouble": taken_in.trouble}


def exit_code(handled: Iterable[Handled]) -> int:
    """0: every envelope is in the inbox, or there was nothing · 3: some are · 1: none is."""
    good = bad = 0
    for _, (judged, trouble) in handled:
        rejected = sum(each.result == "rejected" for each in judged)
        good, bad = good + len(judged) - rejected, bad + rejected + len(trouble)
    return 0 if not bad else 3 if good else 1


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What ``work`` gives; None, and it is canceled, when ``stop`` comes first."""
    doing, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({doing, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            doing.cancel()
        with suppress(asyncio.CancelledError):
            return await doing
        return None
    finally:
        stopped.cancel()


class Folder:
    """One exchange folder. Several hub processes may serve it: what is taken in twice is taken in once."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self._hub = hub
        self.path = folder
        self._seen: set[tuple[str, FileIdentity]] = set()
        self._left: set[tuple[str, FileIdentity]] = set()
        """What is still there and is looked at again; told once."""
        self.trouble = ""
        """Why the folder as a whole cannot be served."""
        self._told = 0

    async def handle_all(self) -> list[Handled]:
        """The same, when all are done."""
        return [each async for each in self.handled()]

    async def handled(self) -> AsyncGenerator[Handled, None]:
        """Every batch that is there now, each as soon as it is done: what follows may break off, or be stopped.

        A file that the disk does not give stays. Raises psycopg.Error.
        """
        self._told = 0
        try:
            with (
                OpenFolder.at(self.path) as exchange,
                exchange.below("out") as out,
                exchange.below("in", make_mode=0o777) as incoming,
            ):
                places = _Places(exchange, out, incoming)
                for name, identity in await _in_thread(self._waiting, out):
                    if (each := await self._handle(places, name, identity)) is not None:
                        yield each
            self.trouble = ""
        except FileNotFoundError:
            return  # nobody has put anything there yet
        except (Refused, OSError) as error:
            self._folder_trouble(error)
        if self._told > TOLD_A_LOOK:
            _log.warning("file_trouble_more", files=self._told - TOLD_A_LOOK)

    def _folder_trouble(self, error: Refused | OSError) -> None:
        reason = _why(error)
        if reason != self.trouble:
            _log.error("folder_refused", reason=reason)
        self.trouble = reason

    def _waiting(self, out: OpenFolder) -> list[tuple[str, FileIdentity]]:
        """The batches that wait, first those that are named as machines do: any number of others may lie there.

        Names say nothing else but that they are whole: half-written ones end in ``.tmp``.
        """
        present = {(name, at) for name in out.names(SUFFIX) if (at := out.identity(name)) is not None}
        self._seen &= present
        self._left &= present
        return sorted(present - self._seen, key=lambda each: (named_machine(each[0]) is None, each))

    async def _handle(self, places: _Places, name: str, identity: FileIdentity) -> Handled | None:
        """The boundary of one foreign file: whatever is wrong with it, the next one has its turn."""
        try:
            with places.out.open_file(name, FILE_BYTES) as file:
                taken_in = await self._judged(name, file)
            # The answers first: a kill in between leaves the batch, and taking it in again gives the same answers.
            stopped = threading.Event()
            await _in_thread(_answer, places.incoming, taken_in.judged, stopped, stopped=stopped)
        except FileNotFoundError:
            return None  # another process was faster
        except Refused as error:
            taken_in = TakenIn([], [str(error)])
            if error.may_pass:
                return self._stays(name, identity, _why(error), taken_in)
        except OSError as error:
            return self._stays(name, identity, _why(error), TakenIn([], [_why(error)]))
        self._seen.add((name, identity))
        await self._finish(places, name, identity, _reasons(taken_in))
        return Handled(shown(name), taken_in)

    async def _judged(self, name: str, file: BinaryIO) -> TakenIn:
        try:
            return await take_in_batch(self._hub, file)
        except (OSError, psycopg.OperationalError):
            raise
        except Exception as error:
            # What no rule foresaw must not be met again at every start.
            _log.error("file_crashed", file=shown(name), error=type(error).__name__, where=place_of(error))
            return TakenIn([], [f"could not be judged ({type(error).__name__})"])

    def _stays(self, name: str, identity: FileIdentity, reason: str, taken_in: TakenIn) -> Handled | None:
        if (name, identity) in self._left:
            return None
        self._left.add((name, identity))
        self._tell("file_stays", name, [reason])
        return Handled(shown(name), taken_in)

    def _tell(self, event: str, name: str, reasons: list[str]) -> bool:
        self._told += 1
        if self._told <= TOLD_A_LOOK:
            _log.warning(event, file=shown(name), reasons=reasons[:10])
        return self._told <= TOLD_A_LOOK

    async def _finish(self, places: _Places, name: str, identity: FileIdentity, reasons: list[str]) -> None:
        """The file leaves ``out/``; with trouble it is put aside, told, and stands in the event log."""
        try:
            if reasons:
                await _in_thread(_put_aside, places, name, identity, reasons)
            else:
                await _in_thread(places.out.remove, name, identity)
        except (Refused, OSError) as error:
            self._tell("file_stays", name, [_why(error)])
        if reasons and self._tell("file_trouble", name, reasons):
            async with self._hub.pool.connection() as conn:
                said = {"file": shown(name), "reasons": reasons[:100]}
                await events.record(conn, self._hub.clock.now(), actor="hub", kind="file_trouble", **said)


class _Places(NamedTuple):
    """The folder and its parts, by their handles."""

    exchange: OpenFolder
    out: OpenFolder
    incoming: OpenFolder


class _Stopped(Exception):
    """Nobody waits for what this thread does any more."""


async def _in_thread(work: Callable[..., T], *values: Any, stopped: threading.Event | None = None) -> T:
    """In a thread that is not left behind: it uses handles that are closed afterwards. ``stopped`` ends it."""
    doing = asyncio.ensure_future(asyncio.to_thread(work, *values))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        if stopped is not None:
            stopped.set()
        await asyncio.wait({doing})
        doing.exception()  # nobody waits for what it ended with
        raise


def _why(error: Refused | OSError) -> str:
    return shown(str(error) if isinstance(error, Refused) else error.strerror or type(error).__name__)


def _reasons(taken_in: TakenIn) -> list[str]:
    rejected = [f"{j.kiosk_id} {j.seq} {j.key}: {j.reason}" for j in taken_in.judged if j.result == "rejected"]
    return [*taken_in.trouble, *rejected]


def _put_aside(places: _Places, name: str, identity: FileIdentity, reasons: list[str]) -> None:
    with places.exchange.open_aside() as aside:
        places.out.put_aside(name, identity, aside, reasons)


def _answer(incoming: OpenFolder, judged: Iterable[Judged], stopped: threading.Event) -> None:
    def pause() -> None:
        if stopped.is_set():
            raise _Stopped

    answers: dict[str, list[tuple[int, Member]]] = {}
    for each in judged:
        if each.answer is not None:
            answers.setdefault(each.kiosk_id, []).append((each.seq, each.answer))
    for kiosk_id, said in answers.items():
        _write_answers(incoming, kiosk_id, said, pause)


def _write_answers(
    incoming: OpenFolder, kiosk_id: str, said: list[tuple[int, Member]], pause: Callable[[], None]
) -> None:
    numbers = [seq for seq, _ in said]
    name = batch_name(kiosk_id, min(numbers), max(numbers))
    if incoming.identity(name) is None:
        write_below(incoming, name, [answer for _, answer in said])
        return
    for seq, answer in said:
        key = answer.name.removesuffix(".json")
        place = own_place(incoming, kiosk_id, seq, key, partial(keys_below, incoming, pause=pause))
        write_below(incoming, place, [answer])
