"""Certificate photographs: one instruction at a time until every check is met, then the sharpest of five, cropped.

Several documents get one photograph: every crop lies in the same picture, and the checks of each hold for it.

Nothing is painted, neither skin nor background: that would be tampering with an official photo.
Thresholds are the start values of the facts page (OFIQ, ISO/IEC 29794-5, where it has formulas for pixels and marks).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from importlib import resources
from typing import NamedTuple

import cv2
import msgspec
import numpy as np

from kiosk import shapes
from kiosk.vision.faces import OUTER_EYES, Face, FaceDetector, FaceMesh, yaw_deg

SCORE = 0.75
BEST_OF = 5
STEADY_S = 0.8
"""So long every check must have been met before the first of the five is taken."""
PITCH_ZERO_DEG = 4.0
"""What the mesh says of a level head before a camera that hangs as ours do."""
_YAW_DEG, _ROLL_DEG, _PITCH_DEG = 6.0, 5.0, 11.0
_EYES_OPEN, _MOUTH_CLOSED = 0.035, 0.05
_LEAST_EYES_PX = 62
"""Between the eyes' centres; OFIQ's midpoint is 70, the photograph itself needs less."""
_BRIGHT, _DARK = 247, 25
_MOST_BRIGHT, _MOST_DARK = 0.02, 0.05
_LEAST_BRIGHT = 60
_EVEN = 0.62
"""The darker cheek as a share of the lighter one."""
_WHITE_L, _WHITE_AB, _PLAIN = 90.0, 5.0, 10.0
_LEAST_SHARP = 20.0
_EYE_GLARE, _MOST_GLARE = 235, 0.015
_CHIN, _FOREHEAD, _LIPS = 152, 10, (13, 14)
_LIDS = ((159, 145), (386, 374))
_EARS = (234, 454)
_CHEEKS = (50, 280)
_BARE = (50, 195, 280, 425, 2, 205)
"""Around cheeks and nose. A fringe, brows, rims of glasses or a beard are dark in any light."""


class PhotoProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of ``photo_profiles.toml``."""

    width_mm: float
    height_mm: float
    width_px: int
    height_px: int
    dpi: int
    head_width_mm: tuple[float, float]
    head_length_mm: tuple[float, float]
    crown_mm: tuple[float, float]
    jpeg_quality: int
    source: str
    believed: tuple[str, ...] = ()


@cache
def profiles() -> dict[str, PhotoProfile]:
    """Every document's own."""
    raw = (resources.files("kiosk.vision") / "photo_profiles.toml").read_bytes()
    return shapes.from_toml(raw, dict[str, PhotoProfile])


class Crop(NamedTuple):
    """The part of a picture that becomes the photograph, px of the picture."""

    left: float
    top: float
    width: float
    height: float


class Judged(NamedTuple):
    """One picture: what is wrong with it most ("" nothing), where each photograph lies in it, how sharp the face is."""

    wrong: str
    crops: tuple[Crop, ...] = ()
    sharp: float = 0.0


class Judge:
    """Looks at pictures for these profiles; holds none of them."""

    def __init__(self, detector: FaceDetector, mesh: FaceMesh, *profiles: PhotoProfile) -> None:
        self._detector, self._mesh, self._profiles = detector, mesh, profiles

    def judge(self, picture: np.ndarray) -> Judged:
        """The worst failing check of a BGR picture, as a word of ``photo.<word>``."""
        faces = self._detector.detect(picture, SCORE)
        if len(faces) != 1:
            return Judged("several_faces" if faces else "no_face")
        marks = self._mesh.points(picture, faces[0])
        if marks is None:
            return Judged("no_face")
        if wrong := self._pose(faces[0], marks):
            return Judged(wrong)
        crown = _crown(picture, marks)
        crops = tuple(_crop(profile, marks, crown) for profile in self._profiles)
        wrong = _place(picture, crops) or _light(picture, marks, crops) or _expression(picture, marks)
        if wrong:
            return Judged(wrong)
        sharp = _sharpness(picture, marks)
        return Judged("" if sharp >= _LEAST_SHARP else "hold_still", crops, sharp)

    @staticmethod
    def _pose(face: Face, marks: np.ndarray) -> str:
        (x1, y1), (x2, y2) = face.eyes
        across = marks[OUTER_EYES[1]] - marks[OUTER_EYES[0]]
        if abs(np.degrees(np.arctan2(across[1], across[0]))) > _ROLL_DEG:
            return "head_level"
        if abs(yaw_deg(marks)) > _YAW_DEG:
            return "look_straight"
        chin, forehead = marks[_CHIN], marks[_FOREHEAD]
        pitch = np.degrees(np.arctan2(chin[2] - forehead[2], chin[1] - forehead[1])) - PITCH_ZERO_DEG
        if abs(pitch) > _PITCH_DEG:
            return "chin_down" if pitch < 0 else "chin_up"
        return "" if np.hypot(x2 - x1, y2 - y1) >= _LEAST_EYES_PX else "come_closer"


