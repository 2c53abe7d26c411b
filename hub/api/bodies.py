"""A request's body on its way in: a small one in memory, a large one in a file, its digest known when all has come.

How long it may take is the connection's to judge (hub/connections.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections import Counter
from typing import Any, BinaryIO

from litestar.types import Receive

from hub.api.problems import Problem

IN_MEMORY_BYTES = 256 * 1024
"""What is longer goes to a file."""


class ClientGone(Exception):
    """Nobody waits for an answer any more."""


class Room:
    """Bytes that the bodies under way may take, in memory and on the disk: of one owner, and of all together."""

    def __init__(self, owner_bytes: int, all_bytes: int) -> None:
        self._owner_bytes = owner_bytes
        self._all_bytes = all_bytes
        self._taken: Counter[str] = Counter()

    def take(self, owner: str, length: int) -> None:
        """Raises Problem 503 when there is no room at present."""
        if self._taken[owner] + length > self._owner_bytes or self._taken.total() + length > self._all_bytes:
            raise Problem(503, "busy", "too many bodies are under way, try again", headers={"Retry-After": "5"})
        self._taken[owner] += length

    def give_back(self, owner: str, length: int) -> None:
        """What was taken."""
        self._taken[owner] -= length
        if not self._taken[owner]:
            del self._taken[owner]


class Body:
    """A body as far as it has come. Its user closes it. Its file has no name: it goes with it, however this ends."""

    def __init__(self, room: Room, owner: str) -> None:
        self._room = room
        self._owner = owner
        self._pieces: list[bytes] = []
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None
        self.length = 0

    @property
    def sha256(self) -> str:
        """Of what has come, lower-case hex."""
        return self._digest.hexdigest()

    @property
    def content(self) -> bytes:
        """All of it, in memory."""
        if self._file is None:
            return b"".join(self._pieces)
        self._file.seek(0)
        return self._file.read()

    def as_file(self) -> BinaryIO:
        """All of it in a file, which is its own; a small one is written into one."""
        return self._file or self._write(self._pieces)

    async def add(self, piece: bytes) -> None:
        """Keeps one more piece. Raises Problem 503."""
        self._room.take(self._owner, len(piece))
        self.length += len(piece)
        self._digest.update(piece)
        if self._file is None and self.length <= IN_MEMORY_BYTES:
            self._pieces.append(piece)
        else:
            await asyncio.to_thread(self._write, [*self._pieces, piece])

    def _write(self, pieces: list[bytes]) -> BinaryIO:
        if self._file is None:
            # In memory again, where /tmp is (tmpfs), it would be none of the disk's.
            folder = os.environ.get("TMPDIR", "/var/tmp")  # noqa: S108 - it gets no name there
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._file.write(b"".join(pieces))
        self._pieces = []
        return self._file

    def close(self) -> None:
        """Gives back what it took."""
        if self._file:
            self._file.close()
        self._room.give_back(self._owner, self.length)
        self.length = 0


NO_BODY = Body(Room(0, 0), "")


async def read_into(body: Body, receive: Receive, limit_bytes: int) -> None:
    """The whole body of a request. Raises Problem 413 or 503, ClientGone."""
    more = True
    while more:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        more = message["more_body"]
        if body.length + len(message["body"]) > limit_bytes:
            raise too_large()
        if message["body"]:
            await body.add(message["body"])


def too_large() -> Problem:
    """Before or while it comes."""
    return Problem(413, "request", "Request Entity Too Large")
