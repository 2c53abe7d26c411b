"""Runs a hub process on a socket of its own and says when it is ready."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import uvicorn
import uvloop
from litestar.types import ASGIApp

from hub.connections import BACKLOG, Connections, Guarded

Ready = Callable[[], Awaitable[None]]


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
    def __init__(self, config: uvicorn.Config, ready: Ready) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await self._ready()


async def _serve(
    app: ASGIApp, listener: socket.socket, ready: Ready, connections: Connections, tls: ssl.SSLContext | None
) -> None:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=partial(Guarded, guard=connections, tls=tls),  # type: ignore[arg-type]
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="on",
        proxy_headers=False,
        backlog=BACKLOG,
        # The connections have limits of their own.
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=3,
    )
    server = _Server(config, ready)
    watch = asyncio.create_task(connections.watch())
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
    """Serves until SIGTERM or SIGINT, then ends cleanly."""
    # uvicorn stops on these and raises them again afterwards; without a handler that would skip our own ending.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, listener, ready, connections, tls))