def _crop(profile: PhotoProfile, marks: np.ndarray, crown: float) -> Crop:
    """So that length and width of the head are what the profile allows, and the crown has its room above."""
    length_px, width_px = marks[_CHIN][1] - crown, marks[_EARS[1]][0] - marks[_EARS[0]][0]
    px_per_mm = length_px / _length_mm(profile, width_px / length_px)
    width, height = profile.width_mm * px_per_mm, profile.height_mm * px_per_mm
    middle = (marks[_EARS[0]][0] + marks[_EARS[1]][0]) / 2
    top = crown - sum(profile.crown_mm) / 2 * px_per_mm
    return Crop(float(middle - width / 2), float(top), float(width), float(height))


def _length_mm(profile: PhotoProfile, slimness: float) -> float:
    """The middle of the lengths at which a head of this width : length has an allowed width too.

    A head that is too slim or too broad for any of them gets the allowed length that comes nearest.
    """
    (shortest, longest), (narrowest, widest) = profile.head_length_mm, profile.head_width_mm
    low, high = max(shortest, narrowest / slimness), min(longest, widest / slimness)
    return min(max((low + high) / 2, shortest), longest)


def _place(picture: np.ndarray, crops: Sequence[Crop]) -> str:
    high, wide = picture.shape[:2]
    if any(crop.height > high or crop.width > wide for crop in crops):
        return "step_back"
    if any(
        min(crop.top, crop.left) < 0 or crop.top + crop.height > high or crop.left + crop.width > wide for crop in crops
    ):
        return "to_the_middle"
    return ""


def _crown(picture: np.ndarray, marks: np.ndarray) -> float:
    """The top of the head, hair included: where the column above the face stops being backdrop; else by proportion."""
    column = round(float(marks[_FOREHEAD][0]))
    forehead = max(0, round(float(marks[_FOREHEAD][1])))
    length = float(marks[_CHIN][1] - marks[_FOREHEAD][1])
    top = max(0, round(forehead - length))
    strip = picture[top:forehead, max(0, column - 12) : column + 12].astype(np.int16).mean(axis=1)
    if len(strip) > 8:
        other = np.abs(strip - strip[:4].mean(axis=0)).max(axis=1) > 28
        if other.any():
            return float(top + int(np.argmax(other)))
    return float(marks[_FOREHEAD][1] - 0.22 * length)


def _light(picture: np.ndarray, marks: np.ndarray, crops: Sequence[Crop]) -> str:
    """Exposure of the face, both cheeks alike, and what is behind it."""
    if np.mean(_within(picture, marks) >= _BRIGHT) > _MOST_BRIGHT:
        return "too_bright"
    bare = _within(picture, marks[list(_BARE)])
    if np.mean(bare <= _DARK) > _MOST_DARK or bare.mean() < _LEAST_BRIGHT:
        return "too_dark"
    cheeks = [float(_spot(picture, marks[mark], marks).mean()) for mark in _CHEEKS]
    if min(cheeks) < _EVEN * max(cheeks):
        return "uneven"
    return "" if all(_is_white(picture, crop, marks) for crop in crops) else "background"


def _is_white(picture: np.ndarray, crop: Crop, marks: np.ndarray) -> bool:
    """The backdrop beside and above the head, down to the chin: white and without pattern."""
    left, top = max(0, round(crop.left)), max(0, round(crop.top))
    right, bottom = round(crop.left + crop.width), round(float(marks[_CHIN][1]) - 0.25 * crop.height)
    side = max(4, round(crop.width * 0.09))
    strips = (picture[top:bottom, left : left + side], picture[top:bottom, right - side : right])
    for strip in strips:
        if strip.size == 0:
            return False
        lab = cv2.cvtColor(strip.astype(np.float32) / 255, cv2.COLOR_BGR2LAB).reshape(-1, 3)
        lightness, a, b = np.median(lab, axis=0)
        luma = cv2.GaussianBlur(cv2.cvtColor(strip, cv2.COLOR_BGR2GRAY), (0, 0), 1).astype(np.float32)
        gradient = float(np.mean(np.diff(luma, axis=0) ** 2) + np.mean(np.diff(luma, axis=1) ** 2))
        if lightness < _WHITE_L or max(abs(a), abs(b)) > _WHITE_AB or gradient > _PLAIN:
            return False
    return True


