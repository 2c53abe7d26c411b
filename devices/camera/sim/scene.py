"""What the simulated camera sees: nobody, a person, two, or a flat photo that somebody waves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from devices.camera.sim.puppet import FaceSpec, render

SIZE = (640, 480)
TURN_S = 0.7
BLINK_S = 0.35
PHOTO_SWING_DEG = 40.0
PHOTO_SWING_S = 2.4
MAX_TURN_DEG = 40.0
TURNS_DEG = {"left": 26.0, "right": -26.0, "centre": 0.0}
STEP_DEG = 2.0
"""A head turns in steps that nobody sees as such: the same ones there, back, and at the next person's turn."""
STILLS = 64
"""So many drawn scenes are kept, of 0.9 MB each: the steps of two people who turn to both sides."""
NOISE_PICTURES = 8
WHITE = 246
"""Of the cloth that is let down for a certificate photograph."""


@cache
def backdrop() -> np.ndarray:
    """A bright hall, out of focus."""
    wide, high = SIZE
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    picture = np.empty((high, wide, 3), np.float32)
    picture[:] = (214, 216, 212)
    picture -= (y / high * 34)[..., None]
    for left, width, shade in ((60, 70, 16), (250, 120, -12), (470, 60, 20), (560, 90, -8)):
        picture -= (np.exp(-(((x - left) / width) ** 4)) * shade)[..., None]
    cv2.rectangle(picture, (0, 390), (wide, 402), (150, 156, 160), -1)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 9), 0, 255).astype(np.uint8)


@cache
def _noise(number: int) -> np.ndarray:
    draw = np.random.default_rng(number)
    return draw.normal(0, 2.2, (SIZE[1], SIZE[0], 1)).repeat(3, axis=2).astype(np.int8)


class _Looks(NamedTuple):
    """All that a scene is drawn from. Angles are degrees, ``blink`` 0 (open) to 1 (shut)."""

    person: FaceSpec | None
    second: FaceSpec | None
    photo: FaceSpec | None
    scale: float
    white: bool
    yaw_deg: float
    blink: float
    photo_deg: float


class Sight(NamedTuple):
    """All that a picture is drawn from; ``grain``: which of the noise pictures lies over the scene."""

    looks: _Looks
    dark: bool
    noise: float
    grain: int

    def drawn(self) -> np.ndarray:
        """The picture."""
        picture = _still(self.looks)
        if self.dark:
            picture = picture // 32
        grain = _noise(self.grain)
        if self.noise != 1.0:
            grain = np.clip(grain * self.noise, -127, 127).astype(np.int8)
        out = cv2.add(picture, grain, dtype=cv2.CV_8U)
        out[:4, :4] = self.grain
        return out


@dataclass
class Scene:
    """Changed by the control socket, drawn by the stream; times are monotonic seconds."""

    person: FaceSpec | None = None
    second: FaceSpec | None = None
    photo: FaceSpec | None = None
    dark: bool = False
    noise: float = 1.0
    white: bool = False
    scale: float = 0.3
    turn_from_deg: float = 0.0
    turn_to_deg: float = 0.0
    turned_at: float = 0.0
    blinked_at: float = float("-inf")
    photo_since: float = 0.0

    def clear(self) -> None:
        """Nobody is there."""
        self.person = self.second = self.photo = None
        self.turn_from_deg = self.turn_to_deg = 0.0

    def turn(self, to_deg: float) -> None:
        """Begin to turn the head, to the person's own left when positive."""
        self.turn_from_deg, self.turned_at = self.yaw_deg(time.monotonic()), time.monotonic()
        self.turn_to_deg = float(np.clip(to_deg, -MAX_TURN_DEG, MAX_TURN_DEG))

    def yaw_deg(self, now: float) -> float:
        """Where the head is now."""
        part = float(np.clip((now - self.turned_at) / TURN_S, 0, 1))
        return self.turn_from_deg + (self.turn_to_deg - self.turn_from_deg) * part * part * (3 - 2 * part)

    def draw(self, now: float, number: int) -> np.ndarray:
        """The picture of this moment, never the same twice running: a sensor has noise."""
        return self.sight(now, number).drawn()

    def sight(self, now: float, number: int) -> Sight:
        """What that picture is drawn from."""
        looks = _Looks(
            self.person,
            self.second,
            self.photo,
            self.scale,
            self.white,
            yaw_deg=STEP_DEG * round(self.yaw_deg(now) / STEP_DEG),
            blink=self._blink(now),
            photo_deg=self._photo_deg(now) if self.photo else 0.0,
        )
        return Sight(looks, self.dark, self.noise, number % NOISE_PICTURES)

    def _blink(self, now: float) -> float:
        part = (now - self.blinked_at) / BLINK_S
        return round(float(np.sin(np.pi * part)), 1) if 0 <= part <= 1 else 0.0

    def _photo_deg(self, now: float) -> float:
        return round(PHOTO_SWING_DEG * float(np.sin((now - self.photo_since) * 2 * np.pi / PHOTO_SWING_S)), 1)


@lru_cache(STILLS)
def _still(looks: _Looks) -> np.ndarray:
    """Drawn once: two cores are shared with the machine under test."""
    picture = np.full_like(backdrop(), WHITE) if looks.white else backdrop()
    if looks.photo is not None:
        return _held_photo(picture, looks.photo, looks.photo_deg, looks.scale)
    if looks.second is not None:
        picture = render(looks.second, 0, 0, 0, looks.scale * 0.85, SIZE, background=picture, centre=(0.8, 0.5))
    if looks.person is not None:
        middle = 0.5 if looks.second is None else 0.36
        picture = render(looks.person, looks.yaw_deg, 0, looks.blink, looks.scale, SIZE,
                         background=picture, centre=(middle, 0.54))  # fmt: skip
    return picture


@cache
def _print_of(spec: FaceSpec) -> np.ndarray:
    return render(spec, scale=0.5, size=(480, 560), centre=(0.5, 0.56))


def _held_photo(picture: np.ndarray, spec: FaceSpec, turned_deg: float, scale: float) -> np.ndarray:
    """A printed portrait, turned about its upright middle line."""
    flat = _print_of(spec)
    high, wide = flat.shape[:2]
    grow = SIZE[0] * scale / (wide * 0.5)
    half = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]], np.float64) / 2 * grow
    angle = np.deg2rad(turned_deg)
    depth = half[:, 0] * np.sin(angle)
    near = 1400 / (1400 - depth)
    corners = np.stack([half[:, 0] * np.cos(angle) * near, half[:, 1] * near], -1) + np.array(SIZE) / 2
    source = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    out = picture.copy()
    cv2.warpPerspective(flat, matrix, SIZE, dst=out, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT)
    return out
