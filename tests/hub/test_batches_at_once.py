"""Batches that one machine brings at once take neither the connections nor the threads of all others (door 3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hub import batch_intake
from hub.api import messages
from hub.api.problems import Problem
from hub.batch_intake import Judged, TakenIn
from kiosk.messages.batch import Member, read_batch, write_batch
from tests.hub.fixtures import Machine, RunningHub
from tests.waiting import HANG_S

pytestmark = pytest.mark.attack(3)


def caller(kiosk_id: str) -> Any:
    return SimpleNamespace(kiosk_id=kiosk_id, sent=SimpleNamespace(as_file=BytesIO))


def test_a_machine_has_one_batch_read_at_a_time_and_all_have_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ends = [], asyncio.Event()

    async def read_slowly(_: Any, file: BytesIO) -> TakenIn:
        begun.append(file)
        await ends.wait()
        return TakenIn([], [])

    async def story() -> None:
        hub: Any = None
        bring = [asyncio.create_task(messages.post_batch.fn(caller(f"K-{number}"), hub)) for number in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await asyncio.wait_for(messages.post_batch.fn(caller("K-1"), hub), HANG_S)
        assert (refused.value.status, refused.value.kind, len(begun)) == (503, "busy", 2)
        ends.set()
        await asyncio.gather(*bring)
        assert len(begun) == 4
        await messages.post_batch.fn(caller("K-1"), hub)

    monkeypatch.setattr(messages, "take_in_batch", read_slowly)
    asyncio.run(story())


def test_nobody_waits_for_a_connection_while_a_file_is_read(
    monkeypatch: pytest.MonkeyPatch, hub: RunningHub, tmp_path: Path
) -> None:
    sent = Machine(hub, "K-any").envelope("device_event", b"{}", parcels=False)
    members = [Member("envelopes", "one.json", sent.wire), Member("parcels", "one", sent.part)]
    write_batch(tmp_path / "any.tbz", members)
    held, while_read = [], []

    @asynccontextmanager
    async def connection() -> AsyncIterator[None]:
        held.append(None)
        yield
        held.pop()

    def looked_at(*said: Any) -> Iterator[Member]:
        for each in read_batch(*said):
            while_read.append(len(held))
            yield each

    async def signers(*_: Any) -> dict[str, str]:
        return {sent.digest: "a key"}

    async def kept(*said: Any) -> Any:
        assert held, "what is kept is kept in the database"
        return Judged("accepted", "", "K-any", 1, sent.key, None)

    for name, double in (("read_batch", looked_at), ("_signers", signers), ("_receive", kept)):
        monkeypatch.setattr(batch_intake, name, double)
    monkeypatch.setattr(batch_intake.parcels, "put_whole", kept)
    at: Any = SimpleNamespace(pool=SimpleNamespace(connection=connection))
    taken_in = asyncio.run(batch_intake.take_in_batch(at, tmp_path / "any.tbz"))
    assert [each.result for each in taken_in.judged] == ["accepted"]
    assert while_read == [0, 0, 0, 0]