def _expression(picture: np.ndarray, marks: np.ndarray) -> str:
    """Eyes open, mouth closed, no light on glasses. The unit is from the middle of the eyes to the chin."""
    unit = float(np.linalg.norm((marks[33, :2] + marks[263, :2]) / 2 - marks[_CHIN, :2]))
    if min(float(np.linalg.norm(marks[a, :2] - marks[b, :2])) for a, b in _LIDS) / unit < _EYES_OPEN:
        return "eyes_open"
    if float(np.linalg.norm(marks[_LIPS[0], :2] - marks[_LIPS[1], :2])) / unit > _MOUTH_CLOSED:
        return "mouth_closed"
    for inner, outer in ((133, 33), (362, 263)):
        box = _box(picture, marks[[inner, outer]], 0.5)
        shine = (box.min(axis=2) >= _EYE_GLARE).mean() if box.size else 0.0
        if shine > _MOST_GLARE * 4:
            return "glare"
    return ""


def _sharpness(picture: np.ndarray, marks: np.ndarray) -> float:
    """Variance of the Laplacian of the face at 200 px width."""
    face = _around(picture, marks)
    small = cv2.resize(face, (200, max(1, round(200 * face.shape[0] / face.shape[1]))), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


def _within(picture: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Brightness inside the outline of these marks: cloth and hair beside a face say nothing of its exposure."""
    outline = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillConvexPoly(outline, cv2.convexHull(np.round(marks[:, :2]).astype(np.int32)), 1)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[outline > 0]


def _around(picture: np.ndarray, marks: np.ndarray) -> np.ndarray:
    return _box(picture, marks, 0.0)


def _box(picture: np.ndarray, marks: np.ndarray, more: float) -> np.ndarray:
    low, high = marks[:, :2].min(axis=0), marks[:, :2].max(axis=0)
    room = more * float((high - low).max())
    (x1, y1), (x2, y2) = np.maximum(low - room, 0).astype(int), (high + room).astype(int)
    return picture[y1:y2, x1:x2]


def _spot(picture: np.ndarray, mark: np.ndarray, marks: np.ndarray) -> np.ndarray:
    radius = max(3, round(float(marks[_EARS[1]][0] - marks[_EARS[0]][0]) / 14))
    x, y = round(float(mark[0])), round(float(mark[1]))
    return picture[max(0, y - radius) : y + radius, max(0, x - radius) : x + radius]


class PhotoShoot:
    """One try: ``look`` at pictures until the photographs are there. ``wipe`` overwrites what is held."""

    def __init__(self, judge: Judge, *profiles: PhotoProfile) -> None:
        self._judge, self._profiles = judge, profiles
        self._good_since: float | None = None
        self._taken: list[tuple[float, list[np.ndarray]]] = []
        self.wrong = "no_face"

    @property
    def progress(self) -> float:
        """How far it has come, 0..1."""
        return len(self._taken) / BEST_OF

    def look(self, picture: np.ndarray, now_s: float) -> tuple[bytes, ...] | None:
        """A JPEG for each profile once there are five good pictures, cut from the sharpest of them; None before."""
        found = self._judge.judge(picture)
        self.wrong = found.wrong
        if found.wrong:
            self._good_since = None
            return None
        if self._good_since is None:
            self._good_since = now_s
        if now_s - self._good_since < STEADY_S:
            return None
        self._taken.append((found.sharp, [*map(partial(_cut, picture), found.crops, self._profiles)]))
        if len(self._taken) < BEST_OF:
            return None
        return tuple(map(_jpeg, max(self._taken, key=lambda each: each[0])[1], self._profiles))

    def wipe(self) -> None:
        """Overwrite the pictures that were taken."""
        for _, pictures in self._taken:
            for picture in pictures:
                picture[:] = 0
        self._taken.clear()


def _cut(picture: np.ndarray, crop: Crop, profile: PhotoProfile) -> np.ndarray:
    scale = np.array([[profile.width_px / crop.width, 0, 0], [0, profile.height_px / crop.height, 0]], np.float32)
    scale[:, 2] = -crop.left * scale[0, 0], -crop.top * scale[1, 1]
    shrinks = crop.width > profile.width_px
    flags = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.warpAffine(picture, scale, (profile.width_px, profile.height_px), flags=flags)


def _jpeg(picture: np.ndarray, profile: PhotoProfile) -> bytes:
    """A JPEG that says its resolution (JFIF density)."""
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, profile.jpeg_quality])[1].tobytes()
    density = profile.dpi.to_bytes(2, "big")
    return data[:13] + b"\x01" + density + density + data[18:]
