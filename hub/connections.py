"""The connections of one hub process: how many there may be, and how long each may take for what it does.

uvicorn's protocol knows no such limits. A connection is a stranger's until a request on it was proved to be an enrolled
machine's. Where there is no room for one more, the stranger that came first goes: those that only sit there cost
whoever speaks nothing, however many they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import resource
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import structlog
from litestar.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kiosk.messages.address import one_form

log = structlog.get_logger()

CONNECTION = "tongban.connection"
"""Where a request's connection stands in its scope."""
BACKLOG = 512
_OTHER_FILES = 256
_TOLD_EVERY_S = 60
_REQUESTS_IN_LINE = 8
"""So many may wait behind the one that is answered. No machine, and no browser, sends one before its answer."""


class Limits(NamedTuple):
    """What connections may be and do. Times are of the event loop's clock."""

    in_all: int = 4096
    by_address: int = 512
    head_bytes: int = 16 * 1024
    """Of a head, and of whatever else is said around a body without being one: sizes of chunks, trailers."""
    head_s: float = 10
    """For the whole head, and for the TLS handshake."""
    body_s: float = 30
    """For any body, and beyond it as long as a slow line needs:"""
    body_bytes_per_s: int = 16 * 1024
    answer_s: float = 600
    idle_s: float = 75
    """Until the next request. An answer must have been fetched by then."""


class Connections:
    """All that are open now. ``behind`` are the addresses of fronts, which bring everybody's requests."""

    def __init__(self, limits: Limits, behind: frozenset[str] = frozenset()) -> None:
        self.limits = limits._replace(in_all=min(limits.in_all, _room_for_files()))
        self._behind = behind
        self._open: dict[Guarded, None] = {}
        self._strangers: dict[Guarded, None] = {}
        self._of_origin: dict[str, dict[Guarded, None]] = {}
        self._closed: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def origin(self, host: str) -> str:
        """As whom a connection from there counts: a front is itself, also where its network is one line's."""
        host = one_form(host)
        return host if host in self._behind else origin_of(host)

    def admit(self, new: Guarded) -> bool:
        """Makes room for a new one, if need be by closing the stranger that came first."""
        same = self._of_origin.setdefault(new.origin, {})
        if new.origin not in self._behind and len(same) >= self.limits.by_address and not self._close_first(same):
            return False
        if len(self._open) >= self.limits.in_all and not self._close_first(self._strangers):
            return False
        for place in (self._open, self._strangers, self._of_origin.setdefault(new.origin, {})):
            place[new] = None
        return True

    def _close_first(self, place: dict[Guarded, None]) -> bool:
        first = next((each for each in place if each in self._strangers), None)
        if first is None:
            self._closed["refused"] += 1
            return False
        self._closed["crowded_out"] += 1
        first.abort()
        self.leave(first)
        return True

    def prove(self, known: Guarded) -> None:
        """A request on it was an enrolled machine's."""
        self._strangers.pop(known, None)

    def leave(self, gone: Guarded) -> None:
        """It is closed, or about to be."""
        same = self._of_origin.get(gone.origin, {})
        for place in (self._open, self._strangers, same):
            place.pop(gone, None)
        if not same:
            self._of_origin.pop(gone.origin, None)

    def close_late(self, now: float) -> None:
        """Closes all whose time is up."""
        for each in [each for each in self._open if each.deadline < now]:
            self._closed["late"] += 1
            each.abort()
            self.leave(each)

    async def watch(self) -> None:
        """Looks every second; what was closed is told once a minute, however many they were."""
        loop = asyncio.get_running_loop()
        told = loop.time()
        while True:
            await asyncio.sleep(1)
            self.close_late(loop.time())
            if self._closed and loop.time() - told >= _TOLD_EVERY_S:
                log.warning("connections_closed", open=len(self._open), **self._closed)
                self._closed.clear()
                told = loop.time()


def prove(scope: Scope) -> None:
    """A request of this connection was proved to be an enrolled machine's."""
    connection = scope.get(CONNECTION)
    if isinstance(connection, Guarded):
        connection.is_proved()


