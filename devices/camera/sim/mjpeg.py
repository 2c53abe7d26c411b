"""A camera's picture as MJPEG on loopback, drawn only while somebody watches."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BOUNDARY = "frame"
PATH = "/camera.mjpg"
SEND_BUFFER_BYTES = 32 * 1024


class Stream:
    """Draws pictures only while somebody watches; every watcher gets the same ones. ``encoded`` draws one."""

    fps = 20

    def __init__(self) -> None:
        self.frozen = self.stalled = False
        self.watchers = 0
        self.generation = 0
        self._changed = threading.Condition()
        self._number, self._jpeg = 0, b""

    def encoded(self) -> bytes:
        """The next picture as JPEG."""
        raise NotImplementedError

    def run(self) -> None:
        """The drawing thread."""
        due = time.monotonic()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.watchers > 0)
            due = max(due + 1 / self.fps, time.monotonic() - 1 / self.fps)
            time.sleep(max(0.0, due - time.monotonic()))
            if self.stalled:
                continue
            if not self.frozen or not self._jpeg:
                self._jpeg = self.encoded()
            with self._changed:
                self._number += 1
                self._changed.notify_all()

    def next_jpeg(self, after: int) -> tuple[int, bytes]:
        """The first picture after number ``after``; the same number again when none came within a second."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after, 1.0)
            return self._number, self._jpeg

    @contextlib.contextmanager
    def watching(self) -> Any:
        """Count a watcher."""
        with self._changed:
            self.watchers += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self.watchers -= 1

    def drop(self) -> None:
        """Close every connection that is open now."""
        self.generation += 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stream: Stream

    def do_GET(self) -> None:
        """The endless multipart answer."""
        if self.path != PATH:
            self.send_error(404)
            return
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            # As a camera has it: what the other side has no room for is left out, not kept for later.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            with self.stream.watching():
                self._send_pictures()

    def _send_pictures(self) -> None:
        generation, number = self.stream.generation, 0
        while self.stream.generation == generation:
            before = number
            number, jpeg = self.stream.next_jpeg(number)
            if number != before:
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to log: a simulated camera has no visitors but the machine."""


class StreamServer:
    """The address of a stream, which can be unplugged; ``verbs`` are what can go wrong with any camera."""

    def __init__(self, stream: Stream, port: int) -> None:
        self.stream, self.port = stream, port
        self._handler = type("Handler", (_Handler,), {"stream": stream})
        self._server: ThreadingHTTPServer | None = None
        self.replug()
        threading.Thread(target=stream.run, name="draw", daemon=True).start()

    @property
    def url(self) -> str:
        """The stream's address."""
        return f"http://127.0.0.1:{self.port}{PATH}"

    @property
    def plugged(self) -> bool:
        """Whether it serves."""
        return self._server is not None

    @property
    def verbs(self) -> dict[str, Any]:
        """What can go wrong with it."""
        known = (self.freeze, self.stall, self.thaw, self.drop, self.unplug, self.replug)
        return {verb.__name__: verb for verb in known}

    def freeze(self) -> None:
        """Send the same picture again and again."""
        self.stream.frozen = True

    def stall(self) -> None:
        """Keep the connection, send nothing."""
        self.stream.stalled = True

    def thaw(self) -> None:
        """End freeze and stall."""
        self.stream.frozen = self.stream.stalled = False

    def drop(self) -> None:
        """Close the open connections; new ones are served."""
        self.stream.drop()

    def unplug(self) -> None:
        """Close the connections and refuse new ones."""
        server, self._server = self._server, None
        self.stream.drop()
        if server is not None:
            server.shutdown()
            server.server_close()

    def replug(self) -> None:
        """Serve again at the same address."""
        if self._server is None:
            self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
            self._server.daemon_threads = True
            self._server.block_on_close = False
            self.port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=(0.05,), name="http", daemon=True).start()
