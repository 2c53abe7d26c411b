"""The hub's side of the file carrier: batches from ``out/``, answers into ``in/`` (docs/file-carrier.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from hub import events
from hub.context import Hub
from hub.intake import Judged, TakenIn, take_in
from kiosk.messages.batch import (
    SUFFIX,
    FileIdentity,
    Member,
    batch_name,
    identity_of,
    keys_in,
    own_place,
    put_aside,
    take_away,
    write_batch,
)

LOOK_S = 2.0
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


class Folder:
    """One exchange folder. Several hub processes may serve it: what is taken in twice is taken in once."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self._hub = hub
        self.path = folder
        self._out, self._in, self._aside = (folder / name for name in ("out", "in", "aside"))
        self._seen: set[tuple[str, FileIdentity]] = set()

    def present(self) -> list[Path]:
        """The batches that wait. Names say nothing but that they are whole: half-written ones end in ``.tmp``."""
        return sorted(self._out.glob(f"*{SUFFIX}")) if self._out.is_dir() else []

    async def handle_all(self) -> list[Handled]:
        """Every batch that is there now. A file that the disk does not give stays. Raises psycopg.Error."""
        handled = []
        for path in self.present():
            try:
                identity = identity_of(path)
                if (path.name, identity) not in self._seen:
                    handled.append(await self._handle(path, identity))
            except FileNotFoundError:
                continue  # another process was faster
            except OSError as error:
                _log.error("file_unreadable", file=path.name, error=type(error).__name__)
        return handled

    async def _handle(self, path: Path, identity: FileIdentity) -> Handled:
        taken_in = await take_in(self._hub, path)
        # The answers first: a kill in between leaves the batch, and taking it in again gives the same answers.
        await asyncio.to_thread(self._answer, taken_in.judged)
        if not taken_in.is_whole:
            await self._show(path, taken_in)
        self._seen.add((path.name, identity))
        try:
            await asyncio.to_thread(take_away, path, identity)
        except OSError as error:
            _log.warning("file_stays", file=path.name, error=type(error).__name__)
        return Handled(path.name, taken_in)

    def _answer(self, judged: Iterable[Judged]) -> None:
        answers: dict[str, list[tuple[int, Member]]] = {}
        for each in judged:
            if each.answer is not None:
                answers.setdefault(each.kiosk_id, []).append((each.seq, each.answer))
        self._in.mkdir(parents=True, exist_ok=True)
        for kiosk_id, said in answers.items():
            numbers = [seq for seq, _ in said]
            path = self._in / batch_name(kiosk_id, min(numbers), max(numbers))
            if not path.exists():
                write_batch(path, [answer for _, answer in said])
                continue
            for seq, answer in said:
                key = answer.name.removesuffix(".json")
                write_batch(own_place(self._in, kiosk_id, seq, key, keys_in), [answer])

    async def _show(self, path: Path, taken_in: TakenIn) -> None:
        rejected = [f"{j.kiosk_id} {j.seq} {j.key}: {j.reason}" for j in taken_in.judged if j.result == "rejected"]
        reasons = [*taken_in.trouble, *rejected]
        await asyncio.to_thread(put_aside, path, self._aside, reasons)
        _log.warning("file_trouble", file=path.name, reasons=reasons[:10])
        async with self._hub.pool.connection() as conn:
            now = self._hub.clock.now()
            await events.record(conn, now, actor="hub", kind="file_trouble", file=path.name, reasons=reasons[:100])
