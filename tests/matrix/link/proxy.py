"""A relay between machine and hub, request by request, that does to each what its dice say."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections import Counter
from contextlib import suppress
from random import Random
from typing import NamedTuple

LENGTH = re.compile(rb"(?im)^content-length: *(\d+)")
PORTAL = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>Hello!</html>."
SHARES = {
    "cut request": 0.06,
    "cut answer": 0.06,
    "late answer": 0.01,
    "late request": 0.01,
    "twice, first answer": 0.05,
    "twice, second answer": 0.01,
    "5xx, not seen by the hub": 0.02,
    "5xx in place of the answer": 0.02,
    "portal": 0.01,
    "page in place of the answer": 0.02,
    "page, not seen by the hub": 0.02,
}
"""Of all requests; ``refused`` is of all connections."""
REFUSED = 0.08
LATE_S = 1.0


class _Cut(Exception):
    """This connection ends here, without a word."""


class _Upstream(NamedTuple):
    reader: StreamReader
    writer: StreamWriter


class Proxy:
    """Listens on loopback. ``counts`` tells what was done how often."""

    def __init__(self, target: tuple[str, int], seed: int, *, refused: float = REFUSED) -> None:
        self.target = target
        self.counts: Counter[str] = Counter()
        self.port = 0
        self._dice, self._refused = Random(seed), refused
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def start(self) -> None:
        self._thread.start()
        listener = asyncio.start_server(self._connected, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(listener, self._loop).result(5)
        self.port = server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.counts["connections"] += 1
        upstream: _Upstream | None = None
        try:
            if self._dice.random() < self._refused:
                self.counts["refused"] += 1
                raise _Cut
            upstream = _Upstream(*await asyncio.open_connection(*self.target))
            while True:
                await self._request(await _message(reader), upstream, writer)
        except (_Cut, OSError, IncompleteReadError):
            _reset(writer)
        finally:
            for each in (writer, upstream.writer if upstream else None):
                if each is not None:
                    each.close()

    async def _request(self, request: bytes, upstream: _Upstream, client: StreamWriter) -> None:
        self.counts["requests"] += 1
        fault = self.fault()
        if fault:
            self.counts[fault] += 1
        if fault == "cut request":
            upstream.writer.write(request[: self._dice.randrange(len(request))])
            await upstream.writer.drain()
            raise _Cut
        if fault == "late request":
            self._later(request)
            await asyncio.sleep(LATE_S)
            raise _Cut
        if fault == "portal":
            client.write(PORTAL)
        elif fault == "page, not seen by the hub":
            client.write(self._page())
        elif fault == "5xx, not seen by the hub":
            client.write(self._server_error())
        else:
            answer = await _exchange(request, upstream)
            await self._answer(fault, request, answer, upstream, client)
        await client.drain()

    async def _answer(
        self, fault: str, request: bytes, answer: bytes, upstream: _Upstream, client: StreamWriter
    ) -> None:
        if fault == "cut answer":
            client.write(answer[: self._dice.randrange(len(answer))])
            await client.drain()
            raise _Cut
        if fault == "late answer":
            await asyncio.sleep(LATE_S)
        elif fault == "5xx in place of the answer":
            answer = self._server_error()
        elif fault == "page in place of the answer":
            answer = self._page()
        elif fault.startswith("twice"):
            second = await _exchange(request, upstream)
            answer = second if fault.endswith("second answer") else answer
        client.write(answer)

    def fault(self) -> str:
        """What happens to the next request; empty: nothing."""
        left = self._dice.random()
        for fault, share in SHARES.items():
            left -= share
            if left < 0:
                return fault
        return ""

    def _later(self, request: bytes) -> None:
        """What the machine has long given up reaches the hub all the same."""

        async def arrive(wait_s: float) -> None:
            await asyncio.sleep(wait_s)
            with suppress(OSError, IncompleteReadError):
                upstream = _Upstream(*await asyncio.open_connection(*self.target))
                await _exchange(request, upstream)
                upstream.writer.close()

        task = asyncio.ensure_future(arrive(LATE_S + 2 * self._dice.random()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _page(self) -> bytes:
        """A gateway's refusal in words of its own, under whatever name."""
        status = self._dice.choice((b"400 Bad Request", b"409 Conflict", b"413 Too Large", b"422 Unprocessable"))
        kind = self._dice.choice((b"text/html", b"application/problem+json", b"application/json"))
        return b"HTTP/1.1 " + status + b"\r\nContent-Type: " + kind + b"\r\nContent-Length: 9\r\n\r\n<p>No</p>"

    def _server_error(self) -> bytes:
        status = self._dice.choice((b"500 Internal Server Error", b"502 Bad Gateway", b"503 Service Unavailable"))
        return b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"


async def _exchange(request: bytes, upstream: _Upstream) -> bytes:
    upstream.writer.write(request)
    await upstream.writer.drain()
    return await _message(upstream.reader, bodiless=request.startswith(b"HEAD "))


async def _message(reader: StreamReader, *, bodiless: bool = False) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    return head if bodiless or not length else head + await reader.readexactly(int(length[1]))


def _reset(writer: StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
