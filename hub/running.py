"""Runs a hub process on a socket of its own and says when it is ready."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import uvicorn
import uvloop
from litestar.types import ASGIApp

from hub.connections import Connections, Guarded, accept
from hub.stopping import Stop

Ready = Callable[[], Awaitable[None]]
Make = Callable[[Connections, str, socket.socket], Guarded]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio sends without Nagle's delay: 48 ms per answer otherwise.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


class Certificate(NamedTuple):
    """TLS files of a production hub (PEM)."""

    chain: Path
    key: Path


def address(listener: socket.socket, *, tls: bool = False) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn, but for the taking in of connections: that is hub/connections.py's."""

    def __init__(
        self, config: uvicorn.Config, ready: Ready, take_in: Callable[[Make], Awaitable[None]], stop: Stop
    ) -> None:
        super().__init__(config)
        self._stop = stop
        self._ready = ready
        self._take_in = take_in
        self._taking_in: asyncio.Future[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        if self.started:
            # What is here now stays; looking through it again and again was a tenth of a request.
            gc.freeze()
            gc.set_threshold(20_000)
            self._taking_in = asyncio.ensure_future(self._take_in(self._make))
            await self._ready()

    def _make(self, guard: Connections, origin: str, line: socket.socket) -> Guarded:
        shared = {"config": self.config, "server_state": self.server_state, "app_state": self.lifespan.state}
        return Guarded(guard=guard, origin=origin, line=line, **shared)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stop.begin()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._taking_in:
            self._taking_in.cancel()
        await super().shutdown(sockets)


async def _serve(
    app: ASGIApp, listener: socket.socket, ready: Ready, guard: Connections, tls: ssl.SSLContext | None, stop: Stop
) -> None:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="on",
        proxy_headers=False,
        # The connections have limits of their own.
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=3,
    )
    server = _Server(config, ready, lambda make: accept(listener, guard, partial(make, guard), tls), stop)
    watch = asyncio.create_task(guard.watch())
    try:
        await server.serve(sockets=[listener])
    finally:
        watch.cancel()
    if not server.started:
        raise RuntimeError("the hub could not start, see the log")


def tls_context(certificate: Certificate) -> ssl.SSLContext:
    """Raises OSError when the files are no certificate and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


def run(
    app: ASGIApp,
    listener: socket.socket,
    ready: Ready,
    connections: Connections,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then ends cleanly, or by force."""
    # uvicorn stops on these and raises them again afterwards; without a handler that would skip our own ending.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    stop = Stop()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, listener, ready, connections, tls, stop))
    stop.done()
