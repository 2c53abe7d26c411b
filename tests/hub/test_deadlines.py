"""How long a connection may take for what it does: judged by the loop's clock, which stands still here (door 4)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
import uvicorn
from uvicorn.server import ServerState

from hub.connections import Connections, Guarded, Limits, accept
from hub.running import listen

pytestmark = pytest.mark.attack(4)
HEAD = b"POST /v1/batches HTTP/1.1\r\nhost: x\r\n"


async def silent(_: object, receive: object, __: object) -> None:
    """An application that waits for more."""
    await asyncio.Event().wait()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    loop.time = lambda: 1000.0  # type: ignore[method-assign]
    asyncio.set_event_loop(loop)
    yield loop
    for task in asyncio.all_tasks(loop):
        task.cancel()
        loop.call_soon(loop.stop)
        loop.run_forever()
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def line(loop: asyncio.AbstractEventLoop) -> Guarded:
    config = uvicorn.Config(silent, log_config=None, lifespan="off")
    config.load()
    shared = {"config": config, "server_state": ServerState(), "app_state": {}, "_loop": loop}
    guard = Connections(Limits())
    line = Guarded(guard=guard, origin="192.0.2.1", line=Mock(spec=socket.socket), **shared)
    assert guard.admit(line)
    line.connection_made(Mock(spec=asyncio.Transport, get_extra_info=lambda *_: None))
    return line


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ([], 10),
        ([HEAD], 10),
        ([HEAD, b"content-length: 2\r\n\r\n"], 30),
        ([HEAD, b"content-length: 1638400\r\n\r\n", bytes(1000)], 130),
        ([HEAD, b"transfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n"], 30),
        ([HEAD, b"content-length: 2\r\n\r\n", b"{}"], 600),
    ],
    ids=["nothing", "half a head", "no body yet", "a slow body", "chunks", "all of it"],
)
def test_each_thing_has_its_time_and_no_byte_prolongs_it(line: Guarded, said: list[bytes], seconds: int) -> None:
    for piece in said:
        line.data_received(piece)
    guard = line._guard
    guard.close_late(1000 + seconds)
    assert (len(guard), line.transport.abort.called) == (1, False)
    guard.close_late(1000.1 + seconds)
    assert (len(guard), line.transport.abort.called) == (0, True)


def test_who_is_told_that_the_hub_is_ready_is_not_refused() -> None:
    """Ready is said as soon as connections are asked for, whatever else has its turn first."""
    with listen("127.0.0.1", 0) as listener:
        taking_in = accept(listener, Connections(Limits()), Mock(), None)
        socket.create_connection(listener.getsockname()).close()
        taking_in.close()
