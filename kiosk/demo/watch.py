"""Listens to the machine's status socket, so that bench and summary know what it shows and has done."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

RETRY_S = 0.1
"""How soon a machine that is starting is asked again."""


class MachineWatch:
    """Every status line of the machine, kept in order; connects again whenever the machine is back."""

    def __init__(self, status_socket: Path) -> None:
        self._path = str(status_socket)
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self.lines: list[dict[str, Any]] = []
        self.connected = False

    def start(self) -> None:
        """Listen from now on, in a thread of its own."""
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._stop.set()

    def wait_for(
        self, wanted: Callable[[dict[str, Any]], bool], timeout_s: float, start: int = 0
    ) -> dict[str, Any] | None:
        """The first line from ``start`` on that is wanted, or None when none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: any(map(wanted, self.lines[start:])), timeout_s)
            return next(filter(wanted, self.lines[start:]), None)

    def facts(self) -> dict[str, Any]:
        """Whether the machine is there, and its last page."""
        with self._changed:
            page = next((line for line in reversed(self.lines) if line.get("type") == "page"), {})
            return {"connected": self.connected, "page": page}

    def _run(self) -> None:
        while not self._stop.wait(RETRY_S):
            try:
                self._listen()
            except OSError:
                continue
            finally:
                self.connected = False

    def _listen(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(self._path)
            self.connected = True
            for line in connection.makefile("rb"):
                with self._changed:
                    self.lines.append(json.loads(line))
                    self._changed.notify_all()
