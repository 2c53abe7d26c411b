"""A ``kiosk`` process of its own, watched through its status socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from kiosk.clock import Clock
from kiosk.demo.stage import Stage
from tests.waiting import HANG_S


class KioskProcess:
    """``kiosk walk SCRIPT`` or ``kiosk run`` on a stage; every status line is kept in ``lines``."""

    def __init__(self, stage: Stage, *arguments: str) -> None:
        environment = {**os.environ, **stage.environment, "SDL_VIDEODRIVER": "offscreen"}
        self._clock = Clock()
        self.errors = stage.folder / "process.log"
        with self.errors.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kiosk", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=Path(__file__).resolve().parents[3],
            )
        self.lines: list[dict[str, Any]] = []
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert ready, f"ended with {self.process.wait(HANG_S)}: {self.errors.read_text(errors='replace')[-2000:]}"
        self.ready = json.loads(ready)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(self.ready["status_socket"])
        self._pending = b""

    def until(self, timeout_s: float = HANG_S, **wanted: Any) -> dict[str, Any]:
        """The next status line with these facts. Fails with the lines seen when none comes in time."""
        ends = self._clock.monotonic() + timeout_s
        while True:
            line = self._next(ends)
            assert line is not None, f"no line {wanted}; seen: {[self._brief(x) for x in self.lines[-12:]]}"
            self.lines.append(line)
            if all(line.get(k) == v for k, v in wanted.items()):
                return line

    def until_online(self, *names: str) -> None:
        """Until each of these devices has said that it works, in whatever order they do."""
        missing = set(names)
        while missing:
            missing.discard(self.until(type="device", device="online")["name"])

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """SIGTERM; the exit code."""
        self._socket.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=HANG_S)
        finally:
            with suppress(ProcessLookupError):
                self.process.kill()

    def _next(self, ends: float) -> dict[str, Any] | None:
        while b"\n" not in self._pending:
            left = ends - self._clock.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                chunk = self._socket.recv(65536)
            except TimeoutError:
                return None
            if not chunk:
                return None
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return json.loads(line)

    @staticmethod
    def _brief(line: dict[str, Any]) -> str:
        return " ".join(str(line[k]) for k in ("type", "kind", "name", "state") if k in line)
