"""Clients of httpx that read the head of an answer up to a limit, with whatever comes before it.

RFC 9110 15.2 lets a server send as many interim answers (1xx) as it likes. httpcore takes them in one after the other
without a pause: 64 KB of them hold the loop for a third of a second, again and again until the request's time-out.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, TypeVar, cast

import httpcore
import httpx

HEAD_BYTES = 16 * 1024
"""Of a whole head with all that precedes it; what gateways send has some hundred bytes."""

_Some = TypeVar("_Some")


class _Head:
    def __init__(self) -> None:
        self.left_bytes = HEAD_BYTES


_HEAD: ContextVar[_Head | None] = ContextVar("head", default=None)
"""Of the request that waits for its answer to begin."""


def with_short_heads(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same client, which raises ``httpx.ReadError`` for a head without end."""
    # httpx hands no network backend through, and a transport of one's own takes no proxy from the environment.
    client._transport = _bounded(client._transport)
    client._mounts = {pattern: _bounded(transport) for pattern, transport in client._mounts.items()}
    return client


def _bounded(transport: _Some) -> _Some | _ShortHeads:
    return _ShortHeads(transport) if isinstance(transport, httpx.AsyncHTTPTransport) else transport


class _ShortHeads(httpx.AsyncBaseTransport):
    def __init__(self, transport: httpx.AsyncHTTPTransport) -> None:
        self._transport = transport
        pool = cast("Any", transport._pool)
        pool._network_backend = _Backend(pool._network_backend)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ends with the head; the body is read later, by its own limits."""
        before = _HEAD.set(_Head())
        try:
            return await self._transport.handle_async_request(request)
        finally:
            _HEAD.reset(before)

    async def aclose(self) -> None:
        await self._transport.aclose()


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        head = _HEAD.get()
        if head is None:
            return await self._stream.read(max_bytes, timeout)
        if head.left_bytes <= 0:
            raise httpcore.ReadError(f"an answer whose head has more than {HEAD_BYTES} bytes")
        data = await self._stream.read(min(max_bytes, head.left_bytes), timeout)
        head.left_bytes -= len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(self, *arguments: Any, **named: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(*arguments, **named))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(self, *arguments: Any, **named: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._backend.connect_tcp(*arguments, **named))

    async def connect_unix_socket(self, *arguments: Any, **named: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._backend.connect_unix_socket(*arguments, **named))

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)