def origin_of(host: str) -> str:
    """Who counts as one: an IPv4 address, or the network of 64 bits that one IPv6 line has."""
    try:
        address = ipaddress.ip_address(one_form(host))
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)).network_address)


def _room_for_files() -> int:
    """How many connections the operating system grants, beside the hub's own files; asks for as many as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(64, hard - BACKLOG - _OTHER_FILES) if hard != resource.RLIM_INFINITY else 1 << 20


class Guarded(HttpToolsProtocol):
    """One connection, counted from its first byte on: TLS, where it is asked for, comes after that."""

    def __init__(self, *, guard: Connections, origin: str, line: socket.socket, **words: Any) -> None:
        super().__init__(**words)
        self._guard = guard
        self._limits = guard.limits
        self._line = line
        self._around_bytes = 0
        self._is_whole = True
        self._in_head = False
        self.origin = origin
        self.deadline = self.loop.time() + self._limits.head_s

    def connection_lost(self, exc: Exception | None) -> None:
        self._guard.leave(self)
        if self.transport is not None:
            super().connection_lost(exc)

    def abort(self) -> None:
        """Closes it without another word."""
        if self.transport is not None:
            self.transport.abort()
        else:
            # In the middle of its handshake, which ends with this.
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def is_proved(self) -> None:
        """It is an enrolled machine's."""
        self._guard.prove(self)

    def data_received(self, data: bytes) -> None:
        self._around_bytes += len(data)
        super().data_received(data)
        if not self._is_whole and self._around_bytes > self._limits.head_bytes:
            self.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[CONNECTION] = self  # type: ignore[typeddict-unknown-key]
        self._around_bytes = 0
        self._in_head, self._is_whole = True, False
        if self.cycle is None or self.cycle.response_complete:
            self.deadline = self.loop.time() + self._limits.head_s

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # what trails a body is nobody's, and could be without end
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._around_bytes = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self._limits.head_bytes:
            raise ValueError("the head is too long")
        super().on_headers_complete()
        if len(self.pipeline) > _REQUESTS_IN_LINE:
            # What came at once, thousands of them, would all be kept until it is answered.
            self.pipeline.clear()
            self.abort()
            raise ValueError("too many requests before an answer")
        length = next((int(value) for name, value in self.headers if name == b"content-length"), 0)
        body_s = self._limits.body_s + length / self._limits.body_bytes_per_s
        self.deadline = self.loop.time() + body_s

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_whole = True
        is_answered = self.cycle is not None and self.cycle.response_complete
        self.deadline = self.loop.time() + (self._limits.idle_s if is_answered else self._limits.answer_s)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # What was refused before its body had come: the rest is read and thrown away, so that the answer arrives.
        self.deadline = self.loop.time() + (self._limits.idle_s if self._is_whole else self._limits.head_s)


Make = Callable[[str, socket.socket], Guarded]


def accept(
    listener: socket.socket, guard: Connections, make: Make, tls: ssl.SSLContext | None
) -> Coroutine[Any, Any, None]:
    """Listens from now on, so that who is told "ready" is not refused; the rest takes connections in for ever."""
    listener.setblocking(False)
    listener.listen(BACKLOG)
    return _take_in(listener, guard, make, tls)


async def _take_in(listener: socket.socket, guard: Connections, make: Make, tls: ssl.SSLContext | None) -> None:
    """One is judged before anything is done for it."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    while True:
        try:
            line, peer = await loop.sock_accept(listener)
        except OSError as error:
            # Gone again before it was accepted, or the whole computer has no more files.
            log.debug("not_accepted", error=type(error).__name__)
            await asyncio.sleep(0.01)
            continue
        new = make(guard.origin(peer[0]), line)
        if guard.admit(new):
            task = loop.create_task(_open(new, line, guard, tls))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        else:
            line.close()


async def _open(new: Guarded, line: socket.socket, guard: Connections, tls: ssl.SSLContext | None) -> None:
    limit_s = guard.limits.head_s if tls else None
    try:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: new, line, ssl=tls, ssl_handshake_timeout=limit_s
        )
    except (OSError, TimeoutError):
        guard.leave(new)
        line.close()
