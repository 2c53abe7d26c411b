"""A simulated camera: synthetic people as MJPEG on loopback. ``python -m devices.camera.sim --people FILE``."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from devices.camera.sim.people import faces_of
from devices.camera.sim.puppet import FaceSpec, render
from devices.camera.sim.scene import SIZE, TURNS_DEG, Scene
from devices.simulation import SimError, SimServer, control_path

FPS = 20
JPEG_QUALITY = 85
BOUNDARY = "frame"
PATH = "/camera.mjpg"


class Stream:
    """Draws pictures only while somebody watches; every watcher gets the same ones."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.frozen = self.stalled = False
        self.clip: cv2.VideoCapture | None = None
        self.clip_path = ""
        self.watchers = 0
        self.generation = 0
        self._changed = threading.Condition()
        self._number, self._jpeg = 0, b""

    def run(self) -> None:
        """The drawing thread."""
        due = time.monotonic()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.watchers > 0)
            due = max(due + 1 / FPS, time.monotonic() - 1 / FPS)
            time.sleep(max(0.0, due - time.monotonic()))
            if self.stalled:
                continue
            if not self.frozen or not self._jpeg:
                self._jpeg = self._encoded()
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

    def _encoded(self) -> bytes:
        _, data = cv2.imencode(".jpg", self._picture(), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        return data.tobytes()

    def _picture(self) -> np.ndarray:
        clip = self.clip
        if clip is None:
            return self.scene.draw(time.monotonic(), self._number)
        good, frame = clip.read()
        if not good:
            clip.set(cv2.CAP_PROP_POS_FRAMES, 0)
            good, frame = clip.read()
        return cv2.resize(frame, SIZE) if good else np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


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


class CameraSim:
    """The verbs of the control socket, and the server that can be unplugged."""

    def __init__(self, people: dict[str, FaceSpec], port: int) -> None:
        self._people = people
        self.scene = Scene()
        self.stream = Stream(self.scene)
        self._who = ""
        self._handler = type("Handler", (_Handler,), {"stream": self.stream})
        self._server: ThreadingHTTPServer | None = None
        self.port = port
        self.replug()
        threading.Thread(target=self.stream.run, name="draw", daemon=True).start()

    @property
    def url(self) -> str:
        """The stream's address."""
        return f"http://127.0.0.1:{self.port}{PATH}"

    @property
    def verbs(self) -> dict[str, Any]:
        """Every verb of the control socket."""
        return {
            verb.__name__: verb
            for verb in (
                *(self.person, self.nobody, self.turn, self.blink, self.two_people, self.photo, self.closer),
                *(self.freeze, self.stall, self.thaw, self.dark, self.light, self.noise),
                *(self.drop, self.unplug, self.replug, self.clip, self.live, self.backdrop),
            )
        }

    def person(self, id: str) -> None:
        """Let this person of the people file stand before the camera, alone, looking straight."""
        face = self._face(id)
        self.scene.clear()
        self.scene.person, self._who = face, id

    def nobody(self) -> None:
        """Empty hall."""
        self.scene.clear()
        self._who = ""

    def turn(self, to: str | float) -> None:
        """Turn the head: "left", "right" (the person's own), "centre" or degrees; takes 0.7 s."""
        if isinstance(to, str) and to not in TURNS_DEG:
            raise SimError(f"turn to left, right, centre or degrees, not {to}")
        self.scene.turn(TURNS_DEG[to] if isinstance(to, str) else float(to))

    def blink(self) -> None:
        """Shut the eyes once."""
        self.scene.blinked_at = time.monotonic()

    def two_people(self, id: str) -> None:
        """Let a second person stand beside the first."""
        self.scene.second = self._face(id)

    def photo(self, id: str) -> None:
        """Wave a flat print of this person before the camera instead of a head."""
        face = self._face(id)
        self.scene.clear()
        self.scene.photo, self.scene.photo_since, self._who = face, time.monotonic(), id

    def closer(self, scale: float = 0.3) -> None:
        """Stand nearer or farther: breadth of the face as a share of the picture."""
        self.scene.scale = min(0.6, max(0.05, scale))

    def backdrop(self, white: bool = True) -> None:
        """Let down the white cloth for a certificate photograph, or roll it up."""
        self.scene.white = white

    def freeze(self) -> None:
        """Send the same picture again and again."""
        self.stream.frozen = True

    def stall(self) -> None:
        """Keep the connection, send nothing."""
        self.stream.stalled = True

    def thaw(self) -> None:
        """End freeze and stall."""
        self.stream.frozen = self.stream.stalled = False

    def dark(self) -> None:
        """Cover the lens."""
        self.scene.dark = True

    def light(self) -> None:
        """Uncover the lens."""
        self.scene.dark = False

    def noise(self, level: float = 6.0) -> None:
        """Sensor noise; 1 is normal."""
        self.scene.noise = max(0.0, level)

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

    def clip(self, path: str) -> None:
        """Play a video file over and over instead of the scene."""
        found = cv2.VideoCapture(path)
        if not found.isOpened():
            raise SimError(f"not a video: {path}")
        self.stream.clip, self.stream.clip_path = found, path

    def live(self) -> None:
        """End the clip."""
        self.stream.clip, self.stream.clip_path = None, ""

    def state(self) -> dict[str, Any]:
        """Everything as it is now."""
        scene, stream = self.scene, self.stream
        return {
            "person": self._who,
            "photo": scene.photo is not None,
            "two_people": scene.second is not None,
            "yaw_deg": round(scene.yaw_deg(time.monotonic()), 1),
            "scale": scene.scale,
            "dark": scene.dark,
            "white": scene.white,
            "noise": scene.noise,
            "frozen": stream.frozen,
            "stalled": stream.stalled,
            "plugged": self._server is not None,
            "watchers": stream.watchers,
            "clip": stream.clip_path,
            "people": sorted(self._people),
            "url": self.url,
        }

    def _face(self, person: str) -> FaceSpec:
        if person not in self._people:
            raise SimError(f"no face for {person}; known: {', '.join(sorted(self._people))}")
        # Painted here, not in the stream's thread: the pictures go on while somebody new walks in.
        render(self._people[person])
        return self._people[person]


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="kiosk sim camera", description=__doc__)
    parser.add_argument("--people", type=Path, required=True, help="people file (TOML)")
    parser.add_argument("--port", type=int, default=0, help="TCP port on loopback, 0 for a free one")
    parser.add_argument("--control", help="path of the control socket")
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    sim = CameraSim(faces_of(arguments.people), arguments.port)
    control = SimServer(control_path(arguments.control, "camera"), sim.verbs, sim.state)
    return control.run("camera", url=sim.url)


if __name__ == "__main__":
    sys.exit(main())
