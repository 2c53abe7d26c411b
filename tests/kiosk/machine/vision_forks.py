"""The vision process of a machine that runs in this process, forked where what it needs is loaded already.

Loading OpenCV, dlib and the nets costs half a second of a processor, and each story of a machine has a vision process
of its own. A forked one is as fresh: nothing has looked at a picture where it comes from. Machines that are processes
of their own, the tests of vision, and who searches such a process's memory start theirs as a machine does.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import trio

from kiosk.vision.client import VisionWorker

ROOT = Path(__file__).resolve().parents[3]
_HANDLES = 2
"""The socket to the machine and the pictures of the preview."""


class ForkedWorker:
    """Like a ``trio.Process``, of what is no child of ours."""

    def __init__(self, pid: int, alive: int) -> None:
        self.pid = pid
        self._alive = alive

    def kill(self) -> None:
        """Raises ProcessLookupError when it has ended."""
        signal.pidfd_send_signal(self._alive, signal.SIGKILL)

    async def wait(self) -> int:
        """For its end, once; its code is told to a parent only."""
        await trio.lowlevel.wait_readable(self._alive)
        os.close(self._alive)
        return 0


class VisionForks:
    """A process that forks vision processes; it ends when this one closes its end of the line."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            none = subprocess.DEVNULL
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=none, stdout=none, pass_fds=[theirs.fileno()])

    def fork(self, connection: socket.socket, frames_fd: int) -> ForkedWorker:
        """A vision process at the other end of ``connection``."""
        socket.send_fds(self._line, [b"fork"], [connection.fileno(), frames_fd])
        said, (alive,), _, _ = socket.recv_fds(self._line, 16, 1)
        return ForkedWorker(int(said), alive)


forks = cache(VisionForks)


async def spawned(worker: VisionWorker, theirs: socket.socket) -> Any:
    """In the place of ``VisionWorker._spawn``."""
    assert worker._segment is not None
    return forks().fork(theirs, worker._segment.fd)


def _serve(line: socket.socket) -> None:
    worker: Any = importlib.import_module("kiosk.vision.worker")
    nets = worker.Nets()
    worker.Nets = lambda: nets
    # Whoever asked waits for their end by a handle: nobody is left to be reaped.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        _, handles, _, _ = socket.recv_fds(line, 16, _HANDLES)
        if not handles:
            return
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            line.close()
            connection, frames = map(str, handles)
            os._exit(worker.main(["--socket-fd", connection, "--frames-fd", frames]))
        for handle in handles:
            os.close(handle)
        alive = os.pidfd_open(pid)
        socket.send_fds(line, [str(pid).encode()], [alive])
        os.close(alive)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as theirs_line:
        _serve(theirs_line)
