"""The demo's network switch: a relay between machine and hub on loopback that can be cut, slowed or made to lie.

``python -m kiosk.demo.network --target HOST:PORT``; prints a ready line with ``url`` and its control socket, like the
simulated devices do. Verbs: ``restore``, ``cut``, ``silent``, ``slow``, ``nonsense``, ``state``, ``help``.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devices.simulation import SimServer, control_path

PORTAL = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 61\r\nConnection: close\r\n\r\n"
    b"<html><body>Please sign in to use this network.</body></html>"
)
"""What a captive portal answers to everything."""


class Switch:
    """Relays every connection to ``target`` (host, port) according to ``mode``."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.mode, self.delay_s = "open", 0.0
        self._changed = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="accept", daemon=True).start()

    def restore(self) -> Mapping[str, Any]:
        """Everything passes again."""
        return self._become("open")

    def cut(self) -> Mapping[str, Any]:
        """The cable is out: connections break, new ones are reset at once."""
        return self._become("cut")

    def silent(self) -> Mapping[str, Any]:
        """Connections stand, nothing passes: the far side never answers."""
        return self._become("silent")

    def slow(self, delay_s: float = 2.0) -> Mapping[str, Any]:
        """Everything arrives ``delay_s`` late, each way."""
        return self._become("slow", delay_s)

    def nonsense(self) -> Mapping[str, Any]:
        """A portal answers in the hub's place."""
        return self._become("nonsense")

    def state(self) -> Mapping[str, Any]:
        """Mode, delay and the number of open connections."""
        with self._lock:
            return {"mode": self.mode, "delay_s": self.delay_s, "connections": len(self._open) // 2}

    def close(self) -> None:
        """Stop listening and break what is open."""
        self._become("cut")
        self._listener.close()

    def _become(self, mode: str, delay_s: float = 0.0) -> Mapping[str, Any]:
        with self._lock:
            # What a silent line has swallowed is lost: such a connection cannot go on as if nothing had been.
            breaks = mode in ("cut", "nonsense") or self.mode == "silent"
            self.mode, self.delay_s = mode, delay_s
            broken = set(self._open) if breaks else set()
            self._open -= broken
            waiting, self._changed = self._changed, threading.Event()
        waiting.set()
        for connection in broken:
            _reset(connection)
        return self.state()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        if self.mode == "cut":
            _reset(near)
        elif self.mode == "nonsense":
            _answer_as_portal(near)
        else:
            self._relay(near)

    def _relay(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self.target, timeout=5.0)
        except OSError:
            _reset(near)
            return
        far.settimeout(None)
        with self._lock:
            self._open |= {near, far}
            too_late = self.mode in ("cut", "nonsense")
        if too_late:
            _reset(near)
        back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
        back.start()
        self._pump(near, far)
        back.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                changed = self._changed
                if self.mode == "silent":
                    continue
                if self.mode == "slow":
                    changed.wait(self.delay_s)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()


def _answer_as_portal(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(5.0)
        connection.recv(65536)
        connection.sendall(PORTAL)


def main(argv: list[str]) -> int:
    """Serve until SIGTERM; returns the exit code."""
    options = argparse.ArgumentParser(prog="python -m kiosk.demo.network", description=__doc__)
    options.add_argument("--target", required=True, help="host:port that is relayed to")
    options.add_argument("--control", help="path of the control socket")
    chosen = options.parse_args(argv)
    host, _, port = chosen.target.rpartition(":")
    switch = Switch((host, int(port)))
    verbs = {v.__name__: v for v in (switch.restore, switch.cut, switch.silent, switch.slow, switch.nonsense)}
    server = SimServer(Path(control_path(chosen.control, "network")), verbs, switch.state)
    code = server.run("network", url=f"http://127.0.0.1:{switch.port}", port=switch.port)
    switch.close()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
