"""The table of the queue: whole values in a pipe, an unbroken number on every terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cases import new_id
from kiosk.cli import main
from offline_cache.outbox import Outbox
from offline_cache.store import Store

NUMBER = "990101000120270112000014"


@pytest.fixture
def key(tmp_path: Path) -> str:
    """The key of the one envelope that waits."""
    store = Store.open(tmp_path / "store.sqlite", now=lambda: datetime.now(UTC), ballast_mb=0, free_floor_mb=0)
    key = new_id()
    Outbox(store).put(
        kind="case",
        key=key,
        case_id=key,
        receipt_number=NUMBER,
        parts=[("form", b"sealed")],
        stamp=lambda seq, prev, digests: (f"{seq}{prev}".encode(), "s"),
    )
    store.close()
    return key


@pytest.mark.parametrize("words", [["list"], ["show", "1"]])
def test_whole_values_in_a_pipe(config_file: Callable[..., Path], key: str, words: list[str]) -> None:
    done = CliRunner().invoke(main, ["--config", str(config_file()), "queue", *words])
    assert done.exit_code == 0, done.output
    (row,) = [line for line in done.stdout.splitlines() if NUMBER in line]
    assert key in row.split()


@pytest.mark.parametrize("width", [40, 80, 120, 250])
def test_number_is_never_broken_on_a_terminal(config_file: Callable[..., Path], key: str, width: int) -> None:
    command = [sys.executable, "-m", "kiosk", "--config", str(config_file()), "queue", "list"]
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")} | {"TERM": "xterm"}
    done = subprocess.run(command, stdout=theirs, stderr=theirs, env=environment, timeout=100, check=False)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # the other side is closed: everything was read
    os.close(ours)
    assert done.returncode == 0
    assert NUMBER in shown.decode()
    assert key in shown.decode()
