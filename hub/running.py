"""Runs a hub process on a socket of its own and says when it is ready."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable

import uvicorn
from litestar import Litestar


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def address(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await self._ready()


async def _serve(app: Litestar, listener: socket.socket, ready: Callable[[], Awaitable[None]]) -> None:
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=3)
    server = _Server(config, ready)
    await server.serve(sockets=[listener])
    if not server.started:
        raise RuntimeError("the hub could not start, see the log")


def run(app: Litestar, listener: socket.socket, ready: Callable[[], Awaitable[None]]) -> None:
    """Serves until SIGTERM or SIGINT, then ends cleanly."""
    # uvicorn stops on these and raises them again afterwards; without a handler that would skip our own ending.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    asyncio.run(_serve(app, listener, ready))
