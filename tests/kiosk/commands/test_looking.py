"""What a command that looks waits for before it says how a machine is."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import trio.testing

from kiosk.commands.looking import examined_alone
from kiosk.config import load


async def test_doctor_waits_for_the_first_word_of_a_hub_that_takes_its_time(
    config_file: Callable[..., Path], autojump_clock: trio.testing.MockClock
) -> None:
    """After 8 s it said of a hub that had not been heard yet that all was well."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        report = await examined_alone(load(config_file(hub={"url": url, "request_timeout_s": 40.0})))
    assert report["hub"]["state"] == "silent"
