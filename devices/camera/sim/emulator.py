"""A simulated camera: synthetic people as MJPEG on loopback. ``python -m devices.camera.sim --people FILE``."""

from __future__ import annotations

import argparse
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from devices.camera.sim.mjpeg import Stream, StreamServer
from devices.camera.sim.people import faces_of
from devices.camera.sim.puppet import FaceSpec, render
from devices.camera.sim.scene import NOISE_PICTURES, SIZE, STILLS, TURNS_DEG, Scene, Sight
from devices.simulation import SimError, SimServer, control_path

JPEG_QUALITY = 85


class CameraStream(Stream):
    """The scene, or a clip in its place."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene = scene
        self.clip: cv2.VideoCapture | None = None
        self.clip_path = ""

    def encoded(self) -> bytes:
        """See ``Stream``."""
        clip = self.clip
        return _live(self.scene.sight(time.monotonic(), self._number)) if clip is None else _jpeg(_next(clip))


def _next(clip: cv2.VideoCapture) -> np.ndarray:
    good, frame = clip.read()
    if not good:
        clip.set(cv2.CAP_PROP_POS_FRAMES, 0)
        good, frame = clip.read()
    return cv2.resize(frame, SIZE) if good else np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


@lru_cache(STILLS * NOISE_PICTURES)
def _live(sight: Sight) -> bytes:
    """Made once: whoever stands still looks the same again when the noise comes round, twice a second."""
    return _jpeg(sight.drawn())


def _jpeg(picture: np.ndarray) -> bytes:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()


class CameraSim:
    """The verbs of the control socket, and the server that can be unplugged."""

    def __init__(self, people: dict[str, FaceSpec], port: int) -> None:
        self._people = people
        self.scene = Scene()
        self.stream = CameraStream(self.scene)
        self._who = ""
        self.server = StreamServer(self.stream, port)

    @property
    def verbs(self) -> dict[str, Any]:
        """Every verb of the control socket."""
        known = (self.person, self.nobody, self.turn, self.blink, self.two_people, self.photo, self.closer)
        known += (self.dark, self.light, self.noise, self.clip, self.live, self.backdrop)
        return {**self.server.verbs, **{verb.__name__: verb for verb in known}}

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

    def dark(self) -> None:
        """Cover the lens."""
        self.scene.dark = True

    def light(self) -> None:
        """Uncover the lens."""
        self.scene.dark = False

    def noise(self, level: float = 6.0) -> None:
        """Sensor noise; 1 is normal."""
        self.scene.noise = max(0.0, level)

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
            "plugged": self.server.plugged,
            "watchers": stream.watchers,
            "clip": stream.clip_path,
            "people": sorted(self._people),
            "url": self.server.url,
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
    return control.run("camera", url=sim.server.url)


if __name__ == "__main__":
    sys.exit(main())
