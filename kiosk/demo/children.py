"""Child processes of the demo: started quietly, ready when they say so, ended with their parent whatever happens."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import IO, Any

from kiosk.clock import Clock

PR_SET_PDEATHSIG = 1
END_WITHIN_S = 4.0
"""How long children may take to end themselves; Ctrl-C is promised to end everything within five seconds."""

_libc = ctypes.CDLL(None, use_errno=True)


class ChildError(Exception):
    """A child did not get ready; the text says which, why, and where its log is."""


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One process. Its standard error and all lines but the ready line go to ``<folder>/<name>.log``.

    Start it from the main thread: Linux ends it when the thread that started it ends.
    """

    def __init__(
        self,
        name: str,
        argv: list[str],
        folder: Path,
        env: dict[str, str] | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self.ready: dict[str, Any] = {}
        self._is_ready = threading.Event()
        self._asked = False
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **(env or {}), "PYTHONUNBUFFERED": "1"},
                pass_fds=pass_fds,
                start_new_session=True,  # a Ctrl-C at the terminal is for the parent, which ends all in order
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl; no other thread holds a lock that it needs
            )
        assert self.process.stdout is not None
        threading.Thread(target=self._listen, args=(self.process.stdout,), name=name, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def wait_ready(self, timeout_s: float) -> dict[str, Any]:
        """Its ready line. Raises ChildError when it ends first or takes longer."""
        if not self._is_ready.wait(timeout_s):
            raise ChildError(f"{self.name} was not ready within {timeout_s:.0f} s; see {self.log}")
        if not self.ready:
            raise ChildError(f"{self.name} ended with code {self.process.wait()}: {self.last_words()}; see {self.log}")
        return self.ready

    def ended_within(self, timeout_s: float) -> bool:
        """Wait for its end; whether it came in time."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def ask_to_end(self) -> None:
        """SIGTERM, once: a second one would cut short what the first began."""
        if not self._asked and self.alive:
            self._asked = True
            self.process.terminate()

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def _listen(self, stdout: IO[bytes]) -> None:
        with stdout, self.log.open("ab") as log:
            for line in stdout:
                if not self._is_ready.is_set() and (ready := _ready_line(line)):
                    self.ready = ready
                    self._is_ready.set()
                else:
                    log.write(line)
                    log.flush()
        self._is_ready.set()


def end_all(children: list[Child], within_s: float = END_WITHIN_S) -> None:
    """SIGTERM to all at once, SIGKILL to those that are still there after ``within_s``."""
    for child in children:
        child.ask_to_end()
    clock = Clock()
    ends = clock.monotonic() + within_s
    for child in children:
        if not child.ended_within(max(0.0, ends - clock.monotonic())):
            # The group, not the process: what a child has started itself must not stay behind.
            os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()


def _ready_line(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("ready") is True else {}
