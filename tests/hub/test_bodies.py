"""A body on its way in: how much one owner and all together may hold, and that all of it is given back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from hub.api.bodies import IN_MEMORY_BYTES, Body, ClientGone, Room, read_into
from hub.api.problems import Problem
from kiosk.messages.encoding import sha256_hex

pytestmark = pytest.mark.attack(4)
LIMIT_BYTES = 100


def messages(pieces: Iterable[bytes], *, ends: bool = True) -> Any:
    """What a server hands on of a body; without ``ends`` the client goes away in the middle."""
    said = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    said.append({"type": "http.request", "body": b"", "more_body": False} if ends else {"type": "http.disconnect"})

    async def receive() -> Any:
        return said.pop(0)

    return receive


def body(owner: str = "K-1", room: Room | None = None) -> Body:
    return Body(room or Room(1000, 10_000), owner)


@pytest.mark.parametrize("pieces", [[b"x" * 101], [b"x" * 60, b"x" * 41], [b"x"] * 101])
def test_a_body_in_pieces_has_the_limit_of_one_in_a_whole(pieces: list[bytes]) -> None:
    async def story() -> None:
        with pytest.raises(Problem) as refused:
            await read_into(body(), messages(pieces), LIMIT_BYTES)
        assert refused.value.status == 413

    asyncio.run(story())


def test_a_body_as_long_as_the_limit_is_read() -> None:
    async def story() -> None:
        whole = body()
        await read_into(whole, messages([b"x" * 60, b"y" * 40]), LIMIT_BYTES)
        assert (whole.length, whole.content) == (100, b"x" * 60 + b"y" * 40)
        assert whole.sha256 == sha256_hex(whole.content)

    asyncio.run(story())


def test_who_goes_away_in_the_middle_waits_for_no_answer() -> None:
    async def story() -> None:
        with pytest.raises(ClientGone):
            await read_into(body(), messages([b"x"], ends=False), LIMIT_BYTES)

    asyncio.run(story())


def test_a_large_body_is_the_disks_and_has_no_name_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    async def story() -> None:
        large = Body(Room(2 * IN_MEMORY_BYTES, 2 * IN_MEMORY_BYTES), "K-1")
        content = b"0123456789abcdef" * (IN_MEMORY_BYTES // 16) + b"end"
        await read_into(large, messages([content[:9], content[9:-2], content[-2:]]), len(content))
        kept = large.as_file()
        assert os.fstat(kept.fileno()).st_size == len(content)
        assert large.content == content == large.content
        # Whenever this process is killed, nothing of it stays.
        assert list(tmp_path.iterdir()) == []
        large.close()
        assert kept.closed

    asyncio.run(story())


def test_a_small_body_becomes_a_file_for_who_reads_one() -> None:
    async def story() -> None:
        small = body()
        await read_into(small, messages([b"abc", b"def"]), LIMIT_BYTES)
        small.as_file().seek(0)
        assert (small.as_file().read(), small.content) == (b"abcdef", b"abcdef")
        small.close()

    asyncio.run(story())


def test_one_owner_has_its_share_and_leaves_the_others_theirs() -> None:
    async def story() -> None:
        room = Room(owner_bytes=100, all_bytes=150)
        first, second = body("K-1", room), body("K-2", room)
        await first.add(b"x" * 100)
        with pytest.raises(Problem) as refused:
            await body("K-1", room).add(b"x")
        assert refused.value.status == 503
        await second.add(b"x" * 50)
        with pytest.raises(Problem):
            await second.add(b"x")

    asyncio.run(story())


def test_what_was_closed_leaves_all_its_room_to_the_next() -> None:
    async def story() -> None:
        room = Room(owner_bytes=100, all_bytes=100)
        for _ in range(3):
            each = body("K-1", room)
            await each.add(b"x" * 100)
            with pytest.raises(Problem):
                await body("K-2", room).add(b"x")
            each.close()
            each.close()
            assert each.length == 0

    asyncio.run(story())
